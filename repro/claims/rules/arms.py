"""The rules for claims that one arm is better than another: a difference, an order."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import get_args

from repro.claims import stats
from repro.claims.rules.model import ArmErrors, Lean, Outcome, Verdict, check, conclude, open_verdict
from repro.claims.rules.pair import Pair, pair_up
from repro.claims.rules.reasons import ByRanks, IntervalLies, RefutesAlone, SeedsNeeded


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
    """Does `better` have the lower test error? The estimate is worse - better; the claim says it is positive.

    `size`: the published difference in points if the claim names one, between means over `size_runs` runs. The margin
    must be smaller, since a difference as large as the published one is not negligible.
    """
    check(margin, alpha)
    if size is not None and not margin < size:
        raise ValueError(f"margin = {margin} must be below the claimed size, {size}")
    base = open_verdict("difference", (better, worse), different_protocol, margin, size)
    return _difference(pair_up(base, paired), margin, alpha, alpha, size, size_runs)


def judge_order(
    arms: Sequence[ArmErrors],
    *,
    margin: float,
    paired: bool = False,
    alpha: float = 0.05,
    different_protocol: bool = False,
) -> Verdict:
    """Does each arm have a lower test error than the next?

    Reproduced if every step is, each at alpha (an intersection-union test). Not reproduced if some step or the
    comparison of the first and last arm is not, each at alpha / their number (Bonferroni), as any one can refute it.
    """
    check(margin, alpha)
    if len(arms) < 2:
        raise ValueError(f"an order needs two arms or more, not {len(arms)}")
    pairs = [*pairwise(arms), *([(arms[0], arms[-1])] if len(arms) > 2 else [])]
    each = alpha / len(pairs)
    bases = [open_verdict("difference", pair, different_protocol, margin) for pair in pairs]
    found = [_difference(pair_up(base, paired), margin, alpha, each) for base in bases]
    steps, ends = found[: len(arms) - 1], found[len(arms) - 1 :]
    result = _order_outcome(steps, ends)
    undecided = [step for step in steps if step.outcome == "inconclusive"] if result in get_args(Lean) else []
    counts = [step.seeds_needed for step in undecided]
    verdict = replace(
        open_verdict("order", arms, different_protocol, margin),
        p=_order_p(steps),
        seeds_needed=None if None in counts else max((n for n in counts if n is not None), default=None),
        steps=tuple(steps),
        ends=ends[0] if ends else None,
    )
    if undecided and all(step.estimate is not None for step in undecided):  # rank tests give no seeds needed
        return conclude(verdict, result, None, SeedsNeeded(min(len(arm.errors) for arm in arms), margin))
    return conclude(verdict, result, None)


# --- two arms -----------------------------------------------------------------------------


def _difference(
    pair: Pair,
    margin: float,
    alpha: float,
    alpha_against: float,
    size: float | None = None,
    size_runs: int = 1,
) -> Verdict:
    """`judge_difference` with a second level for "not reproduced", since the pairs of an order share alpha."""
    if pair.obstacle:
        return conclude(pair.base, "no verdict", pair.obstacle)
    if pair.difference is None:
        return _difference_with_diverged(pair, alpha, alpha_against, size)
    interval, against = pair.difference.interval(1 - alpha), pair.difference.interval(1 - alpha_against)
    prediction = None if size is None else pair.prediction(1 - alpha, size_runs)
    size_fits = size is None or prediction is None or prediction.holds(size)
    base = replace(
        pair.base,
        estimate=pair.difference.points,
        interval=interval,
        refuting=None if alpha_against == alpha else against,
        prediction=prediction,
        p=pair.difference.p(),
    )
    if interval.low > 0 and size_fits:
        return conclude(base, "reproduced", IntervalLies("above"))
    if against.high < 0:
        return conclude(base, "not reproduced", IntervalLies("below"))
    if against.inside(margin):
        return conclude(base, "not reproduced", IntervalLies("inside", margin))
    if interval.low > 0:
        return conclude(base, "leaning against", IntervalLies("above"))

    alone = interval.high < 0 or interval.inside(margin)
    lean: Lean = "consistent" if pair.difference.points > 0 and size_fits else "leaning against"
    effect = margin if size is None else size
    base = replace(base, seeds_needed=stats.seeds_for_difference(effect, pair.sds, alpha=alpha))
    reason = RefutesAlone(1 - alpha_against) if alone else IntervalLies("across")
    return conclude(base, lean, reason, SeedsNeeded(pair.seeds, effect))


def _difference_with_diverged(pair: Pair, alpha: float, alpha_against: float, size: float | None) -> Verdict:
    """By exact ranks over all runs: a diverged run has no error, but ranks last."""
    p = stats.rank_test(pair.first.ranked, pair.second.ranked)
    worse = stats.probability_greater(pair.first.ranked, pair.second.ranked)
    floor = stats.rank_test_floor(pair.first.runs, pair.second.runs)
    base, reason = replace(pair.base, p=p), ByRanks(floor if floor > alpha else None)
    if p <= alpha_against and worse < 0.5:
        return conclude(base, "not reproduced", reason)
    if p <= alpha and worse > 0.5 and size is None:
        return conclude(base, "reproduced", reason)
    return conclude(base, "consistent" if worse > 0.5 else "leaning against", reason)


# --- the steps of an order ------------------------------------------------------------------------------


def _order_outcome(steps: Sequence[Verdict], ends: Sequence[Verdict]) -> Outcome | Lean:
    """`ends`: the comparison of the first and last arm, which can refute an order but cannot establish it."""
    outcomes = [step.outcome for step in steps]
    if all(outcome == "reproduced" for outcome in outcomes):
        return "reproduced"
    if "not reproduced" in [*outcomes, *(v.outcome for v in ends)]:
        return "not reproduced"
    if "no verdict" in outcomes:
        return "no verdict"
    against = any(v.lean == "leaning against" for v in [*steps, *ends])
    return "leaning against" if against else "consistent"


def _order_p(steps: Sequence[Verdict]) -> float | None:
    """The order's p; None if a step has none."""
    known = [(_claimed_way(step), step.p) for step in steps if step.p is not None]
    return stats.order_p(known) if len(known) == len(steps) else None


def _claimed_way(step: Verdict) -> bool:
    """Whether the step goes in the claimed direction: by its difference, or by ranks if runs diverged."""
    if step.estimate is not None:
        return step.estimate > 0
    return step.probability is not None and step.probability > 0.5
