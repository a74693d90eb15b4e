"""The kind `difference`: the first of two arms has the lower error."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from repro.claims import stats
from repro.claims.rules.claim import Design, Evidence, WithMargin
from repro.claims.rules.levels import ONCE, Levels
from repro.claims.rules.model import ArmErrors, Lean, Verdict, check, conclude, open_verdict, weigh
from repro.claims.rules.pair import Pair, pair_up
from repro.claims.rules.plan import Bools, Plan, two_arms
from repro.claims.rules.published import Published, comparable_difference, spreads
from repro.claims.rules.reasons import ByRanks, IntervalLies, RefutesAlone, SeedsNeeded
from repro.claims.stats import Measured
from repro.numbers import p_value, percent, points, span

Floats = NDArray[np.float64]


class Difference(WithMargin):
    """arms = [better, worse]: the first has the lower error."""

    kind: Literal["difference"]
    size: float | None = None  # the published difference in points, if the claim states one

    @model_validator(mode="after")
    def _margin_below_size(self) -> "Difference":
        """A difference as large as the published one must not count as negligible."""
        if self.size is not None and self.margin >= self.size:
            raise ValueError(f"margin = {self.margin:g} must be below size = {self.size:g}")
        return self

    def misfit(self, design: Design) -> str:
        """Nor as large as that of the arms' published numbers, where the claim names no size."""
        printed = comparable_difference(*design.published) if self.measured.selection else None
        if self.size is None and printed is not None and 0 < printed <= self.margin:
            return f"margin = {self.margin:g} must be below the published difference, which is {printed:.2f}"
        return ""

    def judge(self, evidence: Evidence) -> Verdict:
        return judge_difference(
            *evidence.arms,
            margin=self.margin,
            size=self.size,
            size_runs=min(number.mean_of if number else 1 for number in evidence.published),
            paired=self.paired,
            levels=self.levels,
            different_protocol=evidence.different_protocol,
        )

    def plan(self, design: Design) -> Plan | None:
        printed = comparable_difference(*design.published) if self.measured.selection else None
        effect = next(each for each in (self.size, printed, self.margin) if each is not None)
        return DifferencePlan(*two_arms(effect, spreads(design.published), self.paired), self.margin)

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        return f"{labels[0]} has a lower {self.measured.noun} than {labels[1]}"

    @property
    def printed(self) -> list[str]:
        return [] if self.size is None else [f"difference {points(self.size)}"]

    @classmethod
    def position(cls, verdict: Verdict) -> str:
        match verdict.reason:
            case RefutesAlone(level):
                where = f"does not decide, as one of several comparisons is tested at {percent(level)}"
            case IntervalLies() as lies:
                where = reading(lies)
            case _:
                raise AssertionError(verdict.reason)
        return where + _beside(verdict)

    @classmethod
    def aim(cls, verdict: Verdict, effect: float) -> str:
        return f"detect a true difference of {effect:.2f}"


def reading(lies: IntervalLies) -> str:
    """Which of its readings an interval gives."""
    match lies:
        case IntervalLies("above", 0.0):
            return "above zero, positive"
        case IntervalLies("above", margin):
            return f"above {margin:.2f}, larger than the margin"
        case IntervalLies("below"):
            return "below zero, reversed"
        case IntervalLies("inside", margin):
            return f"inside ±{margin:.2f}, negligible"
        case _:
            return "including zero"


def _beside(verdict: Verdict) -> str:
    """Whether the published size lies in the prediction interval, then p and effect sizes."""
    size, prediction, text = verdict.target, verdict.prediction, ""
    if size is not None and prediction is not None:
        where = "inside" if prediction.holds(size) else "outside"
        interval = f"{percent(prediction.level)} prediction interval {span(prediction)}"
        text = f", the published {points(size)} {where} the {interval}"
    assert verdict.p is not None
    negligible = isinstance(verdict.reason, IntervalLies) and verdict.reason.where == "inside"
    text += f"; {'equivalence ' if negligible else ''}{p_value(verdict.p)}"
    if verdict.hedges_g is not None:
        text += f", Hedges' g {verdict.hedges_g:+.2f}"
    if verdict.probability is not None:
        text += f", worse with probability {verdict.probability:.2f}"
    return text


# --- the rule -----------------------------------------------------------------------------------------------


def judge_difference(
    better: ArmErrors,
    worse: ArmErrors,
    *,
    margin: float,
    size: float | None = None,
    size_runs: int = 1,
    paired: bool = False,
    levels: Levels = ONCE,
    different_protocol: bool = False,
) -> Verdict:
    """Does `better` have the lower test error? The estimate is worse - better; the claim says it is positive.

    A difference shown to be within ±margin is negligible and not reproduced, whether or not it excludes zero.
    `size`: the published difference in points if the claim names one, between means over `size_runs` runs. It decides
    nothing; whether it lies in the prediction interval is shown. The margin must be smaller, since a difference as
    large as the published one is not negligible.
    """
    check(margin)
    if size is not None and not margin < size:
        raise ValueError(f"margin = {margin} must be below the claimed size, {size}")
    base = replace(open_verdict("difference", (better, worse), different_protocol, margin, size), further=size_runs)
    return decide(pair_up(base, paired), margin, levels, levels)


def difference_p(d: Measured, margin: float) -> tuple[Floats, Floats]:
    """The two-sided p of a difference of zero, and of "negligible": twice that of equivalence, as its interval is."""
    return stats.zero_p(d), np.minimum(1.0, 2 * stats.inside_p(d, margin))


def decide(pair: Pair, margin: float, levels: Levels, against: Levels) -> Verdict:
    """`judge_difference` with other levels for "not reproduced", since the pairs of an order share alpha."""
    if pair.obstacle:
        return conclude(pair.base, "no verdict", pair.obstacle)
    if pair.difference is None:
        return _with_diverged(pair, levels, against)
    points, size = pair.difference.points, pair.base.target
    p_zero, p_negligible = map(float, difference_p(pair.difference, margin))
    interval, refuting = (pair.difference.interval(1 - each.t) for each in (levels, against))
    base = replace(
        pair.base,
        estimate=points,
        interval=interval,
        refuting=None if against == levels else refuting,
        prediction=None if size is None else pair.prediction(1 - levels.t, pair.base.further),
    )
    shown = weigh(base, p_zero, levels)
    if p_negligible <= against.t:
        return conclude(weigh(base, p_negligible, levels), "not reproduced", IntervalLies("inside", margin))
    if points < 0 and p_zero <= against.t:
        return conclude(shown, "not reproduced", IntervalLies("below"))
    negligible = p_negligible <= levels.t
    if points > 0 and p_zero <= levels.t and not negligible:
        return conclude(shown, "reproduced", IntervalLies("above", margin if interval.low >= margin else 0.0))
    lean: Lean = "consistent" if points > 0 else "leaning against"
    reason = RefutesAlone(1 - against.t) if negligible or p_zero <= levels.t else IntervalLies("across")
    effect = margin if size is None else size
    plan = DifferencePlan((effect,) if len(pair.sds) == 1 else (0.0, effect), tuple(pair.sds), margin)
    return conclude(shown, lean, reason, SeedsNeeded(pair.seeds, effect, plan, levels.alpha))


def _with_diverged(pair: Pair, levels: Levels, against: Levels) -> Verdict:
    """By exact ranks over all runs: a diverged run has no error, but ranks last."""
    p = stats.rank_test(pair.first.ranked, pair.second.ranked)
    worse = stats.probability_greater(pair.first.ranked, pair.second.ranked)
    floor = stats.rank_test_floor(pair.first.runs, pair.second.runs)
    base, reason = weigh(pair.base, p, levels, exact=True), ByRanks(floor if floor > levels.exact else None)
    if p <= against.exact and worse < 0.5:
        return conclude(base, "not reproduced", reason)
    if p <= levels.exact and worse > 0.5:
        return conclude(base, "reproduced", reason)
    return conclude(base, "consistent" if worse > 0.5 else "leaning against", reason)


@dataclass(frozen=True, slots=True)
class DifferencePlan(Plan):
    """Two arms, or one sample of paired differences."""

    margin: float

    def decide(self, sample: stats.Sample, levels: Levels) -> tuple[Bools, Bools]:
        return readings(self.difference(sample), self.margin, levels, levels)


def readings(d: stats.Drawn, margin: float, levels: Levels, against: Levels) -> tuple[Bools, Bools]:
    """The rule on many draws: which are reproduced, and which are not."""
    p_zero, p_negligible = difference_p(d, margin)
    reproduced = (d.points > 0) & (p_zero <= levels.t) & (p_negligible > levels.t)
    return reproduced, (p_negligible <= against.t) | ((d.points < 0) & (p_zero <= against.t))
