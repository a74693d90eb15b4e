"""The verdict on a claim that an arm's error is above a printed bound."""

from dataclasses import replace

from repro.claims import stats
from repro.claims.rules.model import NO_SPREAD, ArmErrors, Lean, Verdict, begin, check, conclude
from repro.claims.rules.reasons import IntervalLies, NoInterval, NoSpread, TooFewRuns


def judge_bound(ours: ArmErrors, above: float, *, alpha: float = 0.05, different_protocol: bool = False) -> Verdict:
    """Is our mean error above `above` %? One-sided, by the 1 - 2 alpha interval; there is no margin.

    A diverged run has no error that an interval could hold, so with one nothing is decided.
    """
    check(None, alpha)
    base = begin("bound", [ours], different_protocol, target=above)
    if ours.runs < 2:
        return conclude(base, "no verdict", TooFewRuns(ours.name, ours.runs))
    if ours.diverged:
        return conclude(base, "consistent", NoInterval())
    summary = stats.summarize(ours.values)
    if summary.sd < NO_SPREAD:
        return conclude(base, "no verdict", NoSpread())
    gap = stats.one_sample(summary, above)
    interval, p = gap.interval(1 - 2 * alpha), gap.tost(0.0).p_low
    base = replace(base, estimate=gap.points, interval=interval, p=p)
    if interval.low > 0:
        return conclude(base, "reproduced", IntervalLies("above"))
    if interval.high < 0:
        return conclude(base, "not reproduced", IntervalLies("below"))
    lean: Lean = "consistent" if gap.points > 0 else "leaning against"
    return conclude(base, lean, IntervalLies("across"))
