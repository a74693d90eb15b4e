"""The kinds `equivalence` and `non-inferiority`: a difference is too small to matter."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from repro.claims import stats
from repro.claims.rules.claim import Design, Evidence, WithMargin
from repro.claims.rules.levels import ONCE, Levels
from repro.claims.rules.model import ArmErrors, Lean, Outcome, Verdict, check, conclude, open_verdict, weigh
from repro.claims.rules.pair import Pair, pair_up
from repro.claims.rules.plan import Bools, Plan, two_arms
from repro.claims.rules.published import Published, spreads
from repro.claims.rules.reasons import ByDivergenceRates, IntervalLies, SeedsNeeded
from repro.claims.stats import Measured
from repro.numbers import p_value

Floats = NDArray[np.float64]


class Equivalence(WithMargin):
    """Two arms differ by less than `margin` points."""

    kind: Literal["equivalence"]

    def plan(self, design: Design) -> Plan:
        return EquivalencePlan(*two_arms(0.0, spreads(design.published), self.paired), self.margin)

    def judge(self, evidence: Evidence) -> Verdict:
        return judge_equivalence(
            *evidence.arms,
            margin=self.margin,
            paired=self.paired,
            levels=self.levels,
            different_protocol=evidence.different_protocol,
        )

    def region(self, verdict: Verdict) -> tuple[float, float]:
        return -self.margin, self.margin

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        return f"{labels[0]} and {labels[1]} differ by less than {self.margin:.2f} points"

    @classmethod
    def position(cls, verdict: Verdict) -> str:
        reason, p = verdict.reason, verdict.p
        assert isinstance(reason, IntervalLies) and p is not None
        if reason.where == "inside":
            return f"inside ±{reason.bound:.2f}, equivalence {p_value(p)}"
        if reason.where == "outside" and verdict.outcome != "not reproduced":
            return f"outside ±{reason.bound:.2f}, but not with both tails counted"
        where = "outside" if reason.where == "outside" else "neither inside nor outside"
        return f"{where} ±{reason.bound:.2f}"

    @classmethod
    def aim(cls, verdict: Verdict, effect: float) -> str:
        return f"show true equality inside ±{effect:.2f}"


class NonInferiority(WithMargin):
    """The first of two arms is worse by less than `margin` points, or not at all."""

    kind: Literal["non-inferiority"]

    def plan(self, design: Design) -> Plan:
        return NonInferiorityPlan(*two_arms(0.0, spreads(design.published), self.paired), self.margin)

    def judge(self, evidence: Evidence) -> Verdict:
        return judge_non_inferiority(
            *evidence.arms,
            margin=self.margin,
            paired=self.paired,
            levels=self.levels,
            different_protocol=evidence.different_protocol,
        )

    def region(self, verdict: Verdict) -> tuple[float, float]:
        return -self.margin, math.inf

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        return f"{labels[0]} is worse than {labels[1]} by less than {self.margin:.2f} points, or not at all"

    @classmethod
    def position(cls, verdict: Verdict) -> str:
        reason, p = verdict.reason, verdict.p
        assert isinstance(reason, IntervalLies) and p is not None
        if reason.where == "above":
            return f"above {reason.bound:.2f}, non-inferiority {p_value(p)}"
        where = "below" if reason.where == "below" else "neither above nor below"
        return f"{where} {reason.bound:.2f}"

    @classmethod
    def aim(cls, verdict: Verdict, effect: float) -> str:
        return f"show true equality above -{effect:.2f}"


# --- the rules ----------------------------------------------------------------------------------------------


def judge_equivalence(
    first: ArmErrors,
    second: ArmErrors,
    *,
    margin: float,
    paired: bool = False,
    levels: Levels = ONCE,
    different_protocol: bool = False,
) -> Verdict:
    """Do the arms differ by less than `margin` in either direction? The estimate is second - first.

    For claims such as "X is as good as Y". A non-significant difference is no evidence for them; an interval inside
    ±margin is.
    """
    check(margin)
    base = open_verdict("equivalence", (first, second), different_protocol, margin)
    return _judge(pair_up(base, paired), margin, levels, either_way=True)


def judge_non_inferiority(
    first: ArmErrors,
    second: ArmErrors,
    *,
    margin: float,
    paired: bool = False,
    levels: Levels = ONCE,
    different_protocol: bool = False,
) -> Verdict:
    """Is the first arm no worse than the second by `margin` or more? The estimate is second - first.

    For claims such as "X does not help": the first arm is without X; the second, with X, may be far worse. One-sided
    at alpha (Schuirmann's lower test), so only the lower end of the 1 - 2 alpha interval counts.
    """
    check(margin)
    base = open_verdict("non-inferiority", (first, second), different_protocol, margin)
    return _judge(pair_up(base, paired), margin, levels, either_way=False)


def equivalence_p(d: Measured, margin: float) -> tuple[Floats, Floats]:
    """p of "reproduced" and of "not reproduced"."""
    return stats.inside_p(d, margin), stats.outside_p(d, margin)


def non_inferiority_p(d: Measured, margin: float) -> tuple[Floats, Floats]:
    """p of "reproduced" and of "not reproduced"."""
    return stats.above_p(d, -margin), stats.below_p(d, -margin)


def _judge(pair: Pair, margin: float, levels: Levels, either_way: bool) -> Verdict:
    if pair.obstacle:
        return conclude(pair.base, "no verdict", pair.obstacle)
    if pair.difference is None:
        return _with_diverged(pair, levels, either_way)
    interval, points = pair.difference.interval(1 - 2 * levels.t), pair.difference.points
    means = (0.0,) * len(pair.sds)
    plan: Plan
    if either_way:
        inside, outside, across = (IntervalLies(where, margin) for where in ("inside", "outside", "across"))
        p_for, p_against = map(float, equivalence_p(pair.difference, margin))
        near, plan = abs(points) < margin, EquivalencePlan(means, tuple(pair.sds), margin)
        lies = outside if interval.outside(margin) else across
    else:
        inside, outside, across = (IntervalLies(where, -margin) for where in ("above", "below", "across"))
        p_for, p_against = map(float, non_inferiority_p(pair.difference, margin))
        near, plan = points > -margin, NonInferiorityPlan(means, tuple(pair.sds), margin)
        lies = across
    base = replace(pair.base, estimate=points, interval=interval)
    if p_for <= levels.t:
        return conclude(weigh(base, p_for, levels), "reproduced", inside)
    if p_against <= levels.t:
        return conclude(weigh(base, p_against, levels), "not reproduced", outside)
    lean: Lean = "consistent" if near else "leaning against"
    needed = SeedsNeeded(pair.seeds, margin, plan, levels.alpha)
    return conclude(weigh(base, p_for, levels), lean, lies, needed)


def _with_diverged(pair: Pair, levels: Levels, either_way: bool) -> Verdict:
    """Never reproduced; refuted by different divergence rates (non-inferiority: by a higher rate of the first)."""
    diverged, runs = (pair.first.diverged, pair.second.diverged), (pair.first.runs, pair.second.runs)
    p = stats.divergence_rates_p(diverged, runs)
    first, second = diverged[0] * runs[1], diverged[1] * runs[0]
    holds = first == second or (first < second and not either_way)
    outcome: Outcome | Lean = "consistent" if holds else "leaning against"
    if p <= levels.exact and not holds:
        outcome = "not reproduced"
    return conclude(weigh(pair.base, p, levels, exact=True), outcome, ByDivergenceRates(p))


@dataclass(frozen=True, slots=True)
class EquivalencePlan(Plan):
    """Two arms, or one sample of paired differences."""

    margin: float

    def decide(self, sample: stats.Sample, levels: Levels) -> tuple[Bools, Bools]:
        p_for, p_against = equivalence_p(self.difference(sample), self.margin)
        return p_for <= levels.t, p_against <= levels.t


@dataclass(frozen=True, slots=True)
class NonInferiorityPlan(Plan):
    """Two arms, or one sample of paired differences."""

    margin: float

    def decide(self, sample: stats.Sample, levels: Levels) -> tuple[Bools, Bools]:
        p_for, p_against = non_inferiority_p(self.difference(sample), self.margin)
        return p_for <= levels.t, p_against <= levels.t
