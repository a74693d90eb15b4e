"""The kind `curve`: the mean over seeds of a training curve passes through published points."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro.claims import stats
from repro.claims.rules.claim import Claim, Design, Evidence, When
from repro.claims.rules.levels import ONCE, Levels
from repro.claims.rules.metrics import Metric
from repro.claims.rules.model import NO_SPREAD, ArmErrors, Lean, Verdict, check, conclude, open_verdict, too_few, weigh
from repro.claims.rules.published import Published
from repro.claims.rules.reasons import NoInterval, NoSpread, OwnReason, Position, SeedsNeeded
from repro.claims.rules.value import ValuePlan, prediction_error, value_p
from repro.claims.rules.words import arm_text, predicted
from repro.claims.stats import Difference, Summary
from repro.fields import Frozen, Positive, array
from repro.numbers import NATS, p_value, percent, span

# The training figures are averages over the batches since the last evaluation, augmented, with dropout on. They are
# those of an epoch where the recipe evaluates once per epoch.
CURVES: dict[str, Metric] = {
    "train_loss": Metric("train_loss", noun="training loss", unit=NATS, kept_in="curve"),
    "train_error": Metric("train_error", noun="training error", kept_in="curve"),
    "test_error": Metric("test_error", kept_in="curve"),
}


class CurvePoint(Frozen):
    """A published value, after an epoch or an iteration; in nats or %."""

    epoch: Positive | None = None
    iteration: Positive | None = None
    published: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _one_unit(self) -> "CurvePoint":
        if (self.epoch is None) == (self.iteration is None):
            raise ValueError("a point takes either epoch or iteration")
        return self

    @property
    def when(self) -> When:
        if self.epoch is not None:
            return When("epoch", self.epoch)
        assert self.iteration is not None
        return When("iteration", self.iteration)


class Curve(Claim):
    """The mean curve of the arm is within a margin of each of `points`.

    The margin is either `margin`, in nats or points of error, or `margin_relative`, a fraction of each published value.
    """

    takes_arms = (1, 1)
    metrics = tuple(CURVES)
    reading = "A curve shows its worst point; losses are in nats."

    kind: Literal["curve"]
    metric: str  # a key of CURVES
    points: Annotated[array(CurvePoint), Field(min_length=1)]  # type: ignore[valid-type]
    margin: Annotated[float, Field(gt=0)] | None = None
    margin_relative: Annotated[float, Field(gt=0, lt=1)] | None = None
    why_margin: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _one_margin(self) -> "Curve":
        if (self.margin is None) == (self.margin_relative is None):
            raise ValueError("kind 'curve' takes either margin (nats or points) or margin_relative (a fraction)")
        if self.margin_relative is not None and not all(point.published for point in self.points):
            raise ValueError("margin_relative needs published points above 0")
        return self

    @model_validator(mode="after")
    def _points_in_order(self) -> "Curve":
        whens = [point.when for point in self.points]
        if len({when.unit for when in whens}) > 1:
            raise ValueError("points must all be at epochs or all at iterations")
        numbers = [when.number for when in whens]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"points must be in strictly increasing order, not at {numbers}")
        return self

    @property
    def measured(self) -> Metric:
        return CURVES[self.metric]

    def misfit(self, design: Design) -> str:
        for point in self.points:
            if needed := design.unevaluated(point.when):
                return f"arm {self.arms[0]!r} is not evaluated at {point.when}: evaluate_every must divide {needed}"
        return ""

    def judge(self, evidence: Evidence) -> Verdict:
        points = [
            MeasuredPoint(evidence.at(point.when), point.published, self.margin_at(point)) for point in self.points
        ]
        return judge_curve(points, levels=self.levels)

    def region(self, verdict: Verdict) -> tuple[float, float]:
        """By the margin at the verdict's point, the worst."""
        assert verdict.margin is not None
        return -verdict.margin, verdict.margin

    def margin_at(self, point: CurvePoint) -> float:
        """The margin at a point, in nats or points."""
        return self.margin if self.margin is not None else (self.margin_relative or 0) * point.published

    # --- words ---------------------------------------------------------------------------------------------------

    @property
    def _reach(self) -> str:
        if self.margin is not None:
            return f"{self.margin:g} {self.measured.unit.difference}"
        return f"{100 * (self.margin_relative or 0):g} %"

    @property
    def _span(self) -> str:
        """Such as "each of 8 points from epoch 1 to 20"."""
        first, last = self.points[0].when, self.points[-1].when
        return str(first) if first == last else f"each of {len(self.points)} points from {first} to {last.number:,}"

    @property
    def limit(self) -> str:
        return f"at {self._span} with a margin of {self.tolerance}"

    @property
    def tolerance(self) -> str:
        of = " of the published value" if self.margin is None else ""
        return f"{self._reach}{of}: {self.why_margin}"

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        return f"the {self.measured.noun} of {labels[0]} is within {self._reach} of the published value at {self._span}"

    @property
    def printed(self) -> list[str]:
        ends = [self.points[0], self.points[-1]] if len(self.points) > 1 else [self.points[0]]
        values = [f"{point.published:g} {self.measured.unit.name} at {point.when}" for point in ends]
        return [f"{' to '.join(values)}{f' ({len(self.points)} points)' * (len(self.points) > 2)}"]

    def quantity(self, labels: Sequence[str]) -> str:
        return "ours - published"

    def printed_for(self, verdict: Verdict) -> list[str]:
        if verdict.target is None:
            return self.printed
        worst = f", the worst of {len(self.points)} points" if len(self.points) > 1 else ""
        return [f"{verdict.target:g} {verdict.unit.name}{worst}"]

    @classmethod
    def compared(cls, verdict: Verdict) -> str:
        (ours,), target = verdict.arms, verdict.target
        return f"{arm_text(ours)} against {target:g} {ours.unit.name} published"

    @classmethod
    def explain(cls, verdict: Verdict) -> str:
        reason, unit = verdict.reason, verdict.unit
        assert isinstance(reason, WorstPoint) and verdict.estimate is not None and verdict.deciding is not None
        worst = f", the worst of {reason.points} points" if reason.points > 1 else ""
        interval = f"{percent(verdict.deciding.level)} interval {span(verdict.deciding, unit)}"
        estimate = f"{unit.signed(verdict.estimate)} {unit.difference}"
        return f"{cls.compared(verdict)}{worst}: {estimate}, {interval} {_where(reason, verdict)}"

    @classmethod
    def aim(cls, verdict: Verdict, effect: float) -> str:
        return f"show a true match within {verdict.unit.margin(effect)} at this point"


def _where(reason: "WorstPoint", verdict: Verdict) -> str:
    assert verdict.margin is not None and verdict.p is not None
    margin = verdict.unit.margin(verdict.margin)
    if reason.where == "inside":
        return f"inside {margin}, equivalence {p_value(verdict.p)}"
    if reason.where == "across":
        return f"neither inside nor outside {margin}"
    refuting = verdict.refuting
    if verdict.outcome != "not reproduced" and refuting is not None and not refuting.outside(verdict.margin):
        return f"outside {margin}, but not at the {percent(refuting.level)} needed to refute"
    return f"outside {margin}, {predicted(verdict)}"


# --- the rule -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WorstPoint(OwnReason):
    """Where the deciding interval lies at the worst of `points` points: inside or outside ±margin, or across an end."""

    where: Position
    points: int


@dataclass(frozen=True, slots=True)
class MeasuredPoint:
    """Our values, the published one and the margin, all in the unit of `ours`."""

    ours: ArmErrors
    published: float
    margin: float


def judge_curve(points: Sequence[MeasuredPoint], *, levels: Levels = ONCE) -> Verdict:
    """Is our mean within the margin of the published value at every point?

    Reproduced if it is at each (an intersection-union test, so alpha is not divided). Not reproduced if at some point,
    at alpha / number of points (Bonferroni), a value claim would be. A run that diverged has no curve, so the claim is
    then never reproduced, and undecided. The verdict's numbers are those of the worst point: the refuted one, or else
    the one with the largest (|difference| - margin) / standard error. `p` is the largest of TOST, or the smallest that
    refutes times the number of points.
    """
    for point in points:
        check(point.margin)
    opened = [open_verdict("curve", [at.ours], False, at.margin, at.published) for at in points]
    for base, at in zip(opened, points, strict=True):
        if obstacle := too_few(at.ours):
            return conclude(base, "no verdict", obstacle)
    if points[0].ours.diverged:
        return conclude(opened[-1], "leaning against", NoInterval())
    summaries = [stats.summarize(at.ours.values) for at in points]
    flat = [base for base, ours in zip(opened, summaries, strict=True) if ours.sd < NO_SPREAD]
    spread = zip(opened, summaries, points, strict=True)
    found = [_at(base, ours, at, levels, len(points)) for base, ours, at in spread if ours.sd >= NO_SPREAD]
    refuted = [point for point in found if point.outcome == "not reproduced"]
    if flat and not refuted:
        return conclude(flat[0], "no verdict", NoSpread())
    worst = max(refuted or found, key=_distance)
    if refuted:
        p = min(point.p for point in refuted if point.p is not None)
        return replace(worst, p=min(1.0, len(points) * p), p_looks=replace(levels, of=len(points)).p_of_t(p))
    worst = weigh(worst, max(point.p for point in found if point.p is not None), levels)
    if worst.outcome == "inconclusive" and any(point.lean != "consistent" for point in found if point.lean):
        return replace(worst, lean="leaning against")
    return worst


def _at(base: Verdict, ours: Summary, at: MeasuredPoint, levels: Levels, points: int) -> Verdict:
    """The verdict at one of `points` points alone; its p is not corrected."""
    difference, against = stats.one_sample(ours, at.published), replace(levels, of=points)
    further = Difference(difference.points, prediction_error(ours, 1), difference.df)
    p_for, p_against = map(float, value_p(difference, further, at.margin))
    interval, refuting = (difference.interval(1 - 2 * each.t) for each in (levels, against))
    base = replace(
        base,
        estimate=difference.points,
        interval=interval,
        refuting=refuting if points > 1 else None,
        prediction=stats.prediction_interval(ours, 1 - against.t),
        p=p_for,
    )
    if p_for <= levels.t:
        return conclude(base, "reproduced", WorstPoint("inside", points))
    if p_against <= against.t:
        return conclude(replace(base, p=p_against), "not reproduced", WorstPoint("outside", points))
    where: Position = "outside" if interval.outside(at.margin) else "across"
    lean: Lean = "consistent" if abs(difference.points) < at.margin else "leaning against"
    plan = ValuePlan((0.0,), (ours.sd,), at.margin, 1)
    return conclude(base, lean, WorstPoint(where, points), SeedsNeeded(ours.n, at.margin, plan, levels.alpha))


def _distance(point: Verdict) -> float:
    """How far the difference lies beyond the margin, in units of its interval's width."""
    assert point.estimate is not None and point.interval is not None and point.margin is not None
    return (abs(point.estimate) - point.margin) / (point.interval.high - point.interval.low)
