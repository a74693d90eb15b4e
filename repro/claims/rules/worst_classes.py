"""The kind `worst-classes`: the named classes have a higher error than all others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro.claims.rules.bound import judge_bound
from repro.claims.rules.claim import Claim, Design, Evidence
from repro.claims.rules.levels import ONCE, Levels
from repro.claims.rules.metrics import Metric
from repro.claims.rules.model import ArmErrors, Verdict
from repro.claims.rules.published import Published
from repro.claims.rules.reasons import IntervalLies, OwnReason, Position
from repro.claims.rules.words import arm_text
from repro.data import catalog
from repro.errors import UserError
from repro.fields import array
from repro.numbers import PERCENT, POINTS, p_value, percent, span


class WorstClasses(Claim):
    """Each of `classes` has a higher test error than every other class of the data set, per seed and in the mean."""

    takes_arms = (1, 1)
    metrics = ("final",)  # as predictions are recorded of the final network
    reading = "Claims about the worst classes are in points: the lowest error of the named - the highest of the others."

    kind: Literal["worst-classes"]
    classes: Annotated[array(str), Field(min_length=1)]  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _each_once(self) -> "WorstClasses":
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes = {list(self.classes)} lists a class twice")
        return self

    @property
    def measured(self) -> Metric:
        return Metric("test_error", noun="test error by class", kept_in="predictions")

    def misfit(self, design: Design) -> str:
        dataset = design.datasets[0]
        try:
            known = catalog.describe(dataset).classes
        except UserError:  # an image folder that is not on this machine
            return ""
        if unknown := [name for name in self.classes if name not in known]:
            return f"class {unknown[0]!r} is not one of {dataset}; its classes are: {', '.join(known)}"
        if len(self.classes) == len(known):
            return "classes names every class, so that no other is left to compare with"
        return ""

    def judge(self, evidence: Evidence) -> Verdict:
        (ours,) = evidence.arms
        return judge_worst_classes(ours, evidence.by_class(), self.classes, levels=self.levels)

    # --- words ---------------------------------------------------------------------------------------------------

    @property
    def limit(self) -> str:
        return f"{', '.join(self.classes)} above all others"

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        named = self.classes[0] if len(self.classes) == 1 else f"the best of {_listed(self.classes)}"
        return f"the test error of {labels[0]} on {named} is above that on every other class, in the mean over seeds"

    def quantity(self, labels: Sequence[str]) -> str:
        return "lowest of the named - highest other"

    @classmethod
    def compared(cls, verdict: Verdict) -> str:
        return arm_text(verdict.arms[0])

    @classmethod
    def explain(cls, verdict: Verdict) -> str:
        reason, p = verdict.reason, verdict.p
        assert isinstance(reason, ByClass) and p is not None
        assert verdict.estimate is not None and verdict.interval is not None
        (other, most), n = reason.other, verdict.runs[0]
        named = _listed([f"{PERCENT.value(mean)} % on {name}" for name, mean in reason.named])
        interval = f"{percent(verdict.interval.level)} interval {span(verdict.interval)}"
        where = "including zero" if reason.where == "across" else f"{reason.where} zero"
        if verdict.outcome == "reproduced":
            where += f", {p_value(p)}"
        return (
            f"{reason.arm} {named} against {PERCENT.value(most)} % on {other}, the worst other class (n = {n}); "
            f"per seed, lowest of the named - highest other {POINTS.signed(verdict.estimate)} points, "
            f"{interval} {where}"
        )


def _listed(words: Sequence[str]) -> str:
    """a, b and c."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


# --- the rule -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ByClass(OwnReason):
    """Where the interval lies, and the mean error (%) of each named class and of the worst other, the worst first."""

    where: Position
    arm: str
    named: tuple[tuple[str, float], ...]
    other: tuple[str, float]


def judge_worst_classes(
    ours: ArmErrors, by_class: Mapping[str, Mapping[int, float]], named: Sequence[str], *, levels: Levels = ONCE
) -> Verdict:
    """Is, in the mean over seeds, the lowest error of the `named` classes above the highest of the others?

    `by_class`: class -> seed -> test error (%), over the seeds of `ours`, which counts the runs. The rule is that of a
    bound of zero: one-sided, undecided if a run diverged. The lowest and the highest are
    taken per seed, so classes that change places from seed to seed speak against the claim, whatever their means.
    """
    lacks = [name for name in named if name not in by_class] if ours.errors else []
    gap = replace(
        ours,
        name=f"{ours.name}, lowest of {_listed(named)} - highest other class",
        errors={} if lacks else {seed: _gap(by_class, named, seed) for seed in ours.errors},
        lacks=f"class {lacks[0]!r}" if lacks else ours.lacks,
        unit=POINTS,
    )
    verdict = replace(judge_bound(gap, 0.0, levels=levels), kind="worst-classes")
    if not isinstance(verdict.reason, IntervalLies):
        return verdict
    means = {name: sum(errors.values()) / len(errors) for name, errors in by_class.items()}
    ranked = sorted(means.items(), key=lambda each: -each[1])
    others = [each for each in ranked if each[0] not in named]
    return replace(
        verdict,
        reason=ByClass(
            where=verdict.reason.where,
            arm=ours.name,
            named=tuple(each for each in ranked if each[0] in named),
            other=others[0],
        ),
    )


def _gap(by_class: Mapping[str, Mapping[int, float]], named: Sequence[str], seed: int) -> float:
    low = min(by_class[name][seed] for name in named)
    return low - max(errors[seed] for name, errors in by_class.items() if name not in named)
