"""The rules for claims that a difference is too small to matter: equivalence and non-inferiority."""

from dataclasses import replace

from repro.claims import stats
from repro.claims.rules.model import ArmErrors, Lean, Outcome, Verdict, check, conclude, open_verdict
from repro.claims.rules.pair import Pair, pair_up
from repro.claims.rules.reasons import ByDivergenceRates, IntervalLies, SeedsNeeded


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
