"""The rule for a claim that an arm's error is above a published bound."""

from dataclasses import replace

from repro.claims import stats
from repro.claims.rules.model import NO_SPREAD, ArmErrors, Lean, Verdict, check, conclude, open_verdict
from repro.claims.rules.reasons import IntervalLies, NoInterval, NoSpread, TooFewRuns


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
