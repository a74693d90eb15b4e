"""One verdict per claim of an experiment, from its records. The rules are in `repro.claims.rules`."""

import math
from collections import Counter
from dataclasses import dataclass

import pandas as pd

from repro import spec
from repro.claims import protocol, rules
from repro.claims.rules import ArmErrors, Verdict
from repro.data import catalog
from repro.errors import UserError
from repro.records.results import Results
from repro.spec import Claim, Experiment, Published, freeze
from repro.spec.freeze import Entry, Registry

COLUMN = {"final": "test_error", "best": "best_test_error", "train_error": "train_error"}  # metric -> column of runs
NO_DIFFERENCE = {"equivalence": rules.judge_equivalence, "non-inferiority": rules.judge_non_inferiority}


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
    found = [_verdict(claim, experiment, runs) for claim, runs in zip(experiment.claims, bases, strict=True)]
    return [
        Judged(claim, verdict, runs, _post_hoc(claim, experiment, runs, registry))
        for claim, verdict, runs in zip(experiment.claims, rules.adjust(found), bases, strict=True)
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
            found.append(PostHoc(count, entry, _verdict(*freeze.restore(experiment, claim, then), runs)))
        elif entry.rules != freeze.RULES_VERSION:
            found.append(PostHoc(count, entry))
    return tuple(found)


def arm_errors(arm: spec.Arm, counted: pd.DataFrame, seeds: set[int], metric: str = "final") -> ArmErrors:
    """An arm's errors by seed. `seeds`: those of all arms; any that this arm lacks are counted as missing."""
    runs = counted[counted.arm == arm.name]
    label = f"{arm.label} in training" if metric == "train_error" else arm.label
    done = runs[runs.status == "done"]
    errors = {int(seed): float(error) for seed, error in zip(done.seed, done[COLUMN[metric]], strict=True)}
    return ArmErrors(label, errors, diverged=len(runs) - len(done), missing=len(seeds - set(runs.seed)))


def _verdict(claim: Claim, experiment: Experiment, runs: pd.DataFrame) -> Verdict:
    arms = [experiment.arm(name) for name in claim.arms]
    seeds = set(runs.seed)
    errors = [arm_errors(arm, runs, seeds, claim.metric) for arm in arms]
    published = [arm.published for arm in arms if arm.published and claim.metric != "train_error"]
    differs = any(protocol.mismatches(number, claim.metric) for number in published)
    if claim.above is not None:
        return rules.judge_bound(errors[0], claim.above, alpha=claim.alpha, different_protocol=differs)
    assert claim.margin is not None  # every other kind has one
    if claim.kind == "value":
        number = published[0]
        return rules.judge_value(
            errors[0],
            number.test_error,
            margin=claim.margin,
            published_sd=number.sd,
            published_runs=number.runs,
            alpha=claim.alpha,
            different_protocol=differs,
            chance_error=chance_error(arms[0].recipe.dataset) if errors[0].diverged else None,
        )
    margin, paired, alpha = claim.margin, claim.paired, claim.alpha
    if claim.kind == "order":
        return rules.judge_order(errors, margin=margin, paired=paired, alpha=alpha, different_protocol=differs)
    first, second = errors
    if claim.kind in NO_DIFFERENCE:
        return NO_DIFFERENCE[claim.kind](
            first, second, margin=margin, paired=paired, alpha=alpha, different_protocol=differs
        )
    return rules.judge_difference(
        first,
        second,
        margin=margin,
        size=claim.size,
        size_runs=min(_runs(arm.published) for arm in arms),
        paired=paired,
        alpha=alpha,
        different_protocol=differs,
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


def _runs(number: Published | None) -> int:
    """The number of runs whose mean is as precise as the published number. A median of n counts as a mean of 2n/pi."""
    if number is None:
        return 1
    share = 2 / math.pi if number.statistic == "median" else 1.0
    return max(1, int(share * (number.runs or 1)))
