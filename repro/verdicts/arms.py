"""The verdicts on claims about arms: a difference, an order, an equivalence."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from repro import stats
from repro.verdicts import words
from repro.verdicts.model import ArmErrors, Lean, Outcome, Verdict, check
from repro.verdicts.pair import Pair, meet


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
    """Has `better` the lower test error? The estimate is worse - better: positive is the claimed side.

    `size`: the published difference in points where the claim names one, of means over `size_runs` runs.
    """
    check(margin, alpha)
    pair = meet(better, worse, paired, different_protocol)
    return _difference(pair, margin, alpha, alpha, size, size_runs)


def judge_order(
    arms: Sequence[ArmErrors],
    *,
    margin: float,
    paired: bool = False,
    alpha: float = 0.05,
    different_protocol: bool = False,
) -> Verdict:
    """Has each arm a lower test error than the next?

    Reproduced: every step is, each at alpha (an intersection-union test). Not reproduced: some step is not,
    each at alpha / steps (Bonferroni), since any one of them can refute the claim.
    """
    check(margin, alpha)
    if len(arms) < 2:
        raise ValueError(f"an order needs two arms or more, not {len(arms)}")
    each = alpha / (len(arms) - 1)
    steps = [_difference(meet(a, b, paired, different_protocol), margin, alpha, each) for a, b in pairwise(arms)]
    needed = [s.seeds_needed for s in steps if s.verdict == "inconclusive"]
    most = max((n for n in needed if n is not None), default=None) if None not in needed else None
    base = Verdict(
        "no verdict",
        "",
        different_protocol=different_protocol,
        runs=tuple(a.runs for a in arms),
        p=_order_p(steps),
        seeds_needed=most,
        steps=tuple(steps),
    )
    told = [f"{b.name} - {a.name} {words.step(s)}" for (a, b), s in zip(pairwise(arms), steps, strict=True)]
    text = f"{' < '.join(words.arm(a) for a in arms)}: {'; '.join(told)}"
    notes = words.notes(arms, different_protocol)
    if most is not None:
        fewest = min(len(a.errors) for a in arms)
        notes = [words.seeds(most, fewest, f"to see a true step of {margin:.2f}", "seeds an arm"), *notes]
    return words.conclude(base, _order_outcome(steps), text, notes)


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

    For claims such as "X does not help": no difference seen is no evidence, an interval inside ±margin is.
    """
    check(margin, alpha)
    pair = meet(first, second, paired, different_protocol)
    if pair.obstacle:
        return words.conclude(pair.base, "no verdict", pair.obstacle, pair.notes)
    if pair.gap is None:
        return _equivalence_with_diverged(pair, alpha)
    interval, p = pair.gap.interval(1 - 2 * alpha), pair.gap.tost(margin).p
    base = replace(pair.base, estimate=pair.gap.points, interval=interval, p=p)
    text = f"{pair.shown}: {words.difference(pair.gap, interval)}"
    if interval.inside(margin):
        why = f"inside ±{margin:.2f}, equivalence {words.p_value(p)}"
        return words.conclude(base, "reproduced", f"{text} {why}", pair.notes)
    if interval.outside(margin):
        return words.conclude(base, "not reproduced", f"{text} outside ±{margin:.2f}", pair.notes)
    lean: Lean = "consistent" if abs(pair.gap.points) < margin else "leaning against"
    needed = stats.seeds_for_equivalence(margin, pair.sds, alpha=alpha)
    power = words.seeds(needed, pair.seeds, f"to show true equality within ±{margin:.2f}", "seeds an arm")
    why = f"neither inside nor outside ±{margin:.2f}"
    return words.conclude(replace(base, seeds_needed=needed), lean, f"{text} {why}", [power, *pair.notes])


# --- two arms -----------------------------------------------------------------------------


def _difference(
    pair: Pair,
    margin: float,
    alpha: float,
    alpha_against: float,
    size: float | None = None,
    size_runs: int = 1,
) -> Verdict:
    """`judge_difference` with a second level, for "not reproduced": the steps of an order share alpha."""
    if pair.obstacle:
        return words.conclude(pair.base, "no verdict", pair.obstacle, pair.notes)
    if pair.gap is None:
        return _difference_with_diverged(pair, alpha, alpha_against, size)
    interval, against = pair.gap.interval(1 - alpha), pair.gap.interval(1 - alpha_against)
    prediction = None if size is None else pair.prediction(1 - alpha, size_runs)
    size_fits = size is None or prediction is None or prediction.holds(size)
    p = pair.gap.p()
    base = replace(pair.base, estimate=pair.gap.points, interval=interval, prediction=prediction, p=p)
    text = f"{pair.shown}: {words.difference(pair.gap, interval)}"
    rest = f"{words.size(size, prediction)}; {words.p_value(p)}"

    if interval.low > 0 and size_fits:
        why = "above zero" + (f", though shown to be within ±{margin:.2f}" if interval.inside(margin) else "")
        return words.conclude(base, "reproduced", f"{text} {why}{rest}", pair.notes)
    if against.high < 0 or against.inside(margin):
        why = "below zero, the other way round" if against.high < 0 else f"inside ±{margin:.2f}, negligible"
        return words.conclude(base, "not reproduced", f"{text} {why}{rest}", pair.notes)
    if interval.low > 0:
        return words.conclude(base, "leaning against", f"{text} above zero{rest}", pair.notes)

    why = "not clear of zero"
    if interval.high < 0 or interval.inside(margin):
        why = f"which as one of several steps would have to hold at {words.percent(1 - alpha_against)}"
    lean: Lean = "consistent" if pair.gap.points > 0 and size_fits else "leaning against"
    needed = stats.seeds_for_difference(margin, pair.sds, alpha=alpha)
    power = words.seeds(needed, pair.seeds, f"to see a true difference of {margin:.2f}", "seeds an arm")
    return words.conclude(replace(base, seeds_needed=needed), lean, f"{text} {why}{rest}", [power, *pair.notes])


def _difference_with_diverged(pair: Pair, alpha: float, alpha_against: float, size: float | None) -> Verdict:
    """By exact ranks over all runs: a diverged run has a rank, the last, and no error."""
    p = stats.rank_test(pair.first.ranked, pair.second.ranked)
    worse = stats.probability_greater(pair.first.ranked, pair.second.ranked)
    base = replace(pair.base, p=p)
    text = (
        f"{pair.shown}: a diverged run being the worst, {pair.second.name} is worse than {pair.first.name} "
        f"with probability {worse:.2f}, exact rank test {words.p_value(p)}"
    )
    if (floor := stats.rank_test_floor(pair.first.runs, pair.second.runs)) > alpha:
        text += f" (so few runs cannot give less than {floor:.3f})"
    if size is not None:
        text += f"; the published size {words.points(size)} cannot be held against diverged runs"
    if p <= alpha_against and worse < 0.5:
        return words.conclude(base, "not reproduced", text, pair.notes)
    if p <= alpha and worse > 0.5 and size is None:
        return words.conclude(base, "reproduced", text, pair.notes)
    return words.conclude(base, "consistent" if worse > 0.5 else "leaning against", text, pair.notes)


def _equivalence_with_diverged(pair: Pair, alpha: float) -> Verdict:
    """Never reproduced; refuted by different rates of diverging."""
    diverged, runs = (pair.first.diverged, pair.second.diverged), (pair.first.runs, pair.second.runs)
    p = stats.divergence_rates_p(diverged, runs)
    same_rate = diverged[0] * runs[1] == diverged[1] * runs[0]
    text = f"{pair.shown}: Fisher's exact test of equal rates of diverging {words.p_value(p)}"
    outcome: Outcome | Lean = "consistent" if same_rate else "leaning against"
    return words.conclude(pair.base, "not reproduced" if p <= alpha else outcome, text, pair.notes)


# --- the steps of an order ------------------------------------------------------------------------------


def _order_outcome(steps: Sequence[Verdict]) -> Outcome | Lean:
    outcomes = [step.verdict for step in steps]
    if "not reproduced" in outcomes:
        return "not reproduced"
    if "no verdict" in outcomes:
        return "no verdict"
    if all(outcome == "reproduced" for outcome in outcomes):
        return "reproduced"
    return "leaning against" if any(step.lean == "leaning against" for step in steps) else "consistent"


def _order_p(steps: Sequence[Verdict]) -> float | None:
    """None where a step has no p."""
    known = [(_claimed_way(step), step.p) for step in steps if step.p is not None]
    return stats.order_p(known) if len(known) == len(steps) else None


def _claimed_way(step: Verdict) -> bool:
    """By the difference; by ranks where runs diverged."""
    if step.estimate is not None:
        return step.estimate > 0
    return step.probability is not None and step.probability > 0.5
