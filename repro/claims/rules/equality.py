"""The kinds `equivalence` and `non-inferiority`: a difference is too small to matter."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from repro.claims import stats
from repro.claims.rules.claim import Evidence, WithMargin
from repro.claims.rules.model import ArmErrors, Lean, Outcome, Verdict, check, conclude, open_verdict
from repro.claims.rules.pair import Pair, pair_up
from repro.claims.rules.published import Published
from repro.claims.rules.reasons import ByDivergenceRates, IntervalLies, SeedsNeeded
from repro.numbers import p_value


class Equivalence(WithMargin):
    """Two arms differ by less than `margin` points."""

    kind: Literal["equivalence"]

    def judge(self, evidence: Evidence) -> Verdict:
        return judge_equivalence(
            *evidence.arms,
            margin=self.margin,
            paired=self.paired,
            alpha=self.alpha,
            different_protocol=evidence.different_protocol,
        )

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        return f"{labels[0]} and {labels[1]} differ by less than {self.margin:.2f} points"

    @classmethod
    def position(cls, verdict: Verdict) -> str:
        reason, p = verdict.reason, verdict.p
        assert isinstance(reason, IntervalLies) and p is not None
        if reason.where == "inside":
            return f"inside ±{reason.bound:.2f}, equivalence {p_value(p)}"
        where = "outside" if reason.where == "outside" else "neither inside nor outside"
        return f"{where} ±{reason.bound:.2f}"

    @classmethod
    def aim(cls, verdict: Verdict, effect: float) -> str:
        return f"show true equality inside ±{effect:.2f}"


class NonInferiority(WithMargin):
    """The first of two arms is worse by less than `margin` points, or not at all."""

    kind: Literal["non-inferiority"]

    def judge(self, evidence: Evidence) -> Verdict:
        return judge_non_inferiority(
            *evidence.arms,
            margin=self.margin,
            paired=self.paired,
            alpha=self.alpha,
            different_protocol=evidence.different_protocol,
        )

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
    alpha: float = 0.05,
    different_protocol: bool = False,
) -> Verdict:
    """Do the arms differ by less than `margin` in either direction? The estimate is second - first.

    For claims such as "X is as good as Y". A non-significant difference is no evidence for them; an interval inside
    ±margin is.
    """
    check(margin, alpha)
    base = open_verdict("equivalence", (first, second), different_protocol, margin)
    return _judge(pair_up(base, paired), margin, alpha, either_way=True)


def judge_non_inferiority(
    first: ArmErrors,
    second: ArmErrors,
    *,
    margin: float,
    paired: bool = False,
    alpha: float = 0.05,
    different_protocol: bool = False,
) -> Verdict:
    """Is the first arm no worse than the second by `margin` or more? The estimate is second - first.

    For claims such as "X does not help": the first arm is without X; the second, with X, may be far worse. One-sided
    at alpha (Schuirmann's lower test), so only the lower end of the 1 - 2 alpha interval counts.
    """
    check(margin, alpha)
    base = open_verdict("non-inferiority", (first, second), different_protocol, margin)
    return _judge(pair_up(base, paired), margin, alpha, either_way=False)


def _judge(pair: Pair, margin: float, alpha: float, either_way: bool) -> Verdict:
    if pair.obstacle:
        return conclude(pair.base, "no verdict", pair.obstacle)
    if pair.difference is None:
        return _with_diverged(pair, alpha, either_way)
    interval, tost = pair.difference.interval(1 - 2 * alpha), pair.difference.tost(margin)
    points = pair.difference.points
    if either_way:
        inside, outside, across = (IntervalLies(where, margin) for where in ("inside", "outside", "across"))
        p, near = tost.p, abs(points) < margin
        shown, refuted = interval.inside(margin), interval.outside(margin)
        needed = stats.seeds_for_equivalence(margin, pair.sds, alpha=alpha)
    else:
        inside, outside, across = (IntervalLies(where, -margin) for where in ("above", "below", "across"))
        p, near = tost.p_low, points > -margin
        shown, refuted = interval.low > -margin, interval.high <= -margin
        needed = stats.seeds_for_difference(margin, pair.sds, alpha=2 * alpha)
    base = replace(pair.base, estimate=points, interval=interval, p=p)
    if shown:
        return conclude(base, "reproduced", inside)
    if refuted:
        return conclude(base, "not reproduced", outside)
    lean: Lean = "consistent" if near else "leaning against"
    return conclude(replace(base, seeds_needed=needed), lean, across, SeedsNeeded(pair.seeds, margin))


def _with_diverged(pair: Pair, alpha: float, either_way: bool) -> Verdict:
    """Never reproduced; refuted by different divergence rates (non-inferiority: by a higher rate of the first)."""
    diverged, runs = (pair.first.diverged, pair.second.diverged), (pair.first.runs, pair.second.runs)
    p = stats.divergence_rates_p(diverged, runs)
    first, second = diverged[0] * runs[1], diverged[1] * runs[0]
    holds = first == second or (first < second and not either_way)
    outcome: Outcome | Lean = "consistent" if holds else "leaning against"
    return conclude(pair.base, "not reproduced" if p <= alpha and not holds else outcome, ByDivergenceRates(p))
