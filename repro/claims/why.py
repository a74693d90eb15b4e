"""What an arm's deviations are worth, and how far they explain its gap to the printed number.

Each deviation's effect is the test error of its other reading minus that of the stated recipe: the final error, or the
one that is selected as the printed number was. Effects are estimates: nothing is judged by them. At a reduced scale
and in demos there are means only, and no printed number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from repro.claims import stats
from repro.claims.evidence import arm_errors
from repro.claims.protocol import mismatches
from repro.claims.rules import METRICS, ArmErrors, Published
from repro.claims.rules.metrics import Metric
from repro.claims.stats import Effect
from repro.errors import UserError
from repro.records.results import Results
from repro.spec import Arm, Experiment, OtherReading, Scale, other_readings


@dataclass(frozen=True)
class Change:
    """What another reading changes. `effect`: None if either has no completed run, or a diverged one."""

    other: OtherReading
    errors: ArmErrors
    effect: Effect | None


@dataclass(frozen=True)
class Explanation:
    """An arm's changes and its gap to the printed number.

    metric: what of the runs is compared, a key of rules.METRICS.
    total: the sum of the measured changes. gap: ours - printed, over the seeds that have every measured reading.
    unexplained: the same with every measured change made, so gap + total. None = not known, or not comparable.
    """

    arm: Arm
    scale: Scale
    metric: str
    ours: ArmErrors
    changes: tuple[Change, ...]
    total: Effect | None
    gap: Effect | None
    unexplained: Effect | None

    @property
    def measured(self) -> bool:
        return any(change.effect for change in self.changes)

    @property
    def published(self) -> Published | None:
        return self.arm.published if self.scale.is_full else None

    @property
    def within_seed_noise(self) -> bool | None:
        """Whether the interval of what is unexplained includes 0; None without an interval."""
        return self.unexplained.interval.holds(0) if self.unexplained and self.unexplained.interval else None


def explain(results: Results, arm: str) -> Explanation:
    """From the usable runs of the arm and its other readings, all in one precision. UserError for an unknown arm."""
    experiment, scale = results.experiment, results.scale
    stated, others = experiment.arm(arm), other_readings(experiment, arm, scale)
    metric = _metric(stated, scale)
    errors = _errors(results, [stated, *(other.arm for other in others)], METRICS[metric])
    ours = errors[stated.name]
    changes = tuple(Change(o, errors[o.arm.name], _effect(ours, errors[o.arm.name])) for o in others)
    measured = [change.errors.errors for change in changes if change.effect]
    found = Explanation(stated, scale, metric, ours, changes, stats.total(ours.errors, measured), None, None)
    if not scale.is_full:
        return _means_only(found)
    printed = stated.published
    if not printed or printed.dataset or ours.diverged:
        return found
    number = stats.Printed(printed.test_error, printed.sd, printed.mean_of)
    unexplained = stats.gap(ours.errors, number, measured) if measured else None
    shared = {seed: e for seed, e in ours.errors.items() if all(seed in errors for errors in measured)}
    return replace(found, gap=stats.gap(shared, number), unexplained=unexplained)


def _metric(arm: Arm, scale: Scale) -> str:
    """The metric of the arm's printed number; the final error where that is not stated."""
    selection = arm.published.selection if arm.published and scale.is_full else "final"
    return next((name for name, metric in METRICS.items() if metric.selection == selection), "final")


def default_arm(experiment: Experiment, scale: Scale) -> str:
    """The first arm with another reading, of those with a published number if there are any. UserError if none."""
    arms = _arms(experiment, scale)
    if not arms:
        at = "" if scale.is_full else f" at {scale}"
        raise UserError(
            f"experiment {experiment.name!r} has no other reading of an arm{at}: "
            "give a [[deviation]] `instead = { ... }`, or `other_arm` if an arm of the spec trains it"
        )
    return next((arm.name for arm in arms if arm.published), arms[0].name)


def check_arm(experiment: Experiment, arm: str, scale: Scale) -> None:
    """UserError for an unknown arm, and for one without another reading."""
    if not other_readings(experiment, arm, scale):
        default_arm(experiment, scale)  # which reports that no arm has one
        allowed = ", ".join(a.name for a in _arms(experiment, scale))
        raise UserError(f"arm {arm!r} of {experiment.name!r} has no other reading; the arms that have one: {allowed}")


def _arms(experiment: Experiment, scale: Scale) -> list[Arm]:
    return [arm for arm in experiment.arms if other_readings(experiment, arm.name, scale)]


def explanations(results: Results) -> list[Explanation]:
    """Of each arm with a measured change, in the spec's order."""
    arms = _arms(results.experiment, results.scale)
    return [found for arm in arms if (found := explain(results, arm.name)).measured]


def count(effect: Effect) -> str:
    """Its n in words: "5" seeds, or "5 + 3" runs."""
    return " + ".join(map(str, effect.n))


def notes(explanation: Explanation) -> list[str]:
    """What a reader must know to use the numbers: runs that are missing or diverged, why a gap is not comparable."""
    found = [
        f"{errors.name}: {errors.diverged} of {errors.runs} runs diverged, so it has no effect here"
        for errors in (explanation.ours, *(change.errors for change in explanation.changes))
        if errors.diverged
    ]
    if lacking := [c.other.id for c in explanation.changes if not c.effect and not c.errors.diverged]:
        found.append(f"not measured, so in no sum: {', '.join(lacking)}")
    if explanation.measured and not explanation.total:
        found.append("no sum: no seed has a run of every reading")
    if published := explanation.published:
        found += [
            f"the printed number is not directly comparable: {reason}"
            for reason in mismatches(published, explanation.metric)
        ]
    return found


def _errors(results: Results, arms: Sequence[Arm], metric: Metric) -> dict[str, ArmErrors]:
    """Name -> errors by seed. All in the precision with most seeds, but for recipes that set their own."""
    usable = results.usable()
    have = set(usable.recorded.arm)
    free = [arm.name for arm in arms if arm.recipe.precision is None and arm.name in have]
    shared = usable.leading_precision(*free) if free else None
    runs = usable.in_precision({arm.name: arm.recipe.precision or shared for arm in arms}).recorded
    return {arm.name: arm_errors(arm, runs, metric) for arm in arms}


def _effect(stated: ArmErrors, other: ArmErrors) -> Effect | None:
    return None if stated.diverged or other.diverged else stats.effect(stated.errors, other.errors)


def _means_only(found: Explanation) -> Explanation:
    changes = tuple(replace(c, effect=c.effect and replace(c.effect, interval=None)) for c in found.changes)
    return replace(found, changes=changes, total=found.total and replace(found.total, interval=None))
