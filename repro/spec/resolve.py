"""Experiment -> runs (arm x seed), at full scale, a reduced scale or as a demo; and a run's fingerprint."""

import hashlib
import json
from fractions import Fraction
from typing import Any

from repro.data import catalog
from repro.errors import UserError
from repro.spec.epochs import resolve_schedule
from repro.spec.recipe import Precision, Recipe, StatedRecipe
from repro.spec.scale import FULL, Scale
from repro.spec.schema import Arm, Experiment, Run

# Increase this when a change to the code changes the numbers of a recipe; the golden-loss test detects such changes.
RECIPE_VERSION = 1


def scaled(recipe: Recipe, scale: Fraction) -> Recipe:
    """The recipe with iterations, drops and warm-up multiplied by `scale`, and at most four evaluations."""
    full = recipe.schedule
    drops = [round(drop * scale) for drop in full.drops]
    iterations = round(full.iterations * scale)
    if iterations < 1 or len(set(drops)) < len(drops) or 0 in drops or (drops and drops[-1] >= iterations):
        raise UserError(f"scale {scale} is too small for {full.iterations} iterations with drops at {list(full.drops)}")
    warmup = full.warmup and full.warmup.model_copy(
        update={"iterations": max(1, round(full.warmup.iterations * scale))}
    )
    schedule = full.model_copy(update={"iterations": iterations, "drops": tuple(drops), "warmup": warmup})
    # an evaluation takes as long as about 25 iterations of 128 images, so a short run has at most four
    every = max(round(recipe.evaluate_every * scale), -(-iterations // 4))
    return recipe.model_copy(update={"schedule": schedule, "evaluate_every": every})


def stated_recipe(experiment: Experiment, arm: Arm, scale: Scale) -> StatedRecipe:
    """The arm's recipe (at DEMO its demo recipe) as the spec states it, before it is scaled."""
    if not scale.is_demo:
        return arm.recipe
    if arm.demo is None:
        raise UserError(f"experiment {experiment.name!r} has no [demo] table")
    return arm.demo


def resolve(
    experiment: Experiment, seeds: range | list[int], *, arms: list[str] | None = None, scale: Scale = FULL
) -> list[Run]:
    """The runs of `arms` (default: all), ordered by seed: every arm is trained once before any is trained twice.

    `arms` may name other readings of arms, and tries, too. UserError for an arm that the experiment does not have.
    """
    wanted = [experiment.trained_as(name) for name in arms or ()] or experiment.arms
    recipes = {}
    for arm in experiment.trained:
        if arm not in wanted:
            continue
        recipe = resolve_schedule(stated_recipe(experiment, arm, scale))
        recipes[arm.name] = recipe if scale.fraction in (None, 1) else scaled(recipe, scale.fraction)
    return [
        Run(
            experiment=experiment.name,
            arm=arm,
            seed=seed,
            scale=scale,
            recipe=recipe,
            source=source_of(experiment, recipe, seed, scale),
        )
        for seed in seeds
        for arm, recipe in recipes.items()
    ]


def source_of(experiment: Experiment, recipe: StatedRecipe, seed: int, scale: Scale) -> Run | None:
    """The run whose weights a run of this recipe starts from; None if it does not start from a run."""
    if not (recipe.weights and recipe.weights.run):
        return None
    name, arm, fixed = recipe.weights.run
    (run,) = resolve(experiment.source_experiment(name), [seed if fixed is None else fixed], arms=[arm], scale=scale)
    return run


PRECISIONS: tuple[Precision, ...] = ("fp32", "tf32", "bf16")


def in_precision(run: Run, precision: Precision) -> Run:
    """The run and its source with `precision` set, unless their recipes already set one."""
    recipe = run.recipe.model_copy(update={"precision": run.recipe.precision or precision})
    source = run.source and in_precision(run.source, precision)
    return run.model_copy(update={"recipe": recipe, "source": source})


def fingerprint(run: Run, data_checksum: str) -> str:
    """Sixteen hex digits that identify a run's numbers: resolved recipe, seed, the data's checksum, RECIPE_VERSION, and
    the fingerprint of the run it starts from.

    The precision is part of the recipe and must be set (see `in_precision`). Names, device, paths, logging and launcher
    are not part of the fingerprint.
    """
    assert run.recipe.precision, f"{run.name}: its precision is not set"
    source = None
    if run.source:
        source = fingerprint(run.source, catalog.describe(run.source.recipe.dataset).checksum)
    return identity(run.recipe.model_dump(mode="json"), run.seed, data_checksum, RECIPE_VERSION, source)


def identity(
    recipe: dict[str, Any], seed: int, data_checksum: str, recipe_version: int, source: str | None = None
) -> str:
    """`source`: the fingerprint of the run whose weights this one starts from."""
    content = {"recipe": recipe, "seed": seed, "data": data_checksum, "recipe_version": recipe_version}
    if source:
        content["source"] = source
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def fingerprints(run: Run, data_checksum: str) -> dict[str, Precision]:
    """Fingerprint -> precision, for each precision that the run may be trained in."""
    allowed = [run.recipe.precision] if run.recipe.precision else PRECISIONS
    return {fingerprint(in_precision(run, precision), data_checksum): precision for precision in allowed}
