"""The verdict on a claim that an arm's error is above a printed bound."""

from dataclasses import replace

from repro import stats
from repro.verdicts import words
from repro.verdicts.model import NO_SPREAD, ArmErrors, Lean, Verdict, check


def judge_bound(ours: ArmErrors, above: float, *, alpha: float = 0.05, different_protocol: bool = False) -> Verdict:
    """Is our mean error above `above` %? One-sided, by the 1 - 2 alpha interval; there is no margin.

    A diverged run has no error that an interval could hold, so with one nothing is decided.
    """
    check(None, alpha)
    base = Verdict("no verdict", "", different_protocol=different_protocol, runs=(ours.runs,))
    notes = words.notes([ours], different_protocol)
    if ours.runs < 2:
        return words.conclude(base, "no verdict", words.too_few(ours), notes)
    shown = f"{words.arm(ours)} against a bound of {above:.2f} %"
    if ours.diverged:
        return words.conclude(base, "consistent", f"{shown}: runs diverged, and no interval holds them", notes)
    summary = stats.summarize(ours.values)
    if summary.sd < NO_SPREAD:
        return words.conclude(base, "no verdict", f"{shown}: {words.SAME}", notes)
    gap = stats.one_sample(summary, above)
    interval, p = gap.interval(1 - 2 * alpha), gap.tost(0.0).p_low
    base = replace(base, estimate=gap.points, interval=interval, p=p)
    text = f"{shown}: {words.difference(gap, interval)}"
    if interval.low > 0:
        return words.conclude(base, "reproduced", f"{text} above zero, {words.p_value(p)}", notes)
    if interval.high < 0:
        return words.conclude(base, "not reproduced", f"{text} below zero", notes)
    lean: Lean = "consistent" if gap.points > 0 else "leaning against"
    return words.conclude(base, lean, f"{text} not clear of zero", notes)
