"""What a paper claims and the recipe it was measured with: TOML in, frozen `Experiment` and `Run` out. No torch."""

from repro.spec.load import in_iterations, load, names, parse, train_images
from repro.spec.recipe import Model, Optimizer, Recipe, Schedule
from repro.spec.resolve import DEMO, FULL, RECIPE_VERSION, fingerprint, parse_scale, resolve
from repro.spec.schema import Arm, Claim, Deviation, Experiment, Lesson, Published, Run

__all__ = [
    "DEMO",
    "FULL",
    "RECIPE_VERSION",
    "Arm",
    "Claim",
    "Deviation",
    "Experiment",
    "Lesson",
    "Model",
    "Optimizer",
    "Published",
    "Recipe",
    "Run",
    "Schedule",
    "fingerprint",
    "in_iterations",
    "load",
    "names",
    "parse",
    "parse_scale",
    "resolve",
    "train_images",
]
