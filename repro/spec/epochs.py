"""How long an epoch is: a recipe as a spec states it, its schedule resolve_schedule in iterations."""

import math
from pathlib import Path

from pydantic import ValidationError

from repro.data import catalog
from repro.errors import UserError
from repro.spec.recipe import EpochSchedule, EpochWarmup, Recipe, StatedRecipe


def resolve_schedule(recipe: StatedRecipe) -> Recipe:
    """The recipe with its schedule in iterations. UserError where that is none, or asks for more images than there are.

    An image folder must be on disk for its epochs to be resolve_schedule: catalog.Absent where it is not.
    """
    schedule = recipe.schedule
    fields = dict(recipe)
    if isinstance(schedule, EpochSchedule):
        warmup = schedule.warmup
        fields["schedule"] = {
            "iterations": epochs_to_iterations(recipe, schedule.epochs),
            "drops": [epochs_to_iterations(recipe, epochs) for epochs in schedule.drops],
            "factor": schedule.factor,
            "warmup": {"lr": warmup.lr, "iterations": epochs_to_iterations(recipe, warmup.epochs)}
            if isinstance(warmup, EpochWarmup)
            else warmup,
        }
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        fault = error.errors()[0]
        raise UserError(f"schedule, resolve_schedule in iterations: {fault['msg']}, not {fault['input']}") from error


def epochs_to_iterations(recipe: StatedRecipe, epochs: int) -> int:
    """`epochs` passes over the training images, resolve_schedule in iterations."""
    images = train_images(recipe)
    if recipe.last_batch == "wrap":
        return math.ceil(epochs * images / recipe.batch_size)
    whole = math.ceil if recipe.last_batch == "keep" else math.floor
    return epochs * whole(images / recipe.batch_size)


def train_images(recipe: StatedRecipe, directory: Path | None = None) -> int:
    """How many images the recipe trains on; UserError where its split asks for more than there are."""
    available = catalog.describe(recipe.dataset, directory).train_images
    count = recipe.train_split.removeprefix("train")
    if not count:
        return available
    wanted = int(count.removesuffix("k")) * (1000 if count.endswith("k") else 1)
    if wanted >= available:
        raise UserError(f"train_split = {recipe.train_split!r}: {recipe.dataset} has {available} training images")
    return wanted
