"""Draws of normal samples by their means and sds, look by look, so that a rule can be simulated on many at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Many draws of a difference: `stats.Measured` with arrays (draws,)."""

    points: Floats
    se: Floats
    df: ArrayLike


@dataclass(frozen=True, slots=True)
class Sample:
    """Many draws of the means and sds of several samples of n values; (draws, samples) each."""

    n: int
    means: Floats
    sds: Floats

    def mean(self, which: int = 0) -> Drawn:
        """The mean of one sample; df = n - 1."""
        return Drawn(self.means[:, which], self.sds[:, which] / np.sqrt(self.n), self.n - 1)

    def further(self, runs: int, which: int = 0) -> Drawn:
        """The same, with the standard error of predicting the mean of `runs` further values."""
        return Drawn(self.means[:, which], self.sds[:, which] * np.sqrt(1 / runs + 1 / self.n), self.n - 1)

    def difference(self, first: int, second: int) -> Drawn:
        """Welch's difference, second - first."""
        one, two = (self.sds[:, which] ** 2 / self.n for which in (first, second))
        total = one + two
        df = total**2 * (self.n - 1) / (one**2 + two**2)
        return Drawn(self.means[:, second] - self.means[:, first], np.sqrt(total), df)


def samples(
    means: Sequence[float], sds: Sequence[float], looks: Sequence[int], draws: int, rng: np.random.Generator
) -> Iterator[Sample]:
    """The samples at each look, each of which holds the values of the looks before it."""
    mean, within, n = np.zeros((draws, len(means))), np.zeros((draws, len(means))), 0
    for look in looks:
        more = look - n
        added = rng.standard_normal(mean.shape) / np.sqrt(more)
        within = (
            within + (rng.chisquare(more - 1, mean.shape) if more > 1 else 0) + (added - mean) ** 2 * n * more / look
        )
        mean, n = mean + (added - mean) * more / look, look
        yield Sample(n, np.asarray(means) + np.asarray(sds) * mean, np.asarray(sds) * np.sqrt(within / (n - 1)))
