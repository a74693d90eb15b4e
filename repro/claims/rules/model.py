"""The data types of the rules: input and verdict. The sentences are in `repro.show.verdicts`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from repro.claims.rules.levels import Levels
from repro.claims.rules.plan import seeds_needed
from repro.claims.rules.reasons import DifferentProtocol, Note, NotMeasured, Reason, SeedsNeeded, TooFewRuns
from repro.claims.stats import Interval, Summary
from repro.numbers import PERCENT, Unit

Outcome = Literal["reproduced", "not reproduced", "inconclusive", "no verdict"]
Lean = Literal["consistent", "leaning against", "reproduced before Holm", "not reproduced before Holm"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
VERDICTS: tuple[Outcome, ...] = OUTCOMES[:-1]  # all but "no verdict"
DECIDED: tuple[Outcome, ...] = ("reproduced", "not reproduced")

NO_SPREAD = 1e-9  # points; test errors move in steps of 100 / images, so less than this is rounding


@dataclass(frozen=True, slots=True)
class ArmErrors:
    """An arm's results over its seeds, in `unit`.

    errors: seed -> test error in % (or another metric), of the completed runs.
    diverged: number of diverged runs. They are results too, but not in `errors`.
    lacks: what the record of some completed run lacks, so that its number is not in `errors`; "" = nothing.
    """

    name: str
    errors: Mapping[int, float]
    diverged: int = 0
    lacks: str = ""
    unit: Unit = PERCENT

    @property
    def values(self) -> NDArray[np.float64]:
        """(n,) the errors in %, sorted by seed."""
        return np.array([self.errors[seed] for seed in sorted(self.errors)], float)

    @property
    def ranked(self) -> NDArray[np.float64]:
        """(runs,) the errors, with +inf for diverged runs. For ranks only."""
        return np.append(self.values, np.full(self.diverged, np.inf))

    @property
    def runs(self) -> int:
        return len(self.errors) + self.diverged


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim's verdict with its reason and numbers. None means not applicable.

    kind: a key of repro.claims.rules.KINDS, whose words its sentence has.
    arms: what was compared, in the claim's order. margin: in points; None for a bound.
    target: the published number of a value, the bound, or the published size of a difference.
    published: the published mean, sd and n of a value, if all three are known. None of them but the mean decides.
    lean: which way the estimate of an inconclusive claim points, or what it is before Holm's correction.
    reason: None for an order, whose steps have their own. notes: in reading order.
    estimate: ours - published, worse - better, or second - first, in points.
    interval: of the estimate, at the rule's level.
    refuting: the wider interval that refutes one of several differences, those of an order or a curve; else None.
    prediction: the interval that our runs predict for the published number: % for a value, points for a named size.
    further: the number of further runs whose mean `prediction` is for.
    p: of the test behind the outcome; if that is inconclusive, of the test that would show "reproduced".
    p_looks: the p over the claim's looks. p_adjusted: after Holm; None for a claim that is not primary or not decided.
    hedges_g, probability: effect sizes, positive or above 0.5 if the second arm is worse.
    correlation: over the seeds of a paired claim.
    steps: an order's adjacent differences. ends: the difference of its first and last arm, if it has over two arms.
    """

    kind: str
    arms: tuple[ArmErrors, ...]
    margin: float | None = None
    target: float | None = None
    published: Summary | None = None
    outcome: Outcome = "no verdict"
    lean: Lean | None = None
    reason: Reason | None = None
    notes: tuple[Note, ...] = ()
    estimate: float | None = None
    interval: Interval | None = None
    refuting: Interval | None = None
    prediction: Interval | None = None
    further: int = 1
    p: float | None = None
    p_looks: float | None = None
    p_adjusted: float | None = None
    hedges_g: float | None = None
    probability: float | None = None
    correlation: float | None = None
    steps: tuple["Verdict", ...] = ()
    ends: "Verdict | None" = None

    @property
    def runs(self) -> tuple[int, ...]:
        """The number of runs of each arm, diverged ones included."""
        return tuple(arm.runs for arm in self.arms)

    @property
    def unit(self) -> Unit:
        """Of the arms' values; the estimate and the margin are in its `difference`."""
        return self.arms[0].unit

    @property
    def different_protocol(self) -> bool:
        return DifferentProtocol() in self.notes

    @property
    def seeds_needed(self) -> int | None:
        """Per arm, for 80% power at the observed spread, if inconclusive; may be fewer than there are."""
        found = [note for note in self.notes if isinstance(note, SeedsNeeded)]
        return seeds_needed(found[0].plan, found[0].alpha) if found else None

    @property
    def deciding(self) -> Interval | None:
        """The interval that decided the verdict."""
        refuted = self.outcome == "not reproduced" or self.lean == "not reproduced before Holm"
        return self.refuting if refuted and self.refuting else self.interval


def open_verdict(
    kind: str,
    arms: Sequence[ArmErrors],
    different_protocol: bool,
    margin: float | None = None,
    target: float | None = None,
) -> Verdict:
    """A verdict without an outcome yet, with the note that every outcome keeps: a different protocol."""
    return Verdict(kind, tuple(arms), margin, target, notes=(DifferentProtocol(),) if different_protocol else ())


def weigh(base: Verdict, p: float, levels: Levels, *, exact: bool = False) -> Verdict:
    """`base` with the p of a t test, or of an exact test, and that over the looks."""
    return replace(base, p=p, p_looks=levels.p_of_exact(p) if exact else levels.p_of_t(p))


def conclude(base: Verdict, outcome: Outcome | Lean, reason: Reason | None, *notes: Note) -> Verdict:
    """`base` with its outcome; a lean means inconclusive. `notes` are put before the existing ones."""
    found = replace(base, reason=reason, notes=(*notes, *base.notes))
    match outcome:
        case "reproduced" | "not reproduced" | "inconclusive" | "no verdict":
            return replace(found, outcome=outcome)
        case lean:
            return replace(found, outcome="inconclusive", lean=lean)


def too_few(arm: ArmErrors) -> Reason | None:
    """Why no rule can judge this arm; None if it has the two measured runs that every rule needs."""
    if arm.lacks:
        return NotMeasured(arm.lacks)
    return TooFewRuns(arm.name, arm.runs) if arm.runs < 2 else None


def check(margin: float | None) -> None:
    """ValueError for an impossible margin; a bound has none."""
    if not (margin is None or margin > 0):
        raise ValueError(f"margin = {margin} must be above 0")
