"""The kind `bound`: an arm's error is above a published bound."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from repro.claims import stats
from repro.claims.rules.claim import Claim, Evidence
from repro.claims.rules.model import NO_SPREAD, ArmErrors, Lean, Verdict, check, conclude, open_verdict
from repro.claims.rules.published import Published
from repro.claims.rules.reasons import IntervalLies, NoInterval, NoSpread, TooFewRuns
from repro.claims.rules.words import arm_text
from repro.numbers import p_value


class Bound(Claim):
    """The arm's error is above `above` %."""

    takes_arms = (1, 1)

    kind: Literal["bound"]
    above: Annotated[float, Field(ge=0, lt=100)]  # % of images

    def judge(self, evidence: Evidence) -> Verdict:
        (ours,) = evidence.arms
        return judge_bound(ours, self.above, alpha=self.alpha, different_protocol=evidence.different_protocol)

    @property
    def limit(self) -> str:
        return f"above {self.above:g} %"

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        return f"the {self.noun} of {labels[0]} is above {self.above:g} %"

    @classmethod
    def compared(cls, verdict: Verdict) -> str:
        (ours,), target = verdict.arms, verdict.target
        assert target is not None
        return f"{arm_text(ours)} against a bound of {target:.2f} %"

    @classmethod
    def position(cls, verdict: Verdict) -> str:
        reason, p = verdict.reason, verdict.p
        assert isinstance(reason, IntervalLies) and p is not None
        if reason.where == "across":
            return "including zero"
        return f"above zero, {p_value(p)}" if reason.where == "above" else "below zero"


# --- the rule -----------------------------------------------------------------------------------------------


def judge_bound(ours: ArmErrors, above: float, *, alpha: float = 0.05, different_protocol: bool = False) -> Verdict:
    """Is our mean error above `above` %? One-sided, by the 1 - 2 alpha interval, without a margin.

    Inconclusive if a run diverged, since it has no error that an interval could include.
    """
    check(None, alpha)
    base = open_verdict("bound", [ours], different_protocol, target=above)
    if ours.runs < 2:
        return conclude(base, "no verdict", TooFewRuns(ours.name, ours.runs))
    if ours.diverged:
        return conclude(base, "consistent", NoInterval())
    summary = stats.summarize(ours.values)
    if summary.sd < NO_SPREAD:
        return conclude(base, "no verdict", NoSpread())
    difference = stats.one_sample(summary, above)
    interval, p = difference.interval(1 - 2 * alpha), difference.tost(0.0).p_low
    base = replace(base, estimate=difference.points, interval=interval, p=p)
    if interval.low > 0:
        return conclude(base, "reproduced", IntervalLies("above"))
    if interval.high < 0:
        return conclude(base, "not reproduced", IntervalLies("below"))
    lean: Lean = "consistent" if difference.points > 0 else "leaning against"
    return conclude(base, lean, IntervalLies("across"))
