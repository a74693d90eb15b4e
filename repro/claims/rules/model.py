"""The data types of the rules: input, verdict, Holm's correction. The sentences are in `repro.show.verdicts`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from repro.claims import stats
from repro.claims.rules.reasons import DifferentProtocol, Interim, Note, NotMeasured, Reason, TooFewRuns
from repro.claims.stats import Interval, Summary
from repro.numbers import PERCENT, Unit

Outcome = Literal["reproduced", "not reproduced", "inconclusive", "no verdict"]
Lean = Literal["consistent", "leaning against"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
DECIDED: tuple[Outcome, ...] = OUTCOMES[:-1]  # all but "no verdict"

NO_SPREAD = 1e-9  # points; test errors move in steps of 100 / images, so less than this is rounding


@dataclass(frozen=True, slots=True)
class ArmErrors:
    """An arm's results over its seeds, in `unit`.

    errors: seed -> test error in % (or another metric), of the completed runs.
    diverged: number of diverged runs. They are results too, but not in `errors`.
    missing: number of seeds that another arm of the claim has and this one lacks (not run, crashed, stale).
    lacks: what the record of some completed run lacks, so that its number is not in `errors`; "" = nothing.
    """

    name: str
    errors: Mapping[int, float]
    diverged: int = 0
    missing: int = 0
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
    published: the published mean, sd and n, if all three are known and were used for a value.
    lean: which way the estimate of an inconclusive claim points.
    reason: None for an order, whose steps have their own. notes: in reading order.
    estimate: ours - published, worse - better, or second - first, in points.
    interval: of the estimate, at the rule's level.
    refuting: the wider interval that refutes one of an order's differences; None for other claims.
    prediction: the interval that our runs predict for the published number: % for a value, points for a named size.
    p: of TOST (value, equivalence) or one-sided (non-inferiority, bound), where a small p supports the claim;
        two-sided, by t or by ranks (difference); the largest of the steps (order). p_adjusted: after `adjust`.
    seeds_needed: per arm, for 80% power at the observed spread, if inconclusive; may be fewer than there are.
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
    p: float | None = None
    p_adjusted: float | None = None
    seeds_needed: int | None = None
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
    def deciding(self) -> Interval | None:
        """The interval that decided the verdict."""
        return self.refuting if self.outcome == "not reproduced" and self.refuting else self.interval


def open_verdict(
    kind: str,
    arms: Sequence[ArmErrors],
    different_protocol: bool,
    margin: float | None = None,
    target: float | None = None,
) -> Verdict:
    """A verdict without an outcome yet, with the notes that every outcome keeps: missing runs, different protocol."""
    interim = [Interim(arm.name, arm.missing) for arm in arms if arm.missing]
    protocol = [DifferentProtocol()] if different_protocol else []
    return Verdict(kind, tuple(arms), margin, target, notes=(*interim, *protocol))


def conclude(base: Verdict, outcome: Outcome | Lean, reason: Reason | None, *notes: Note) -> Verdict:
    """`base` with its outcome; a lean means inconclusive. `notes` are put before the existing ones."""
    found = replace(base, reason=reason, notes=(*notes, *base.notes))
    if outcome == "consistent" or outcome == "leaning against":
        return replace(found, outcome="inconclusive", lean=outcome)
    return replace(found, outcome=outcome)


def too_few(arm: ArmErrors) -> Reason | None:
    """Why no rule can judge this arm; None if it has the two measured runs that every rule needs."""
    if arm.lacks:
        return NotMeasured(arm.lacks)
    return TooFewRuns(arm.name, arm.runs) if arm.runs < 2 else None


def adjust(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts on one experiment's claims with Holm's adjusted p added; outcomes are unchanged.

    The family is all claims of the spec, fixed before the runs. A claim without a p counts as p = 1 and keeps None.
    """
    adjusted = stats.holm([1.0 if v.p is None else v.p for v in verdicts])
    both = zip(verdicts, adjusted, strict=True)
    return tuple(replace(v, p_adjusted=None if v.p is None else p) for v, p in both)


def check(margin: float | None, alpha: float) -> None:
    """ValueError for an impossible margin or alpha; a bound has no margin."""
    if not ((margin is None or margin > 0) and 0 < alpha < 0.5):
        raise ValueError(f"margin = {margin} must be above 0, and alpha = {alpha} between 0 and 0.5")
