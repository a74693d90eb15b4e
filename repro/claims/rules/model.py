"""What goes into a verdict and what comes out, as data. Does not hold the rules, or words (`repro.show.verdicts`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from repro.claims import stats
from repro.claims.rules.reasons import DifferentProtocol, Interim, Note, Reason
from repro.claims.stats import Interval, Summary

Kind = Literal["value", "difference", "order", "equivalence", "non-inferiority", "bound"]
Outcome = Literal["reproduced", "not reproduced", "inconclusive", "no verdict"]
Lean = Literal["consistent", "leaning against"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
DECIDED: tuple[Outcome, ...] = OUTCOMES[:-1]  # all but "no verdict"

NO_SPREAD = 1e-9  # points; test errors move in steps of 100 / images, so less than this is rounding


@dataclass(frozen=True, slots=True)
class ArmErrors:
    """What the seeds of an arm came to.

    errors: seed -> test error in %, of the runs that reached their last iteration.
    diverged: how many runs diverged: they are results, but not among `errors`.
    missing: how many seeds that another arm of the claim has have no result here (not run, crashed, stale).
    """

    name: str
    errors: Mapping[int, float]
    diverged: int = 0
    missing: int = 0

    @property
    def values(self) -> NDArray[np.float64]:
        """(n,) the errors in %, by rising seed."""
        return np.array([self.errors[seed] for seed in sorted(self.errors)], float)

    @property
    def ranked(self) -> NDArray[np.float64]:
        """(runs,) the errors with a diverged run as +inf, worse than any: for ranks only."""
        return np.append(self.values, np.full(self.diverged, np.inf))

    @property
    def runs(self) -> int:
        return len(self.errors) + self.diverged


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim's verdict, why it is that, and the figures beside it; None for one that does not exist.

    arms: what was compared, in the claim's order. margin: points; None for a bound.
    target: the published number of a value, the bound, or the published size of a difference.
    published: the published mean with its sd and n, where a value was compared with all three.
    lean: where an inconclusive claim's estimate points; None for the other outcomes.
    reason: None for an order, whose steps have theirs. notes: in the order in which they are to be read.
    estimate: ours - published, worse - better, or second - first, in points.
    interval: of the estimate, at the level that the rule asks for.
    refuting: the wider interval by which one of an order's differences is refuted; None for other claims.
    prediction: where published numbers would fall by our runs: % for a value, points for a named size.
    p: of TOST (value, equivalence), or of one side alone (non-inferiority, bound): small speaks for the claim;
        two-sided, by t or by ranks (difference); the steps' largest (order). p_adjusted: after `adjust`.
    seeds_needed: an arm, for 80% power at the spread seen, where inconclusive; may be no more than there are.
    hedges_g, probability: of the second arm being worse. correlation: over the seeds of a paired claim.
    steps: an order's adjacent differences. ends: that of its first and last arm, where there are more than two.
    """

    kind: Kind
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
        """Counted runs of each arm, diverged ones included."""
        return tuple(arm.runs for arm in self.arms)

    @property
    def different_protocol(self) -> bool:
        return DifferentProtocol() in self.notes

    @property
    def deciding(self) -> Interval | None:
        """The interval by which the verdict was come to."""
        return self.refuting if self.outcome == "not reproduced" and self.refuting else self.interval


def begin(
    kind: Kind,
    arms: Sequence[ArmErrors],
    different_protocol: bool,
    margin: float | None = None,
    target: float | None = None,
) -> Verdict:
    """No verdict yet, with the notes that hold beside any: missing runs, another protocol."""
    interim = [Interim(arm.name, arm.missing) for arm in arms if arm.missing]
    protocol = [DifferentProtocol()] if different_protocol else []
    return Verdict(kind, tuple(arms), margin, target, notes=(*interim, *protocol))


def conclude(base: Verdict, outcome: Outcome | Lean, reason: Reason | None, *notes: Note) -> Verdict:
    """`base` with its outcome, where a lean means inconclusive; `notes` go before those that it has."""
    found = replace(base, reason=reason, notes=(*notes, *base.notes))
    if outcome == "consistent" or outcome == "leaning against":
        return replace(found, outcome="inconclusive", lean=outcome)
    return replace(found, outcome=outcome)


def adjust(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts of one experiment's claims with Holm's adjusted p beside the raw one; the verdicts stand.

    The family is the spec's, fixed before the runs: a claim without a p counts as p = 1 and keeps None.
    """
    adjusted = stats.holm([1.0 if v.p is None else v.p for v in verdicts])
    both = zip(verdicts, adjusted, strict=True)
    return tuple(replace(v, p_adjusted=None if v.p is None else p) for v, p in both)


def check(margin: float | None, alpha: float) -> None:
    """ValueError unless both can decide something; a bound has no margin."""
    if not ((margin is None or margin > 0) and 0 < alpha < 0.5):
        raise ValueError(f"margin = {margin} must be above 0, and alpha = {alpha} between 0 and 0.5")
