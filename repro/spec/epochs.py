"""Converts a recipe's schedule from epochs to iterations."""

import math
from pathlib import Path

from pydantic import ValidationError

from repro.claims.rules import When
from repro.data import catalog
from repro.errors import UserError
from repro.spec.messages import explain
from repro.spec.recipe import Recipe, StatedRecipe
from repro.spec.schedules import FALLING, EpochSchedule, EpochWarmup


def resolve_schedule(recipe: StatedRecipe) -> Recipe:
    """The recipe with its schedule in iterations. UserError if that is invalid, or the split needs too many images.

    The length of an epoch of an image folder is read from the folder: catalog.Absent if it is not on disk.
    """
    schedule = recipe.schedule
    fields = dict(recipe)
    if isinstance(schedule, EpochSchedule):
        warmup = schedule.warmup
        fields["schedule"] = {
            "iterations": epochs_to_iterations(recipe, schedule.epochs),
            "drops": [epochs_to_iterations(recipe, epochs) for epochs in schedule.drops],
            "factor": schedule.factor,
            "warmup": {
                "lr": warmup.lr,
                "iterations": epochs_to_iterations(recipe, warmup.epochs),
                "shape": warmup.shape,
            }
            if isinstance(warmup, EpochWarmup)
            else warmup,
            "shape": schedule.shape,
            "pieces": schedule.epochs if schedule.shape in FALLING else None,
            "last_lr": schedule.last_lr,
            "rise": schedule.rise,
        }
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        raise UserError("\n".join(explain(error, Recipe, "converted to iterations"))) from error


def epochs_to_iterations(recipe: StatedRecipe, epochs: int) -> int:
    """The number of iterations in `epochs` passes over the training images."""
    images = train_images(recipe)
    if recipe.last_batch == "wrap":
        return math.ceil(epochs * images / recipe.batch_size)
    rounded = math.ceil if recipe.last_batch == "keep" else math.floor
    return epochs * rounded(images / recipe.batch_size)


def iteration_at(recipe: StatedRecipe, when: When) -> int:
    """The iteration after so many epochs or iterations. catalog.Absent as in `resolve_schedule`."""
    return when.number if when.unit == "iteration" else epochs_to_iterations(recipe, when.number)


def train_images(recipe: StatedRecipe, directory: Path | None = None) -> int:
    """The number of images the recipe trains on. UserError if a batch needs more, or its split leaves no others."""
    images = _split_images(recipe, directory)
    if recipe.batch_size > images:
        raise UserError(
            f"batch_size = {recipe.batch_size:,} is not allowed: {recipe.dataset} has {images:,} images in "
            f"train_split = {recipe.train_split!r}"
        )
    return images


def _split_images(recipe: StatedRecipe, directory: Path | None) -> int:
    dataset = catalog.describe(recipe.dataset, directory)
    available, split = dataset.train_images, recipe.train_split.removeprefix("train")
    if not split:
        return available
    if split.endswith("%"):
        return max(1, available * int(split[:-1]) // 100)
    if split.endswith("-per-class"):
        each = int(split.removesuffix("-per-class"))
        images, fits = each * len(dataset.classes), each < min(dataset.class_counts("train"))
    else:
        images = int(split.removesuffix("k")) * (1000 if split.endswith("k") else 1)
        fits = images < available
    if not fits:
        raise UserError(
            f"train_split = {recipe.train_split!r} is not allowed: it must be smaller than the {available} training "
            f"images of {recipe.dataset}"
        )
    return images
