"""The kind `order`: each arm has a lower error than the next."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal, get_args

from repro.claims import stats
from repro.claims.rules.claim import Design, Evidence, WithMargin
from repro.claims.rules.difference import decide
from repro.claims.rules.model import ArmErrors, Lean, Outcome, Verdict, check, conclude, open_verdict
from repro.claims.rules.pair import pair_up
from repro.claims.rules.published import Published
from repro.claims.rules.reasons import SeedsNeeded
from repro.claims.rules.words import arm_text
from repro.numbers import p_value, percent, points, span


class Order(WithMargin):
    """Each arm has a lower error than the next."""

    takes_arms = (3, None)

    kind: Literal["order"]

    def misfit(self, design: Design) -> str:
        """Comparable published test errors of neighbouring arms must differ by more than the margin."""
        if self.measured.selection is None:
            return ""
        for (better, first), (worse, second) in pairwise(zip(self.arms, design.published, strict=True)):
            known = [n.test_error for n in (first, second) if n and n.same_protocol and n.dataset is None]
            if len(known) == 2 and round(known[1] - known[0], 6) <= self.margin:
                return (
                    f"margin = {self.margin:g} must be below each published step; from "
                    f"{better!r} to {worse!r} it is {known[1] - known[0]:.2f}"
                )
        return ""

    def judge(self, evidence: Evidence) -> Verdict:
        return judge_order(
            evidence.arms,
            margin=self.margin,
            paired=self.paired,
            alpha=self.alpha,
            different_protocol=evidence.different_protocol,
        )

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        return f"in {self.measured.noun} {' < '.join(labels)}"

    @classmethod
    def explain(cls, verdict: Verdict) -> str:
        pairs = [f"{_names(each)} {_step(each)}" for each in verdict.steps]
        if verdict.ends:
            pairs.append(f"its ends, {_names(verdict.ends)} {_step(verdict.ends)}")
        return f"{' < '.join(map(arm_text, verdict.arms))}: {'; '.join(pairs)}"

    @classmethod
    def aim(cls, verdict: Verdict, effect: float) -> str:
        return f"detect a true step of {effect:.2f}"


def _names(step: Verdict) -> str:
    first, second = step.arms
    return f"{second.name} - {first.name}"


def _step(step: Verdict) -> str:
    """One of an order's differences, in short."""
    if step.estimate is None or step.deciding is None or step.margin is None:
        return (f"by ranks, {p_value(step.p)}, " if step.p is not None else "") + step.outcome
    paired = "" if step.correlation is None else f", paired with correlation {step.correlation:+.2f}"
    interval = f"{percent(step.deciding.level)} interval {span(step.deciding)}"
    why = ""
    if step.outcome == "not reproduced":
        why = " below zero" if step.deciding.high < 0 else f" inside ±{step.margin:.2f}, negligible"
    elif step.outcome == "inconclusive" and step.deciding.high < 0 and step.refuting is not None:
        why = f", but not below zero at the {percent(step.refuting.level)} needed to refute, {span(step.refuting)}"
    return f"{points(step.estimate)} points, {interval}{why}{paired}, {step.outcome}"


# --- the rule -----------------------------------------------------------------------------------------------


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
    found = [decide(pair_up(base, paired), margin, alpha, each) for base in bases]
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
