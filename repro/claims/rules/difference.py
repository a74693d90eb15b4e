"""The kind `difference`: the first of two arms has the lower error."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import model_validator

from repro.claims import stats
from repro.claims.rules.claim import Evidence, WithMargin
from repro.claims.rules.model import ArmErrors, Lean, Verdict, check, conclude, open_verdict
from repro.claims.rules.pair import Pair, pair_up
from repro.claims.rules.published import Published
from repro.claims.rules.reasons import ByRanks, IntervalLies, RefutesAlone, SeedsNeeded
from repro.numbers import p_value, percent, points, span


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

    def judge(self, evidence: Evidence) -> Verdict:
        return judge_difference(
            *evidence.arms,
            margin=self.margin,
            size=self.size,
            size_runs=min(number.mean_of if number else 1 for number in evidence.published),
            paired=self.paired,
            alpha=self.alpha,
            different_protocol=evidence.different_protocol,
        )

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
            case IntervalLies("above"):
                where = f"above zero{_though_negligible(verdict)}"
            case IntervalLies("below"):
                where = "below zero, the opposite direction"
            case IntervalLies("inside", bound):
                where = f"inside ±{bound:.2f}, negligible"
            case _:
                where = "including zero"
        return where + _beside(verdict)

    @classmethod
    def aim(cls, effect: float) -> str:
        return f"detect a true difference of {effect:.2f}"


def _though_negligible(verdict: Verdict) -> str:
    """Says of a difference above zero that it is also shown to be within the margin."""
    assert verdict.margin is not None and verdict.interval is not None
    shown = verdict.outcome == "reproduced" and verdict.interval.inside(verdict.margin)
    return f", although within ±{verdict.margin:.2f}" if shown else ""


def _beside(verdict: Verdict) -> str:
    """Whether the published size lies in the prediction interval, then p and effect sizes."""
    size, prediction, text = verdict.target, verdict.prediction, ""
    if size is not None and prediction is not None:
        where = "inside" if prediction.holds(size) else "outside"
        interval = f"{percent(prediction.level)} prediction interval {span(prediction)}"
        text = f", the published {points(size)} {where} the {interval}"
    assert verdict.p is not None
    text += f"; {p_value(verdict.p)}"
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
    alpha: float = 0.05,
    different_protocol: bool = False,
) -> Verdict:
    """Does `better` have the lower test error? The estimate is worse - better; the claim says it is positive.

    `size`: the published difference in points if the claim names one, between means over `size_runs` runs. The margin
    must be smaller, since a difference as large as the published one is not negligible.
    """
    check(margin, alpha)
    if size is not None and not margin < size:
        raise ValueError(f"margin = {margin} must be below the claimed size, {size}")
    base = open_verdict("difference", (better, worse), different_protocol, margin, size)
    return decide(pair_up(base, paired), margin, alpha, alpha, size, size_runs)


def decide(
    pair: Pair,
    margin: float,
    alpha: float,
    alpha_against: float,
    size: float | None = None,
    size_runs: int = 1,
) -> Verdict:
    """`judge_difference` with a second level for "not reproduced", since the pairs of an order share alpha."""
    if pair.obstacle:
        return conclude(pair.base, "no verdict", pair.obstacle)
    if pair.difference is None:
        return _with_diverged(pair, alpha, alpha_against, size)
    interval, against = pair.difference.interval(1 - alpha), pair.difference.interval(1 - alpha_against)
    prediction = None if size is None else pair.prediction(1 - alpha, size_runs)
    size_fits = size is None or prediction is None or prediction.holds(size)
    base = replace(
        pair.base,
        estimate=pair.difference.points,
        interval=interval,
        refuting=None if alpha_against == alpha else against,
        prediction=prediction,
        p=pair.difference.p(),
    )
    if interval.low > 0 and size_fits:
        return conclude(base, "reproduced", IntervalLies("above"))
    if against.high < 0:
        return conclude(base, "not reproduced", IntervalLies("below"))
    if against.inside(margin):
        return conclude(base, "not reproduced", IntervalLies("inside", margin))
    if interval.low > 0:
        return conclude(base, "leaning against", IntervalLies("above"))

    alone = interval.high < 0 or interval.inside(margin)
    lean: Lean = "consistent" if pair.difference.points > 0 and size_fits else "leaning against"
    effect = margin if size is None else size
    base = replace(base, seeds_needed=stats.seeds_for_difference(effect, pair.sds, alpha=alpha))
    reason = RefutesAlone(1 - alpha_against) if alone else IntervalLies("across")
    return conclude(base, lean, reason, SeedsNeeded(pair.seeds, effect))


def _with_diverged(pair: Pair, alpha: float, alpha_against: float, size: float | None) -> Verdict:
    """By exact ranks over all runs: a diverged run has no error, but ranks last."""
    p = stats.rank_test(pair.first.ranked, pair.second.ranked)
    worse = stats.probability_greater(pair.first.ranked, pair.second.ranked)
    floor = stats.rank_test_floor(pair.first.runs, pair.second.runs)
    base, reason = replace(pair.base, p=p), ByRanks(floor if floor > alpha else None)
    if p <= alpha_against and worse < 0.5:
        return conclude(base, "not reproduced", reason)
    if p <= alpha and worse > 0.5 and size is None:
        return conclude(base, "reproduced", reason)
    return conclude(base, "consistent" if worse > 0.5 else "leaning against", reason)
