"""An experiment's claims held against its records: a verdict a claim. The rules are in `verdicts`."""

import math
from dataclasses import dataclass

import pandas as pd

from repro import protocol, records, spec, verdicts
from repro.spec import Claim, Experiment, Published
from repro.verdicts import ArmErrors, Verdict

COLUMN = {"final": "test_error", "best": "best_test_error"}  # of records.load, by a claim's metric
NO_DIFFERENCE = {"equivalence": verdicts.judge_equivalence, "non-inferiority": verdicts.judge_non_inferiority}


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict."""

    claim: Claim
    verdict: Verdict


def judge(experiment: Experiment, frame: pd.DataFrame) -> list[Judged]:
    """The verdicts on the experiment's claims, in the spec's order, Holm's p over all of them.

    `frame`: the experiment's full-scale runs as `records.load` gives them. No other run is judged.
    """
    counts = records.counted(frame)
    results = [_verdict(claim, experiment, counts) for claim in experiment.claims]
    return [Judged(claim, verdict) for claim, verdict in zip(experiment.claims, verdicts.adjust(results), strict=True)]


def arm_errors(arm: spec.Arm, counts: pd.DataFrame, seeds: set[int], metric: str = "final") -> ArmErrors:
    """An arm's test errors by seed; a seed that another arm has and this one lacks is missing."""
    runs = counts[counts.arm == arm.name]
    done = runs[runs.status == "done"]
    errors = {int(seed): float(error) for seed, error in zip(done.seed, done[COLUMN[metric]], strict=True)}
    return ArmErrors(arm.label, errors, diverged=len(runs) - len(done), missing=len(seeds - set(runs.seed)))


def _verdict(claim: Claim, experiment: Experiment, counts: pd.DataFrame) -> Verdict:
    arms = [experiment.arm(name) for name in claim.arms]
    seeds = set(counts.seed[counts.arm.isin(claim.arms)])
    errors = [arm_errors(arm, counts, seeds, claim.metric) for arm in arms]
    published = [arm.published for arm in arms if arm.published]
    differs = any(protocol.differences(number, claim.metric) for number in published)
    if claim.kind == "value":
        number = published[0]
        return verdicts.judge_value(
            errors[0],
            number.test_error,
            margin=claim.margin,
            published_sd=number.sd,
            published_runs=number.runs,
            alpha=claim.alpha,
            different_protocol=differs,
        )
    margin, paired, alpha = claim.margin, claim.paired, claim.alpha
    if claim.kind == "order":
        return verdicts.judge_order(errors, margin=margin, paired=paired, alpha=alpha, different_protocol=differs)
    first, second = errors
    if claim.kind in NO_DIFFERENCE:
        return NO_DIFFERENCE[claim.kind](
            first, second, margin=margin, paired=paired, alpha=alpha, different_protocol=differs
        )
    return verdicts.judge_difference(
        first,
        second,
        margin=margin,
        size=claim.size,
        size_runs=min(_runs(arm.published) for arm in arms),
        paired=paired,
        alpha=alpha,
        different_protocol=differs,
    )


def _runs(number: Published | None) -> int:
    """Runs whose mean is as sure as the published number; a median is as sure as the mean of 2/pi as many."""
    if number is None:
        return 1
    share = 2 / math.pi if number.statistic == "median" else 1.0
    return max(1, int(share * (number.runs or 1)))
