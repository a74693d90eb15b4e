"""The kind `order`: each arm has a lower error than the next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Literal, get_args

import numpy as np

from repro.claims import stats
from repro.claims.rules.claim import Design, Evidence, WithMargin
from repro.claims.rules.difference import decide, reading, readings
from repro.claims.rules.levels import ONCE, Levels
from repro.claims.rules.model import ArmErrors, Lean, Outcome, Verdict, check, conclude, open_verdict
from repro.claims.rules.pair import pair_up
from repro.claims.rules.plan import Bools, Plan
from repro.claims.rules.published import Published, comparable_difference, spreads
from repro.claims.rules.reasons import IntervalLies, SeedsNeeded
from repro.claims.rules.words import arm_text
from repro.numbers import p_value, percent, points, span

LEANS = get_args(Lean)


class Order(WithMargin):
    """Each arm has a lower error than the next."""

    takes_arms = (3, None)

    kind: Literal["order"]

    def misfit(self, design: Design) -> str:
        """Comparable published test errors of neighbouring arms must differ by more than the margin."""
        if self.measured.selection is None:
            return ""
        for (better, first), (worse, second) in pairwise(zip(self.arms, design.published, strict=True)):
            step = comparable_difference(first, second)
            if step is not None and step <= self.margin:
                return (
                    f"margin = {self.margin:g} must be below each published step; from "
                    f"{better!r} to {worse!r} it is {step:.2f}"
                )
        return ""

    def judge(self, evidence: Evidence) -> Verdict:
        return judge_order(
            evidence.arms,
            margin=self.margin,
            paired=self.paired,
            levels=self.levels,
            different_protocol=evidence.different_protocol,
        )

    def plan(self, design: Design) -> Plan:
        """By its arms as if they were not paired."""
        steps = [comparable_difference(*pair) for pair in pairwise(design.published)]
        known = [self.margin if step is None or self.measured.selection is None else step for step in steps]
        return OrderPlan(tuple(accumulate(known, initial=0.0)), spreads(design.published), self.margin)

    def quantity(self, labels: Sequence[str]) -> str:
        return "worse - better"

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
        assert isinstance(step.reason, IntervalLies)
        why = f" {reading(step.reason)}"
    elif step.outcome == "inconclusive" and step.deciding.high < 0 and step.refuting is not None:
        why = f", but not below zero at the {percent(step.refuting.level)} needed to refute, {span(step.refuting)}"
    return f"{points(step.estimate)} points, {interval}{why}{paired}, {step.outcome}"


# --- the rule -----------------------------------------------------------------------------------------------


def judge_order(
    arms: Sequence[ArmErrors],
    *,
    margin: float,
    paired: bool = False,
    levels: Levels = ONCE,
    different_protocol: bool = False,
) -> Verdict:
    """Does each arm have a lower test error than the next?

    Reproduced if every step is a reproduced difference (an intersection-union test). Not reproduced if some step, or
    the comparison of the first and last arm, is not, each at alpha / their number (Bonferroni), as any one can refute.
    """
    check(margin)
    if len(arms) < 2:
        raise ValueError(f"an order needs two arms or more, not {len(arms)}")
    pairs = [*pairwise(arms), *([(arms[0], arms[-1])] if len(arms) > 2 else [])]
    against = replace(levels, of=len(pairs))
    bases = [open_verdict("difference", pair, different_protocol, margin) for pair in pairs]
    found = [decide(pair_up(base, paired), margin, levels, against) for base in bases]
    steps, ends = found[: len(arms) - 1], found[len(arms) - 1 :]
    result = _order_outcome(steps, ends)
    verdict = replace(
        open_verdict("order", arms, different_protocol, margin), steps=tuple(steps), ends=ends[0] if ends else None
    )
    verdict = _weighed(verdict, found) if result == "not reproduced" else _weighed_steps(verdict)
    undecided = [step for step in steps if step.outcome == "inconclusive"] if result in LEANS else []
    if undecided and all(step.estimate is not None for step in steps):  # ranks give no seeds needed
        means = tuple(margin * number for number in range(len(arms)))
        plan = OrderPlan(means, tuple(stats.summarize(arm.values).sd for arm in arms), margin)
        needed = SeedsNeeded(min(len(arm.errors) for arm in arms), margin, plan, levels.alpha)
        return conclude(verdict, result, None, needed)
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
    return "consistent" if all(map(_claimed_way, [*steps, *ends])) else "leaning against"


def _weighed(verdict: Verdict, pairs: Sequence[Verdict]) -> Verdict:
    """With the smallest p that refutes a pair, times the number of pairs."""
    refuting = [v for v in pairs if v.outcome == "not reproduced" and v.p is not None and v.p_looks is not None]
    p, p_looks = (min(1.0, len(pairs) * min(each)) for each in zip(*((v.p, v.p_looks) for v in refuting), strict=True))
    return replace(verdict, p=p, p_looks=p_looks)


def _weighed_steps(verdict: Verdict) -> Verdict:
    """With the largest p of the steps, where one in the opposite direction counts as 1; without, if a step has none.

    All steps must hold, so no correction is needed: an intersection-union test (Berger 1982, Technometrics 24:295-300).
    """
    known = [(v.p, v.p_looks) if _claimed_way(v) else (1.0, 1.0) for v in verdict.steps if v.p is not None]
    if len(known) < len(verdict.steps):
        return verdict
    p, p_looks = zip(*known, strict=True)
    return replace(verdict, p=max(p), p_looks=max(p_looks))


def _claimed_way(step: Verdict) -> bool:
    """Whether the step goes in the claimed direction: by its difference, or by ranks if runs diverged."""
    if step.estimate is not None:
        return step.estimate > 0
    return step.probability is not None and step.probability > 0.5


@dataclass(frozen=True, slots=True)
class OrderPlan(Plan):
    """One sample per arm."""

    margin: float

    def decide(self, sample: stats.Sample, levels: Levels) -> tuple[Bools, Bools]:
        arms = range(len(self.means))
        pairs = [*pairwise(arms), *([(0, arms[-1])] if len(arms) > 2 else [])]
        against = replace(levels, of=len(pairs))
        found = [readings(sample.difference(*pair), self.margin, levels, against) for pair in pairs]
        reproduced = np.all([yes for yes, _ in found[: len(arms) - 1]], axis=0)
        return reproduced, np.any([no for _, no in found], axis=0) & ~reproduced
