"""Why a verdict came out as it did, and what stands beside it: small values with their numbers.

Does not hold words: `repro.show.verdicts` turns these into sentences.
"""

from dataclasses import dataclass
from typing import Literal

Position = Literal["above", "below", "inside", "outside", "across"]


# --- reasons ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TooFewRuns:
    """An arm has no run, or one."""

    arm: str
    runs: int


@dataclass(frozen=True, slots=True)
class TooFewPairs:
    """The arms of a paired claim share no seed, or one."""

    shared: int


@dataclass(frozen=True, slots=True)
class NoSpread:
    """All seeds gave the same error, or all pairs the same difference."""


@dataclass(frozen=True, slots=True)
class IntervalLies:
    """Where the deciding interval lies: above or below `bound`, inside or outside ±bound, or across an end of these."""

    where: Position
    bound: float = 0.0  # points


@dataclass(frozen=True, slots=True)
class RefutedAlone:
    """A step of an order that is refuted at its own level, but not at that of all steps together."""

    level: float


@dataclass(frozen=True, slots=True)
class ByRanks:
    """Runs diverged, so the exact rank test decided. `floor`: the least p of so few runs, where alpha is below it."""

    floor: float | None


@dataclass(frozen=True, slots=True)
class ByDivergedRuns:
    """Runs of a value diverged: `p`, the largest chance of so many if the mean error were `limit` % or less."""

    limit: float
    counted_as: float  # %, the error that stands for a diverged run
    p: float


@dataclass(frozen=True, slots=True)
class ByDivergenceRates:
    """Runs diverged, so Fisher's exact test of equal rates of diverging decided."""

    p: float


@dataclass(frozen=True, slots=True)
class NoInterval:
    """Runs diverged, and the rule has no other way to decide."""


Reason = (
    TooFewRuns
    | TooFewPairs
    | NoSpread
    | IntervalLies
    | RefutedAlone
    | ByRanks
    | ByDivergedRuns
    | ByDivergenceRates
    | NoInterval
)


# --- notes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeedsNeeded:
    """How many seeds would have 80% power to show an effect; the number itself is the verdict's `seeds_needed`."""

    have: int
    effect: float  # points


@dataclass(frozen=True, slots=True)
class SpreadNotUsed:
    """The published sd has no number of runs with it."""

    sd: float


@dataclass(frozen=True, slots=True)
class Paired:
    """Compared over the seeds that both arms have."""

    seeds: int
    alone: int  # runs left out because the other arm lacks their seed


@dataclass(frozen=True, slots=True)
class NotPaired:
    """A paired claim, compared unpaired because runs diverged."""


@dataclass(frozen=True, slots=True)
class Interim:
    """An arm lacks seeds that another arm of the claim has."""

    arm: str
    missing: int


@dataclass(frozen=True, slots=True)
class DifferentProtocol:
    """The published number was selected or obtained otherwise than ours."""


Note = SeedsNeeded | SpreadNotUsed | Paired | NotPaired | Interim | DifferentProtocol
