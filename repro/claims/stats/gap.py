"""What another reading of a recipe changes, and how far that explains a gap to a printed number.

Everything is over seeds and in points of test error. A stated run and a run of another reading with the same seed are
a pair. The sum adds the changes of each seed, because all readings share its stated run: the changes are correlated.
It assumes that the readings do not interact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from repro.claims.stats.student import Difference, Interval, one_sample, paired_values, satterthwaite, summarize, welch

NO_SPREAD = 1e-9  # points; a smaller standard error is rounding, and no evidence
Errors = Mapping[int, float]  # seed -> test error in %


@dataclass(frozen=True, slots=True)
class Effect:
    """A change in points. `interval`: None for a single seed, and without spread over seeds.

    n: the number of pairs, or of seeds; for unpaired arms, the runs of each.
    """

    points: float
    interval: Interval | None
    n: tuple[int, ...]


def effect(stated: Errors, other: Errors, level: float = 0.95) -> Effect | None:
    """other - stated: over the shared seeds, or by Welch's t if fewer than two are shared. None if one has no run."""
    if not stated or not other:
        return None
    changes = paired_values(stated, other)
    if changes.size >= 2 or (changes.size and min(len(stated), len(other)) < 2):
        return _mean(list(changes), level)
    first, second = list(stated.values()), list(other.values())
    if min(len(first), len(second)) < 2:
        return Effect(sum(second) / len(second) - sum(first) / len(first), None, (len(first), len(second)))
    difference = welch(summarize(first), summarize(second))
    return Effect(difference.points, _interval(difference, level), (len(first), len(second)))


def total(stated: Errors, others: Sequence[Errors], level: float = 0.95) -> Effect | None:
    """The sum of all changes, over the seeds that have every reading; None if no seed has."""
    values = [read - stated[seed] for seed, read in _all_read_otherwise(stated, others).items()]
    return _mean(values, level) if others and values else None


@dataclass(frozen=True, slots=True)
class Printed:
    """A published error in %. `sd` of single runs, if it was published; `mean_of` this many runs."""

    error: float
    sd: float | None
    mean_of: int


def gap(stated: Errors, printed: Printed, others: Sequence[Errors] = (), level: float = 0.95) -> Effect | None:
    """ours - printed, with ours read otherwise by all of `others`; over the seeds that have every reading.

    The interval includes the noise of the printed number: its own standard error if the sd of two or more runs was
    published (Welch), else that of as many of our stated runs, with n - 1 degrees of freedom for both parts.
    """
    ours = list(_all_read_otherwise(stated, others).values())
    if not ours:
        return None
    if len(ours) < 2:
        return Effect(ours[0] - printed.error, None, (1,))
    summary = summarize(ours)
    difference = one_sample(summary, printed.error)
    if printed.sd is not None and printed.mean_of > 1:
        parts = [(difference.se**2, difference.df), (printed.sd**2 / printed.mean_of, printed.mean_of - 1)]
        difference = Difference(difference.points, *satterthwaite(parts))
    else:
        noise = (printed.sd or summarize(list(stated.values())).sd) ** 2 / printed.mean_of
        difference = Difference(difference.points, sqrt(difference.se**2 + noise), difference.df)
    return Effect(difference.points, _interval(difference, level), (summary.n,))


def _all_read_otherwise(stated: Errors, others: Sequence[Errors]) -> dict[int, float]:
    """Seed -> the stated error plus the change of each of `others`, for the seeds that have all."""
    seeds = [seed for seed in sorted(stated) if all(seed in other for other in others)]
    return {seed: stated[seed] + sum(other[seed] - stated[seed] for other in others) for seed in seeds}


def _mean(values: Sequence[float], level: float) -> Effect:
    if len(values) < 2:
        return Effect(float(values[0]), None, (1,))
    difference = one_sample(summarize(values), 0.0)
    return Effect(difference.points, _interval(difference, level), (len(values),))


def _interval(difference: Difference, level: float) -> Interval | None:
    return difference.interval(level) if difference.se >= NO_SPREAD else None
