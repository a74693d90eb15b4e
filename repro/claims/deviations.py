"""An experiment's deviations from its source: those stated in the spec, and those that follow from its runs."""

import pandas as pd

from repro.spec import Deviation, Experiment

ROUNDED = {
    "bf16": Deviation(
        what="trained in bfloat16: products and activations are rounded to 8 bits",
        why="`--precision auto` uses it if the device has units for it; the sources computed in float32",
        effect="none expected; the experiment precision tests it",
    ),
    "tf32": Deviation(
        what="trained in TensorFloat-32: the factors of products are rounded to 10 bits",
        why="it was requested; the sources computed in float32",
        effect="none expected",
    ),
}


def all_deviations(experiment: Experiment, runs: pd.DataFrame) -> tuple[Deviation, ...]:
    """The spec's deviations, then one per precision below fp32 in which some of `runs` were trained.

    An arm whose recipe sets a precision tests that precision, which is then not a deviation.
    """
    free = [arm.name for arm in experiment.arms if arm.recipe.precision is None]
    found = list(experiment.deviations)
    for precision, deviation in ROUNDED.items():
        trained = set(runs.arm[runs.precision == precision])
        if arms := tuple(name for name in free if name in trained):
            found.append(deviation.model_copy(update={"arms": arms}))
    return tuple(found)


def expected_effect(deviation: Deviation) -> str:
    """The deviation's expected effect, and the measured one if there is any."""
    known = deviation.measured or "not measured here"
    if deviation.other_arm and not deviation.measured:
        known += f" yet: arm {deviation.other_arm} trains the other reading"
    return f"{deviation.effect}; {known}"
