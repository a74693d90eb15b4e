"""An experiment's deviations from its source: those that the spec states, and those that its runs bring along.

Imports no torch.
"""

import pandas as pd

from repro.spec import Deviation, Experiment

ROUNDED = {
    "bf16": Deviation(
        what="trained in bfloat16: products and activations are rounded to 8 bits",
        why="`--precision auto` takes it where the device has units for it; the sources computed in float32",
        effect="none expected; the experiment precision tests it",
    ),
    "tf32": Deviation(
        what="trained in TensorFloat-32: the factors of products are rounded to 10 bits",
        why="it was asked for; the sources computed in float32",
        effect="none expected",
    ),
}


def ledger(experiment: Experiment, runs: pd.DataFrame) -> tuple[Deviation, ...]:
    """The spec's deviations, then a line per precision below fp32 that some of `runs` were trained in.

    An arm whose recipe sets its precision is about that precision, and does not deviate by it.
    """
    free = [arm.name for arm in experiment.arms if arm.recipe.precision is None]
    found = list(experiment.deviations)
    for precision, deviation in ROUNDED.items():
        trained = set(runs.arm[runs.precision == precision])
        if arms := tuple(name for name in free if name in trained):
            found.append(deviation.model_copy(update={"arms": arms}))
    return tuple(found)


def effect(deviation: Deviation) -> str:
    """What is expected of it, and what is known: measured here, or by nobody."""
    known = deviation.measured or "not measured here"
    if deviation.other_arm and not deviation.measured:
        known += f" yet: arm {deviation.other_arm} trains the other reading"
    return f"{deviation.effect}; {known}"
