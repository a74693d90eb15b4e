"""The kind `value`: an arm's mean test error equals the published number."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from repro.claims import stats
from repro.claims.rules.claim import Design, Evidence, WithMargin
from repro.claims.rules.metrics import TEST_ERRORS
from repro.claims.rules.model import NO_SPREAD, ArmErrors, Lean, Verdict, check, conclude, open_verdict, too_few
from repro.claims.rules.published import Published
from repro.claims.rules.reasons import ByDivergedRuns, IntervalLies, NoSpread, SeedsNeeded, SpreadNotUsed
from repro.claims.rules.words import arm_text, predicted
from repro.claims.stats import Summary
from repro.numbers import p_value
from repro.numbers import published as published_text


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
            alpha=self.alpha,
            different_protocol=evidence.different_protocol,
            chance_error=evidence.chance_error() if ours.diverged else None,
        )

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        assert published[0] is not None  # the spec's validation requires it
        return f"{labels[0]} is within {self.margin:.2f} points of {published[0].test_error:.2f} %"

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
    alpha: float = 0.05,
    different_protocol: bool = False,
    chance_error: float | None = None,
) -> Verdict:
    """Is our mean test error within `margin` of the published one (%)?

    With a published sd over at least two runs this is Welch's comparison of two summaries, and the prediction interval
    is for the mean of that many runs. Otherwise the published number is treated as one run of unknown spread, which is
    conservative if it is a mean or median of several.
    `chance_error`: the error (%) of guessing among the data set's classes, which a diverged run counts as.
    ValueError if runs diverged and it is not given.
    """
    check(margin, alpha)
    base = open_verdict("value", [ours], different_protocol, margin, published)
    if obstacle := too_few(ours):
        return conclude(base, "no verdict", obstacle)
    if ours.diverged:
        if chance_error is None:
            raise ValueError(f"{ours.name} has diverged runs, so chance_error must be given")
        return _with_diverged(base, published + margin, alpha, chance_error)

    known = None
    if published_sd is not None and published_runs is not None and published_runs >= 2:
        known = Summary(published_runs, published, published_sd)
        base = replace(base, published=known)
    elif published_sd is not None:
        base = replace(base, notes=(SpreadNotUsed(published_sd), *base.notes))
    summary = stats.summarize(ours.values)
    if summary.sd < NO_SPREAD:
        return conclude(base, "no verdict", NoSpread())
    return _by_intervals(base, summary, published, known, margin, alpha)


def _by_intervals(
    base: Verdict, ours: Summary, published: float, known: Summary | None, margin: float, alpha: float
) -> Verdict:
    """The rule itself. `known`: the published mean, sd and n, if all three are stated."""
    difference = stats.one_sample(ours, published) if known is None else stats.welch(known, ours)
    interval, p = difference.interval(1 - 2 * alpha), difference.tost(margin).p
    prediction = stats.prediction_interval(ours, 1 - alpha, runs=1 if known is None else known.n)
    base = replace(base, estimate=difference.points, interval=interval, prediction=prediction, p=p)
    if interval.inside(margin):
        return conclude(base, "reproduced", IntervalLies("inside", margin))
    outside = interval.outside(margin)
    reason = IntervalLies("outside" if outside else "across", margin)
    if outside and not prediction.holds(published):
        return conclude(base, "not reproduced", reason)
    lean: Lean = "consistent" if abs(difference.points) < margin else "leaning against"
    needed = stats.seeds_for_equivalence(margin, [ours.sd], published=known, alpha=alpha)
    return conclude(replace(base, seeds_needed=needed), lean, reason, SeedsNeeded(ours.n, margin))


def _with_diverged(base: Verdict, limit: float, alpha: float, chance_error: float) -> Verdict:
    """Never reproduced; refuted if no mean error up to `limit`, the claim's highest, makes this many runs likely to
    diverge."""
    (ours,) = base.arms
    p = stats.divergence_p(ours.diverged, ours.runs, limit, chance_error)
    reason = ByDivergedRuns(limit, chance_error, p)
    return conclude(base, "not reproduced" if p <= alpha else "leaning against", reason)
