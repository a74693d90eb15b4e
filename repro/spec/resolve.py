"""Experiment -> [Run]: arm x seed, at full scale, a reduced one or as a demo; and a run's fingerprint."""

import hashlib
import json
from fractions import Fraction
from typing import Any

from repro.errors import UserError
from repro.spec.epochs import resolve_schedule
from repro.spec.recipe import Precision, Recipe, StatedRecipe
from repro.spec.scale import FULL, Scale
from repro.spec.schema import Arm, Experiment, Run

# Raise this when a change moves the numbers that a recipe gives: the golden-loss test fails until it is raised.
RECIPE_VERSION = 1


def scaled(recipe: Recipe, scale: Fraction) -> Recipe:
    """The recipe with iterations, drops and warm-up shrunk alike, and at most four evaluations."""
    full = recipe.schedule
    drops = [round(drop * scale) for drop in full.drops]
    iterations = round(full.iterations * scale)
    if iterations < 1 or len(set(drops)) < len(drops) or 0 in drops or (drops and drops[-1] >= iterations):
        raise UserError(
            f"scale {scale} leaves nothing of {full.iterations} iterations with drops at {list(full.drops)}"
        )
    warmup = full.warmup and full.warmup.model_copy(
        update={"iterations": max(1, round(full.warmup.iterations * scale))}
    )
    schedule = full.model_copy(update={"iterations": iterations, "drops": tuple(drops), "warmup": warmup})
    # an evaluation costs as much as some 25 iterations of 128 images: a short run has no more than four of them
    every = max(round(recipe.evaluate_every * scale), -(-iterations // 4))
    return recipe.model_copy(update={"schedule": schedule, "evaluate_every": every})


def stated_recipe(experiment: Experiment, arm: Arm, scale: Scale) -> StatedRecipe:
    """What the spec states for the arm, before `scale` shrinks it."""
    if not scale.is_demo:
        return arm.recipe
    if arm.demo is None:
        raise UserError(f"experiment {experiment.name!r} has no [demo] table")
    return arm.demo


def resolve(
    experiment: Experiment, seeds: range | list[int], *, arms: list[str] | None = None, scale: Scale = FULL
) -> list[Run]:
    """The runs of `arms` (default: all), seed by seed: every arm has one run before any has two.

    UserError for an arm that the experiment does not have.
    """
    wanted = [experiment.arm(name) for name in arms or ()] or experiment.arms
    recipes = {}
    for arm in experiment.arms:
        if arm not in wanted:
            continue
        recipe = resolve_schedule(stated_recipe(experiment, arm, scale))
        recipes[arm.name] = recipe if scale.fraction in (None, 1) else scaled(recipe, scale.fraction)
    return [
        Run(experiment=experiment.name, arm=arm, seed=seed, scale=scale, recipe=recipe)
        for seed in seeds
        for arm, recipe in recipes.items()
    ]


PRECISIONS: tuple[Precision, ...] = ("fp32", "tf32", "bf16")


def in_precision(run: Run, precision: Precision) -> Run:
    """The run with its precision settled; one whose recipe sets it keeps that."""
    settled = run.recipe.precision or precision
    return run.model_copy(update={"recipe": run.recipe.model_copy(update={"precision": settled})})


def fingerprint(run: Run, data_checksum: str) -> str:
    """Sixteen hex digits that identify a run's numbers: resolved recipe, seed, the data's checksum, RECIPE_VERSION.

    The precision is part of the recipe, and must be settled (see `in_precision`). Names, device, paths, logging and
    launcher are no part of it.
    """
    assert run.recipe.precision, f"{run.name}: its precision is not settled"
    return identity(run.recipe.model_dump(mode="json"), run.seed, data_checksum, RECIPE_VERSION)


def identity(recipe: dict[str, Any], seed: int, data_checksum: str, recipe_version: int) -> str:
    content = {"recipe": recipe, "seed": seed, "data": data_checksum, "recipe_version": recipe_version}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def fingerprints(run: Run, data_checksum: str) -> dict[str, Precision]:
    """Fingerprint -> precision, of each precision that the run may be trained in."""
    settled = [run.recipe.precision] if run.recipe.precision else PRECISIONS
    return {fingerprint(in_precision(run, precision), data_checksum): precision for precision in settled}
