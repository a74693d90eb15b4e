"""One verdict per claim of an experiment, from its records. The rules are in `repro.claims.rules`."""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from repro import spec
from repro.claims import protocol, rules
from repro.claims.rules import METRICS, ArmErrors, Verdict
from repro.data import catalog
from repro.errors import UserError
from repro.records.results import Results
from repro.spec import Claim, Experiment, Published, freeze
from repro.spec.freeze import Entry, Registry


@dataclass(frozen=True)
class PostHoc:
    """Runs of a claim that began before it was frozen in its present form.

    `entry`: the registry entry then in force; None if it did not contain the claim.
    `then`: the verdict of the same runs on the claim as frozen in that entry; None if only the rules were older.
    """

    runs: int
    entry: Entry | None
    then: Verdict | None = None


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict, the runs it rests on, and which of them make it post hoc."""

    claim: Claim
    verdict: Verdict
    runs: pd.DataFrame
    post_hoc: tuple[PostHoc, ...] = ()


def judge(results: Results) -> list[Judged]:
    """The verdicts on the experiment's claims in the spec's order, with Holm's p over all claims. Full scale only."""
    assert results.scale.is_full, "no claim is judged on a demo or at a reduced scale"
    experiment, registry, usable = results.experiment, results.registry, results.usable()
    bases = [runs_of(claim, usable) for claim in experiment.claims]
    both = list(zip(experiment.claims, bases, strict=True))
    found = rules.adjust([claim.judge(_Evidence(claim, experiment, runs)) for claim, runs in both])
    return [
        Judged(claim, verdict, runs, _post_hoc(claim, experiment, runs, registry))
        for (claim, runs), verdict in zip(both, found, strict=True)
    ]


def runs_of(claim: Claim, usable: Results) -> pd.DataFrame:
    """The runs that a claim rests on: all in one precision, except for arms whose recipe sets their own."""
    fixed = {name: usable.experiment.arm(name).recipe.precision for name in claim.arms}
    free = [name for name, precision in fixed.items() if precision is None]
    precision = usable.leading_precision(*free) if free else None
    return usable.in_precision({name: own or precision for name, own in fixed.items()}).runs


def _post_hoc(claim: Claim, experiment: Experiment, runs: pd.DataFrame, registry: Registry) -> tuple[PostHoc, ...]:
    """The runs that began before the claim was frozen in its present form, grouped by the entry then in force."""
    now, found = freeze.frozen_fields(experiment, claim), []
    for entry_hash, count in Counter(runs.frozen).items():
        entry = registry.entry(entry_hash)
        then = entry.claims.get(claim.id) if entry else None
        if entry is None or then is None:
            found.append(PostHoc(count, None))
        elif then != now:
            old, experiment_then = freeze.restore(experiment, claim, then)
            found.append(PostHoc(count, entry, old.judge(_Evidence(old, experiment_then, runs))))
        elif entry.rules != freeze.RULES_VERSION:
            found.append(PostHoc(count, entry))
    return tuple(found)


@dataclass(frozen=True)
class _Evidence:
    """The runs that a claim rests on, as a kind's rule asks for them (`rules.Evidence`)."""

    claim: Claim
    experiment: Experiment
    runs: pd.DataFrame

    @property
    def _arms(self) -> list[spec.Arm]:
        return [self.experiment.arm(name) for name in self.claim.arms]

    @property
    def arms(self) -> list[ArmErrors]:
        return [arm_errors(arm, self.runs, set(self.runs.seed), self.claim.metric) for arm in self._arms]

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


def arm_errors(arm: spec.Arm, counted: pd.DataFrame, seeds: set[int], metric: str = "final") -> ArmErrors:
    """An arm's errors by seed. `seeds`: those of all arms; any that this arm lacks are counted as missing."""
    runs, of = counted[counted.arm == arm.name], METRICS[metric]
    done = runs[runs.status == "done"]
    known = done[done[of.column].notna()]
    return ArmErrors(
        arm.label + of.of_arm,
        {int(seed): float(error) for seed, error in zip(known.seed, known[of.column], strict=True)},
        diverged=len(runs) - len(done),
        missing=len(seeds - set(runs.seed)),
        lacks="" if len(known) == len(done) else f"{of.noun} of {arm.label}{of.of_arm}",
        unit=of.unit,
    )


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
