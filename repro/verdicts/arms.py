"""The verdicts on claims that one arm is better than another: a difference, an order."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import get_args

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

    `size`: the published difference in points where the claim names one, of means over `size_runs` runs. The margin
    must be smaller: a difference as large as the published one is not negligible.
    """
    check(margin, alpha)
    if size is not None and not margin < size:
        raise ValueError(f"margin = {margin} must be below the claimed size, {size}")
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

    Reproduced: every step is, each at alpha (an intersection-union test). Not reproduced: some step is not, or the
    first arm beside the last is not, each at alpha / their number (Bonferroni), since any one can refute the claim.
    """
    check(margin, alpha)
    if len(arms) < 2:
        raise ValueError(f"an order needs two arms or more, not {len(arms)}")
    pairs = [*pairwise(arms), *([(arms[0], arms[-1])] if len(arms) > 2 else [])]
    each = alpha / len(pairs)
    found = [_difference(meet(a, b, paired, different_protocol), margin, alpha, each) for a, b in pairs]
    steps, ends = found[: len(arms) - 1], found[len(arms) - 1 :]
    result = _order_outcome(steps, ends)
    undecided = [step for step in steps if step.verdict == "inconclusive"] if result in get_args(Lean) else []
    counts = [step.seeds_needed for step in undecided]
    needed = None if None in counts else max((n for n in counts if n is not None), default=None)
    base = Verdict(
        "no verdict",
        "",
        different_protocol=different_protocol,
        runs=tuple(a.runs for a in arms),
        p=_order_p(steps),
        seeds_needed=needed,
        steps=tuple(steps),
        ends=ends[0] if ends else None,
    )
    told = [f"{b.name} - {a.name} {words.step(v, margin)}" for (a, b), v in zip(pairs, found, strict=True)]
    told[len(steps) :] = [f"its ends, {text}" for text in told[len(steps) :]]
    text = f"{' < '.join(words.arm(a) for a in arms)}: {'; '.join(told)}"
    notes = words.notes(arms, different_protocol)
    if undecided and all(step.estimate is not None for step in undecided):  # by ranks none was worked out
        fewest = min(len(a.errors) for a in arms)
        notes = [words.seeds(needed, fewest, f"to see a true step of {margin:.2f}", "seeds an arm"), *notes]
    return words.conclude(base, result, text, notes)


# --- two arms -----------------------------------------------------------------------------


def _difference(
    pair: Pair,
    margin: float,
    alpha: float,
    alpha_against: float,
    size: float | None = None,
    size_runs: int = 1,
) -> Verdict:
    """`judge_difference` with a second level, for "not reproduced": the pairs of an order share alpha."""
    if pair.obstacle:
        return words.conclude(pair.base, "no verdict", pair.obstacle, pair.notes)
    if pair.gap is None:
        return _difference_with_diverged(pair, alpha, alpha_against, size)
    interval, against = pair.gap.interval(1 - alpha), pair.gap.interval(1 - alpha_against)
    prediction = None if size is None else pair.prediction(1 - alpha, size_runs)
    size_fits = size is None or prediction is None or prediction.holds(size)
    p = pair.gap.p()
    refuting = None if alpha_against == alpha else against
    base = replace(
        pair.base, estimate=pair.gap.points, interval=interval, refuting=refuting, prediction=prediction, p=p
    )
    text = f"{pair.shown}: {words.difference(pair.gap, interval)}"
    rest = f"{words.size(size, prediction)}; {words.p_value(p)}{words.effect(base)}"

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
        why = f"which as one of several would have to hold at {words.percent(1 - alpha_against)}"
    lean: Lean = "consistent" if pair.gap.points > 0 and size_fits else "leaning against"
    effect = margin if size is None else size
    needed = stats.seeds_for_difference(effect, pair.sds, alpha=alpha)
    power = words.seeds(needed, pair.seeds, f"to see a true difference of {effect:.2f}", "seeds an arm")
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


# --- the steps of an order ------------------------------------------------------------------------------


def _order_outcome(steps: Sequence[Verdict], ends: Sequence[Verdict]) -> Outcome | Lean:
    """`ends`: the first arm beside the last, which can refute an order that its steps leave open, never show it."""
    outcomes = [step.verdict for step in steps]
    if all(outcome == "reproduced" for outcome in outcomes):
        return "reproduced"
    if "not reproduced" in [*outcomes, *(v.verdict for v in ends)]:
        return "not reproduced"
    if "no verdict" in outcomes:
        return "no verdict"
    against = any(v.lean == "leaning against" for v in [*steps, *ends])
    return "leaning against" if against else "consistent"


def _order_p(steps: Sequence[Verdict]) -> float | None:
    """None where a step has no p."""
    known = [(_claimed_way(step), step.p) for step in steps if step.p is not None]
    return stats.order_p(known) if len(known) == len(steps) else None


def _claimed_way(step: Verdict) -> bool:
    """By the difference; by ranks where runs diverged."""
    if step.estimate is not None:
        return step.estimate > 0
    return step.probability is not None and step.probability > 0.5
