"""The kind `bound`: an arm's error is above, or below, a published bound."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro.claims import stats
from repro.claims.rules.claim import Claim, Evidence
from repro.claims.rules.levels import ONCE, Levels
from repro.claims.rules.model import (
    NO_SPREAD,
    ArmErrors,
    Lean,
    Outcome,
    Verdict,
    check,
    conclude,
    open_verdict,
    too_few,
    weigh,
)
from repro.claims.rules.published import Published
from repro.claims.rules.reasons import ByDivergedRuns, IntervalLies, NoInterval, NoSpread
from repro.claims.rules.words import arm_text
from repro.numbers import p_value

Side = Literal["above", "below"]


class Bound(Claim):
    """The arm's error is above `above` %, or below `below` %; the metric `gap` is in points."""

    takes_arms = (1, 1)

    kind: Literal["bound"]
    above: Annotated[float, Field(ge=0, lt=100)] | None = None
    below: Annotated[float, Field(ge=0, le=100)] | None = None

    @model_validator(mode="after")
    def _one_side(self) -> "Bound":
        if (self.above is None) == (self.below is None):
            raise ValueError("kind 'bound' takes either above or below (a bound in %)")
        return self

    @property
    def side(self) -> Side:
        return "below" if self.above is None else "above"

    @property
    def bound(self) -> float:
        found = self.below if self.above is None else self.above
        assert found is not None
        return found

    def judge(self, evidence: Evidence) -> Verdict:
        (ours,) = evidence.arms
        return judge_bound(
            ours,
            self.bound,
            side=self.side,
            levels=self.levels,
            different_protocol=evidence.different_protocol,
            chance_error=evidence.chance_error() if ours.diverged and self.measured.rises else None,
        )

    def region(self, verdict: Verdict) -> tuple[float, float]:
        return (0.0, math.inf) if self.side == "above" else (-math.inf, 0.0)

    @property
    def limit(self) -> str:
        return f"{self.side} {self.bound:g} {self.measured.unit.name}"

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        return f"the {self.measured.noun} of {labels[0]} is {self.limit}"

    def quantity(self, labels: Sequence[str]) -> str:
        return "ours - bound"

    @classmethod
    def compared(cls, verdict: Verdict) -> str:
        (ours,), target = verdict.arms, verdict.target
        assert target is not None
        return f"{arm_text(ours)} against a bound of {ours.unit.value(target)} {ours.unit.name}"

    @classmethod
    def position(cls, verdict: Verdict) -> str:
        reason, p = verdict.reason, verdict.p
        assert isinstance(reason, IntervalLies) and p is not None
        if reason.where == "across":
            return "including zero"
        return f"{reason.where} zero" + (f", {p_value(p)}" if verdict.outcome == "reproduced" else "")


# --- the rule -----------------------------------------------------------------------------------------------


def judge_bound(
    ours: ArmErrors,
    bound: float,
    *,
    side: Side = "above",
    levels: Levels = ONCE,
    different_protocol: bool = False,
    chance_error: float | None = None,
) -> Verdict:
    """Is our mean error on the claimed `side` of `bound`? One-sided, without a margin.

    Runs that diverged have no error that an interval could include. If so many are likely at no mean error up to the
    bound, the mean is above it; nothing else is then decided. `chance_error`: the error (%) that a diverged run counts
    as; None for a metric that is no error, of which diverged runs decide nothing.
    """
    check(None)
    base = open_verdict("bound", [ours], different_protocol, target=bound)
    if obstacle := too_few(ours):
        return conclude(base, "no verdict", obstacle)
    if ours.diverged:
        return _with_diverged(base, bound, side, levels, chance_error)
    summary = stats.summarize(ours.values)
    if summary.sd < NO_SPREAD:
        return conclude(base, "no verdict", NoSpread())
    difference = stats.one_sample(summary, bound)
    p_above, p_below = float(stats.above_p(difference, 0.0)), float(stats.below_p(difference, 0.0))
    base = replace(base, estimate=difference.points, interval=difference.interval(1 - 2 * levels.t))
    p_for, p_against = (p_above, p_below) if side == "above" else (p_below, p_above)
    if min(p_for, p_against) <= levels.t:
        where: Side = "above" if p_above <= levels.t else "below"
        outcome: Outcome = "reproduced" if where == side else "not reproduced"
        return conclude(weigh(base, min(p_for, p_against), levels), outcome, IntervalLies(where))
    lean: Lean = "consistent" if (difference.points > 0) == (side == "above") else "leaning against"
    return conclude(weigh(base, p_for, levels), lean, IntervalLies("across"))


def _with_diverged(base: Verdict, bound: float, side: Side, levels: Levels, chance_error: float | None) -> Verdict:
    (ours,) = base.arms
    if chance_error is None:
        return conclude(base, "leaning against" if side == "above" else "consistent", NoInterval())
    p = stats.divergence_p(ours.diverged, ours.runs, bound, chance_error)
    base, reason = weigh(base, p, levels, exact=True), ByDivergedRuns(bound, chance_error, p)
    if p <= levels.exact:
        return conclude(base, "reproduced" if side == "above" else "not reproduced", reason)
    return conclude(base, "consistent" if side == "above" else "leaning against", reason)
