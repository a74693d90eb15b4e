"""One verdict per claim of an experiment, from its records. The rules are in `repro.claims.rules`."""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from repro.claims import rules
from repro.claims.evidence import RecordedEvidence
from repro.claims.rules import Verdict
from repro.records.results import Results
from repro.spec import Claim, freeze
from repro.spec.freeze import Entry


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
    experiment, usable = results.experiment, results.usable()
    bases = [runs_of(claim, usable) for claim in experiment.claims]
    both = list(zip(experiment.claims, bases, strict=True))
    found = rules.adjust([claim.judge(RecordedEvidence(claim, experiment, results, runs)) for claim, runs in both])
    return [
        Judged(claim, verdict, runs, _post_hoc(claim, results, runs))
        for (claim, runs), verdict in zip(both, found, strict=True)
    ]


def runs_of(claim: Claim, usable: Results) -> pd.DataFrame:
    """The runs that a claim rests on: all in one precision, except for arms whose recipe sets their own."""
    fixed = {name: usable.experiment.arm(name).recipe.precision for name in claim.arms}
    free = [name for name, precision in fixed.items() if precision is None]
    precision = usable.leading_precision(*free) if free else None
    return usable.in_precision({name: own or precision for name, own in fixed.items()}).runs


def _post_hoc(claim: Claim, results: Results, runs: pd.DataFrame) -> tuple[PostHoc, ...]:
    """The runs that began before the claim was frozen in its present form, grouped by the entry then in force."""
    experiment, found = results.experiment, []
    now = freeze.frozen_fields(experiment, claim)
    for entry_hash, count in Counter(runs.frozen).items():
        entry = results.registry.entry(entry_hash)
        then = entry.claims.get(claim.id) if entry else None
        if entry is None or then is None:
            found.append(PostHoc(count, None))
        elif then != now:
            old, experiment_then = freeze.restore(experiment, claim, then)
            found.append(PostHoc(count, entry, old.judge(RecordedEvidence(old, experiment_then, results, runs))))
        elif entry.rules != freeze.RULES_VERSION:
            found.append(PostHoc(count, entry))
    return tuple(found)
