"""The verdicts on claims that a difference is too small to matter: an equivalence, a non-inferiority."""

from dataclasses import replace

from repro import stats
from repro.verdicts import words
from repro.verdicts.model import ArmErrors, Lean, Outcome, Verdict, check
from repro.verdicts.pair import Pair, meet


def judge_equivalence(
    first: ArmErrors,
    second: ArmErrors,
    *,
    margin: float,
    paired: bool = False,
    alpha: float = 0.05,
    different_protocol: bool = False,
) -> Verdict:
    """Do the arms differ by less than `margin`, either way? The estimate is second - first.

    For claims such as "X is as good as Y": no difference seen is no evidence, an interval inside ±margin is.
    """
    check(margin, alpha)
    return _judge(meet(first, second, paired, different_protocol), margin, alpha, either_way=True)


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

    For claims such as "X does not help": first without X, second with it, which may be far worse. One-sided at
    alpha (Schuirmann's lower test alone), so that its interval is the same 1 - 2 alpha one, of which one end counts.
    """
    check(margin, alpha)
    return _judge(meet(first, second, paired, different_protocol), margin, alpha, either_way=False)


def _judge(pair: Pair, margin: float, alpha: float, either_way: bool) -> Verdict:
    if pair.obstacle:
        return words.conclude(pair.base, "no verdict", pair.obstacle, pair.notes)
    if pair.gap is None:
        return _with_diverged(pair, alpha, either_way)
    interval, tost = pair.gap.interval(1 - 2 * alpha), pair.gap.tost(margin)
    points = pair.gap.points
    text = f"{pair.shown}: {words.difference(pair.gap, interval)}"
    if either_way:
        name, inside, outside, bound = "equivalence", "inside", "outside", f"±{margin:.2f}"
        p, near = tost.p, abs(points) < margin
        shown, refuted = interval.inside(margin), interval.outside(margin)
        needed = stats.seeds_for_equivalence(margin, pair.sds, alpha=alpha)
    else:
        name, inside, outside, bound = "non-inferiority", "above", "below", f"-{margin:.2f}"
        p, near = tost.p_low, points > -margin
        shown, refuted = interval.low > -margin, interval.high <= -margin
        needed = stats.seeds_for_difference(margin, pair.sds, alpha=2 * alpha)
    base = replace(pair.base, estimate=points, interval=interval, p=p)
    if shown:
        return words.conclude(base, "reproduced", f"{text} {inside} {bound}, {name} {words.p_value(p)}", pair.notes)
    if refuted:
        return words.conclude(base, "not reproduced", f"{text} {outside} {bound}", pair.notes)
    lean: Lean = "consistent" if near else "leaning against"
    power = words.seeds(needed, pair.seeds, f"to show true equality {inside} {bound}", "seeds an arm")
    why = f"neither {inside} nor {outside} {bound}"
    return words.conclude(replace(base, seeds_needed=needed), lean, f"{text} {why}", [power, *pair.notes])


def _with_diverged(pair: Pair, alpha: float, either_way: bool) -> Verdict:
    """Never reproduced; refuted by different rates of diverging, or by the first arm's being the higher."""
    diverged, runs = (pair.first.diverged, pair.second.diverged), (pair.first.runs, pair.second.runs)
    p = stats.divergence_rates_p(diverged, runs)
    first, second = diverged[0] * runs[1], diverged[1] * runs[0]
    holds = first == second or (first < second and not either_way)
    text = f"{pair.shown}: Fisher's exact test of equal rates of diverging {words.p_value(p)}"
    outcome: Outcome | Lean = "consistent" if holds else "leaning against"
    return words.conclude(pair.base, "not reproduced" if p <= alpha and not holds else outcome, text, pair.notes)
