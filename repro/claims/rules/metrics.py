"""What a claim may be about: the number of each run that is compared."""

from dataclasses import dataclass
from typing import Literal

from repro.numbers import PERCENT, POINTS, Unit


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of a run.

    column: of the frame of runs (repro.records.frame) or of metrics.csv. noun: in "the test error of A is above 60 %".
    of_arm: what follows an arm's label in a sentence.
    selection: the `Published.selection` of published numbers of this metric; None if no published number is of it.
    rises: whether a run that diverges has a high value.
    kept_in: what of a run holds it: its record, its curve (metrics.csv) or its predictions.
    """

    column: str
    noun: str = "test error"
    of_arm: str = ""
    selection: str | None = None
    unit: Unit = PERCENT
    rises: bool = True
    kept_in: Literal["record", "curve", "predictions"] = "record"


METRICS: dict[str, Metric] = {
    "final": Metric("test_error", selection="final"),
    "best": Metric("best_test_error", selection="best-test"),
    "best-validation": Metric("validated_test_error", of_arm=" (selected on validation)", selection="best-validation"),
    "train_error": Metric("train_error", noun="training error", of_arm=" in training"),
    "gap": Metric("gap", noun="gap between test and training error", of_arm="'s gap", unit=POINTS, rises=False),
}
TEST_ERRORS = tuple(name for name, metric in METRICS.items() if metric.selection)
