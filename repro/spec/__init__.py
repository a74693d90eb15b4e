"""A paper's claims and its training recipe, as data: TOML in, frozen `Experiment` and `Run` out. Imports no torch."""

from repro.claims.rules import Claim, Published
from repro.spec.epochs import train_images
from repro.spec.load import load, parse
from repro.spec.optimization import Optimizer
from repro.spec.places import as_path, known, name_of, names, own, project
from repro.spec.readings import OtherReading, other_readings
from repro.spec.recipe import Constants, Model, Precision, Recipe, StatedRecipe
from repro.spec.resolve import (
    RECIPE_VERSION,
    fingerprint,
    fingerprints,
    identity,
    in_precision,
    resolve,
    source_of,
    stated_recipe,
)
from repro.spec.scale import DEMO, FULL, SCRATCH, Scale, ScaleField
from repro.spec.schedules import Schedule
from repro.spec.schema import Arm, Deviation, Experiment, Lesson, Reading, Reference, Run, Try, is_reading
from repro.spec.tries import is_try
from repro.spec.tries import name_of as name_of_try
from repro.spec.weights import Weights

__all__ = [
    "DEMO",
    "FULL",
    "RECIPE_VERSION",
    "SCRATCH",
    "Arm",
    "Claim",
    "Constants",
    "Deviation",
    "Experiment",
    "Lesson",
    "Model",
    "Optimizer",
    "OtherReading",
    "Precision",
    "Published",
    "Reading",
    "Recipe",
    "Reference",
    "Run",
    "Scale",
    "ScaleField",
    "Schedule",
    "StatedRecipe",
    "Try",
    "Weights",
    "as_path",
    "fingerprint",
    "fingerprints",
    "identity",
    "in_precision",
    "is_reading",
    "is_try",
    "known",
    "load",
    "name_of",
    "name_of_try",
    "names",
    "other_readings",
    "own",
    "parse",
    "project",
    "resolve",
    "source_of",
    "stated_recipe",
    "train_images",
]
