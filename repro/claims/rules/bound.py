"""The kind `bound`: an arm's error is above, or below, a published bound."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro.claims import stats
from repro.claims.rules.claim import Claim, Evidence
from repro.claims.rules.model import NO_SPREAD, ArmErrors, Lean, Verdict, check, conclude, open_verdict, too_few
from repro.claims.rules.published import Published
from repro.claims.rules.reasons import IntervalLies, NoInterval, NoSpread
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
            rises=self.measured.rises,
            alpha=self.alpha,
            different_protocol=evidence.different_protocol,
        )

    @property
    def limit(self) -> str:
        return f"{self.side} {self.bound:g} {self.measured.unit.name}"

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        return f"the {self.measured.noun} of {labels[0]} is {self.limit}"

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
    rises: bool = True,
    alpha: float = 0.05,
    different_protocol: bool = False,
) -> Verdict:
    """Is our mean error on the claimed `side` of `bound`? One-sided, by the 1 - 2 alpha interval, without a margin.

    Inconclusive if a run diverged, since it has no error that an interval could include. `rises`: whether a diverged
    run speaks for "above".
    """
    check(None, alpha)
    base = open_verdict("bound", [ours], different_protocol, target=bound)
    if obstacle := too_few(ours):
        return conclude(base, "no verdict", obstacle)
    if ours.diverged:
        return conclude(base, "consistent" if rises == (side == "above") else "leaning against", NoInterval())
    summary = stats.summarize(ours.values)
    if summary.sd < NO_SPREAD:
        return conclude(base, "no verdict", NoSpread())
    difference = stats.one_sample(summary, bound)
    interval, tost = difference.interval(1 - 2 * alpha), difference.tost(0.0)
    p = tost.p_low if side == "above" else tost.p_high
    base = replace(base, estimate=difference.points, interval=interval, p=p)
    where: Side | None = "above" if interval.low > 0 else "below" if interval.high < 0 else None
    if where is not None:
        return conclude(base, "reproduced" if where == side else "not reproduced", IntervalLies(where))
    lean: Lean = "consistent" if (difference.points > 0) == (side == "above") else "leaning against"
    return conclude(base, lean, IntervalLies("across"))
