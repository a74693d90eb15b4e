"""An experiment's deviations from its source: those stated in the spec, and those that follow from its runs."""

from collections.abc import Sequence

import pandas as pd

from repro.claims import why
from repro.numbers import points, span
from repro.records.results import Results
from repro.spec import Deviation, Experiment

AFTERWARDS = "tried after the result was known"
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


def expected_effects(deviations: Sequence[Deviation], results: Results) -> list[str]:
    """Each deviation's expected effect, and the measured one if there is any."""
    explained = why.explanations(results) if deviations else []
    return [_expected(deviation, results, explained) for deviation in deviations]


def _expected(deviation: Deviation, results: Results, explained: list[why.Explanation]) -> str:
    if measured := deviation.measured or _measured(deviation, explained):
        return f"{deviation.effect}; {measured}"
    known = "not measured here"
    if deviation.other_arm:
        known += f" yet: arm {deviation.other_arm} trains the other reading"
    elif deviation.instead is not None:
        arm = f" --arm {deviation.arms[0]}" if deviation.arms else ""
        known += f" yet: `repro why {results.name}{arm}` trains the other reading"
    return f"{deviation.effect}; {known}"


def _measured(deviation: Deviation, explained: list[why.Explanation]) -> str:
    """What the other reading changes in the arms of which it was trained; "" if it was not."""
    found = []
    for explanation in explained:
        for change in explanation.changes:
            if change.other.deviation == deviation and (effect := change.effect):
                interval = f" {span(effect.interval)}" if effect.interval else ""
                label = explanation.arm.label
                found.append(f"{points(effect.points)}{interval} points in {label} (n = {why.count(effect)})")
    when = f", {AFTERWARDS}," if deviation.afterwards else ""
    return f"the other reading{when} changes the test error by {'; '.join(found)}" if found else ""
