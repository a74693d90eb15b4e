"""The kind `value`: an arm's mean test error equals the published number."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from repro.claims import stats
from repro.claims.rules.claim import Design, Evidence, WithMargin
from repro.claims.rules.levels import ONCE, Levels
from repro.claims.rules.metrics import TEST_ERRORS
from repro.claims.rules.model import (
    NO_SPREAD,
    ArmErrors,
    Lean,
    Outcome,
    Verdict,
    check,
    conclude,
    open_verdict,
    too_few,
    weigh,
)
from repro.claims.rules.plan import Bools, Plan
from repro.claims.rules.published import Published, spreads
from repro.claims.rules.reasons import ByDivergedRuns, IfOneRun, IntervalLies, NoSpread, SeedsNeeded
from repro.claims.rules.words import arm_text, predicted
from repro.claims.stats import Difference, Measured, Summary
from repro.numbers import p_value
from repro.numbers import published as published_text

Floats = NDArray[np.float64]


class Value(WithMargin):
    """The arm's error equals the published one within `margin` points."""

    takes_arms = (1, 1)
    metrics = TEST_ERRORS  # as published numbers are

    kind: Literal["value"]

    def misfit(self, design: Design) -> str:
        return f"arm {self.arms[0]!r} has no published number" if design.published[0] is None else ""

    def judge(self, evidence: Evidence) -> Verdict:
        (ours,), (number,) = evidence.arms, evidence.published
        assert number is not None  # the spec's validation requires it
        return judge_value(
            ours,
            number.test_error,
            margin=self.margin,
            published_sd=number.sd,
            published_runs=number.runs,
            further=number.mean_of,
            levels=self.levels,
            different_protocol=evidence.different_protocol,
            chance_error=evidence.chance_error() if ours.diverged else None,
        )

    def plan(self, design: Design) -> Plan | None:
        (number,) = design.published
        assert number is not None  # as in `judge`
        return ValuePlan((0.0,), spreads(design.published), self.margin, number.mean_of)

    def region(self, verdict: Verdict) -> tuple[float, float]:
        return -self.margin, self.margin

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        assert published[0] is not None  # the spec's validation requires it
        return f"{labels[0]} is within {self.margin:.2f} points of {published[0].test_error:.2f} %"

    def quantity(self, labels: Sequence[str]) -> str:
        return "ours - published"

    @classmethod
    def compared(cls, verdict: Verdict) -> str:
        (ours,), target, theirs = verdict.arms, verdict.target, verdict.published
        assert target is not None
        number = published_text(target, theirs.sd if theirs else None, theirs.n if theirs else None, unit=" %")
        return f"{arm_text(ours)} against {number} published"

    @classmethod
    def position(cls, verdict: Verdict) -> str:
        reason, p = verdict.reason, verdict.p
        assert isinstance(reason, IntervalLies) and p is not None
        if reason.where == "inside":
            return f"inside ±{reason.bound:.2f}, equivalence {p_value(p)}"
        if reason.where == "outside":
            return f"outside ±{reason.bound:.2f}, {predicted(verdict)}"
        return f"neither inside nor outside ±{reason.bound:.2f}"

    @classmethod
    def aim(cls, verdict: Verdict, effect: float) -> str:
        return f"show a true match within ±{effect:.2f}"


# --- the rule -----------------------------------------------------------------------------------------------


def judge_value(
    ours: ArmErrors,
    published: float,
    *,
    margin: float,
    published_sd: float | None = None,
    published_runs: int | None = None,
    further: int = 1,
    levels: Levels = ONCE,
    different_protocol: bool = False,
    chance_error: float | None = None,
) -> Verdict:
    """Is our mean test error within `margin` of the published one (%), taken as exact?

    Not reproduced only if the published number is, besides, outside the prediction interval of the mean of `further`
    runs of ours. The published sd, where its number of runs is stated, serves the note `IfOneRun` alone.
    `chance_error`: the error (%) of guessing among the data set's classes, which a diverged run counts as.
    ValueError if runs diverged and it is not given.
    """
    check(margin)
    base = replace(open_verdict("value", [ours], different_protocol, margin, published), further=further)
    if published_sd is not None and published_runs is not None and published_runs >= 2:
        base = replace(base, published=Summary(published_runs, published, published_sd))
    if obstacle := too_few(ours):
        return conclude(base, "no verdict", obstacle)
    if ours.diverged:
        if chance_error is None:
            raise ValueError(f"{ours.name} has diverged runs, so chance_error must be given")
        return _with_diverged(base, published + margin, levels, chance_error)
    summary = stats.summarize(ours.values)
    if summary.sd < NO_SPREAD:
        return conclude(base, "no verdict", NoSpread())
    verdict = _by_intervals(base, summary, margin, levels)
    if_one_run = _by_intervals(base, summary, margin, Levels(levels.alpha), one_run=True)
    return replace(verdict, notes=(*verdict.notes, IfOneRun(if_one_run.outcome == verdict.outcome)))


def value_p(ours: Measured, further: Measured, margin: float) -> tuple[Floats, Floats]:
    """p of "reproduced" and of "not reproduced". `further` has the standard error of predicting further runs' mean."""
    return stats.inside_p(ours, margin), np.maximum(stats.outside_p(ours, margin), stats.zero_p(further))


def prediction_error(ours: Summary, runs: int) -> float:
    """The standard error of predicting the mean of `runs` further runs; df = n - 1."""
    return ours.sd * sqrt(1 / runs + 1 / ours.n)


def _by_intervals(base: Verdict, ours: Summary, margin: float, levels: Levels, one_run: bool = False) -> Verdict:
    """The rule itself. `one_run`: as if the published number were a single draw, with the published sd or else ours."""
    assert base.target is not None
    exact = stats.one_sample(ours, base.target)
    further = Difference(exact.points, prediction_error(ours, base.further), exact.df)
    difference = _if_one_run(exact, ours, base.published) if one_run else exact
    p_for, p_against = map(float, value_p(difference, further, margin))
    interval = difference.interval(1 - 2 * levels.t)
    prediction = stats.prediction_interval(ours, 1 - levels.t, runs=base.further)
    base = replace(base, estimate=difference.points, interval=interval, prediction=prediction)
    if p_for <= levels.t:
        return conclude(weigh(base, p_for, levels), "reproduced", IntervalLies("inside", margin))
    reason = IntervalLies("outside" if interval.outside(margin) else "across", margin)
    if p_against <= levels.t:
        return conclude(weigh(base, p_against, levels), "not reproduced", reason)
    lean: Lean = "consistent" if abs(difference.points) < margin else "leaning against"
    plan = ValuePlan((0.0,), (ours.sd,), margin, base.further)
    return conclude(weigh(base, p_for, levels), lean, reason, SeedsNeeded(ours.n, margin, plan, levels.alpha))


def _if_one_run(exact: Difference, ours: Summary, theirs: Summary | None) -> Difference:
    """The difference from a published number that is one draw: its variance is added."""
    if theirs is None:
        return Difference(exact.points, prediction_error(ours, 1), exact.df)
    se, df = stats.satterthwaite([(exact.se**2, exact.df), (theirs.sd**2, theirs.n - 1)])
    return Difference(exact.points, se, df)


def _with_diverged(base: Verdict, limit: float, levels: Levels, chance_error: float) -> Verdict:
    """Never reproduced; refuted if no mean error up to `limit`, the claim's highest, makes this many runs likely to
    diverge."""
    (ours,) = base.arms
    p = stats.divergence_p(ours.diverged, ours.runs, limit, chance_error)
    base = weigh(base, p, levels, exact=True)
    outcome: Outcome | Lean = "not reproduced" if p <= levels.exact else "leaning against"
    return conclude(base, outcome, ByDivergedRuns(limit, chance_error, p))


@dataclass(frozen=True, slots=True)
class ValuePlan(Plan):
    """One sample, relative to the published number, which is the mean of `further` runs."""

    margin: float
    further: int

    def decide(self, sample: stats.Sample, levels: Levels) -> tuple[Bools, Bools]:
        p_for, p_against = value_p(sample.mean(), sample.further(self.further), self.margin)
        return p_for <= levels.t, p_against <= levels.t
