"""What the records of a claim's runs say: an arm's numbers by seed, a curve's, and errors by class. Judges nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from repro import spec
from repro.claims import protocol
from repro.claims.rules import METRICS, ArmErrors, When
from repro.claims.rules.metrics import Metric
from repro.data import catalog
from repro.errors import UserError
from repro.records.results import Results
from repro.spec import Claim, Experiment, Published, Run
from repro.spec.epochs import iteration_at


@dataclass(frozen=True)
class RecordedEvidence:
    """The `rules.Evidence` of a claim: the records of `runs`, which it rests on."""

    claim: Claim
    experiment: Experiment
    results: Results  # whose files are read
    runs: pd.DataFrame

    @property
    def _arms(self) -> list[spec.Arm]:
        return [self.experiment.arm(name) for name in self.claim.arms]

    @property
    def arms(self) -> list[ArmErrors]:
        return [arm_errors(arm, self.runs, self.claim.measured) for arm in self._arms]

    @property
    def published(self) -> list[Published | None]:
        return [arm.published for arm in self._arms]

    @property
    def different_protocol(self) -> bool:
        if self.claim.measured.selection is None:  # no published number is of this metric
            return False
        return any(protocol.mismatches(number, self.claim.metric) for number in self.published if number)

    def chance_error(self) -> float:
        return chance_error(self._arms[0].recipe.dataset)

    def at(self, when: When) -> ArmErrors:
        arm, of = self._arms[0], self.claim.measured
        runs = self.runs[self.runs.arm == arm.name]
        done = [int(seed) for seed in runs.seed[runs.status == "done"]]
        iteration = self._iteration(when)
        found = {}
        for seed in done:
            metrics = self.results.metrics(self.results.run(arm.name, seed))
            metrics = metrics.assign(train_error=100 - metrics.train_accuracy)
            values = metrics[of.column][metrics.iteration == iteration]
            if len(values) and np.isfinite(values.iloc[-1]):
                found[seed] = float(values.iloc[-1])
        where = str(when) if when.unit == "iteration" or iteration is None else f"{when} (iteration {iteration:,})"
        return ArmErrors(
            f"{of.noun} of {arm.label} at {when}",
            found,
            diverged=len(runs) - len(done),
            lacks="" if len(found) == len(done) else f"{of.noun} of {arm.label} at {where}",
            unit=of.unit,
        )

    def _iteration(self, when: When) -> int | None:
        """None if it counts epochs of an image folder that is not on this machine."""
        try:
            return iteration_at(self._arms[0].recipe, when)
        except catalog.Absent:
            return None

    def by_class(self) -> Mapping[str, Mapping[int, float]]:
        name = self._arms[0].name
        runs = self.runs[(self.runs.arm == name) & (self.runs.status == "done")]
        found: dict[str, dict[int, float]] = {}
        for seed in map(int, runs.seed):
            for title, error in class_errors(self.results, self.results.run(name, seed)).items():
                found.setdefault(title, {})[seed] = error
        return found


def arm_errors(arm: spec.Arm, counted: pd.DataFrame, of: Metric = METRICS["final"]) -> ArmErrors:
    """An arm's errors by seed."""
    runs = counted[counted.arm == arm.name]
    done = runs[runs.status == "done"]
    known = done[done[of.column].notna()]
    return ArmErrors(
        arm.label + of.of_arm,
        {int(seed): float(error) for seed, error in zip(known.seed, known[of.column], strict=True)},
        diverged=len(runs) - len(done),
        lacks="" if len(known) == len(done) else f"{of.noun} of {arm.label}{of.of_arm}",
        unit=of.unit,
    )


def class_errors(results: Results, run: Run) -> dict[str, float]:
    """Class -> the final network's error in % of its test images, in the data set's order."""
    top1, label = results.predictions(run)
    titles = catalog.class_names(run.recipe.dataset, 1 + int(max(top1.max(), label.max())))
    return {title: 100 * float(np.mean(top1[label == index] != index)) for index, title in enumerate(titles)}


def chance_error(dataset: str) -> float:
    """The error (%) of guessing among the data set's classes, assuming a balanced test set.

    Assumes two classes if their number is unknown, as for an image folder that is not on this machine: with two,
    diverged runs count least against a claim.
    """
    try:
        classes = len(catalog.describe(dataset).classes)
    except UserError:
        classes = 2
    return 100 * (1 - 1 / classes)
