"""The reasons for a verdict and the notes on it, as data. `repro.show.verdicts` turns them into sentences."""

from dataclasses import dataclass
from typing import Literal

from repro.claims.rules.plan import Plan

Position = Literal["above", "below", "inside", "outside", "across"]


# --- reasons ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NotYet:
    """The claim's first look has not taken place."""


@dataclass(frozen=True, slots=True)
class TooFewRuns:
    """An arm has fewer than two runs."""

    arm: str
    runs: int


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """Some records do not hold the number that the claim is about."""

    what: str  # such as "evaluation of ResNet-20 at iteration 391"


@dataclass(frozen=True, slots=True)
class NotRecorded:
    """The results hold the number that the claim is about of no run, however many there are."""

    why: str  # such as "results.csv has no column train_error"


@dataclass(frozen=True, slots=True)
class TooFewPairs:
    """The arms of a paired claim share fewer than two seeds."""

    shared: int


@dataclass(frozen=True, slots=True)
class NoSpread:
    """All seeds gave the same error, or all pairs the same difference."""


@dataclass(frozen=True, slots=True)
class IntervalLies:
    """Where the deciding interval lies: above or below `bound`, inside or outside ±bound, or across one of them."""

    where: Position
    bound: float = 0.0  # points


@dataclass(frozen=True, slots=True)
class RefutesAlone:
    """A step of an order that would be refuted alone, but not at the `level` of all comparisons together."""

    level: float


@dataclass(frozen=True, slots=True)
class ByRanks:
    """Runs diverged, so the exact rank test decided."""

    floor: float | None  # the smallest p that this few runs can give, if above alpha


@dataclass(frozen=True, slots=True)
class ByDivergedRuns:
    """Runs of a value claim diverged. `p`: the largest chance of this many if the mean error is `limit` % or less."""

    limit: float
    counted_as: float  # %, the error that a diverged run counts as
    p: float


@dataclass(frozen=True, slots=True)
class ByDivergenceRates:
    """Runs diverged, so Fisher's exact test of equal divergence rates decided."""

    p: float


@dataclass(frozen=True, slots=True)
class NoInterval:
    """Runs diverged, and the rule has no other way to decide."""


class OwnReason:
    """The base of a reason that only one kind gives. The kind's file defines it, and its `explain` puts it in words."""

    __slots__ = ()


Reason = (
    OwnReason
    | NotYet
    | TooFewRuns
    | NotMeasured
    | NotRecorded
    | TooFewPairs
    | NoSpread
    | IntervalLies
    | RefutesAlone
    | ByRanks
    | ByDivergedRuns
    | ByDivergenceRates
    | NoInterval
)


# --- notes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeedsNeeded:
    """The verdict's `seeds_needed` would have 80% power to show `effect`; there are `have` seeds."""

    have: int
    effect: float  # points
    plan: Plan  # the effect, at the spread seen
    alpha: float


@dataclass(frozen=True, slots=True)
class IfOneRun:
    """Whether the verdict would be the same if the published number were a single draw, not exact."""

    same: bool


@dataclass(frozen=True, slots=True)
class Paired:
    """Compared over the seeds that both arms have."""

    seeds: int
    unpaired: int  # runs left out because the other arm lacks their seed


@dataclass(frozen=True, slots=True)
class NotPaired:
    """A paired claim, compared unpaired because runs diverged."""


@dataclass(frozen=True, slots=True)
class DifferentProtocol:
    """The published number was selected or obtained differently from ours."""


Note = SeedsNeeded | IfOneRun | Paired | NotPaired | DifferentProtocol
