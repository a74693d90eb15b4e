"""Means and differences over seeds with their intervals, p values and TOST, all by Student's t.

A sample without spread has standard error 0. The functions then return the limit s -> 0: an interval of zero width
and a p of 0 or 1. That is no evidence, as noise that was not observed may still exist; callers must reject such
samples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """The closed interval [low, high] at confidence `level`."""

    low: float
    high: float
    level: float

    def inside(self, margin: float) -> bool:
        """Wholly inside the open interval (-margin, +margin)."""
        return -margin < self.low and self.high < margin

    def outside(self, margin: float) -> bool:
        """Wholly on one side of the open interval (-margin, +margin)."""
        return self.low >= margin or self.high <= -margin

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Summary:
    """The mean and sample sd (ddof=1) of n values: what a paper prints as mean ± sd over n runs."""

    n: int
    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds. With one seed there is neither sd nor interval: both are None."""

    n: int
    mean: float
    sd: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference with (points - truth) / se distributed as Student's t with df degrees of freedom.

    `correlation`: Pearson's, over the seeds of a paired difference; None if unpaired or if an arm has no spread.
    """

    points: float
    se: float
    df: float
    correlation: float | None = None

    def interval(self, level: float = 0.95) -> Interval:
        """points ± t((1 + level)/2, df) se."""
        half = t_quantile(level, self.df) * self.se
        return Interval(self.points - half, self.points + half, level)


def summarize(values: ArrayLike) -> Summary:
    """n, mean and sd of two or more finite values; ValueError otherwise."""
    x = finite(values)
    if x.size < 2:
        raise ValueError(f"a spread needs at least two values, not {x.size}")
    return Summary(x.size, float(x.mean()), _sd(x))


def estimate(values: ArrayLike, level: float = 0.95) -> Estimate:
    """The mean and its t-interval m ± t s/sqrt(n); ValueError without values.

    Not a percentile bootstrap: at n = 3 its nominal 95% interval covers 75%.
    """
    x = finite(values)
    if x.size == 0:
        raise ValueError("no values to estimate from")
    if x.size == 1:
        return Estimate(1, float(x[0]), None, None)
    s = summarize(x)
    return Estimate(s.n, s.mean, s.sd, one_sample(s, 0.0).interval(level))


def one_sample(ours: Summary, published: float) -> Difference:
    """ours - published, with the published number taken as exact; df = n - 1."""
    return Difference(ours.mean - published, ours.sd / sqrt(ours.n), ours.n - 1)


def prediction_interval(ours: Summary, level: float = 0.95, runs: int = 1) -> Interval:
    """The interval that contains the mean of `runs` further runs with probability `level`: m ± t s sqrt(1/runs + 1/n).

    df = n - 1 (Hahn & Meeker 1991, Statistical Intervals, chapter 4: prediction of the mean of m future
    observations from a normal sample).
    """
    half = t_quantile(level, ours.n - 1) * ours.sd * sqrt(1 / runs + 1 / ours.n)
    return Interval(ours.mean - half, ours.mean + half, level)


def welch(first: Summary, second: Summary) -> Difference:
    """second - first with unequal variances (Welch 1947, Biometrika 34:28-35).

    Takes summaries, so either side may be a published mean ± sd over n runs.
    """
    se, df = satterthwaite([(s.sd**2 / s.n, s.n - 1) for s in (first, second)])
    return Difference(second.mean - first.mean, se, df)


def welch_prediction_interval(first: Summary, second: Summary, level: float = 0.95, runs: int = 1) -> Interval:
    """The interval that contains second - first with probability `level`, for means over `runs` further runs per arm.

    d ± t sqrt(s1^2 (1/runs + 1/n1) + s2^2 (1/runs + 1/n2)), df by Satterthwaite's rule for that sum.
    """
    se, df = satterthwaite([(s.sd**2 * (1 / runs + 1 / s.n), s.n - 1) for s in (first, second)])
    return Difference(second.mean - first.mean, se, df).interval(level)


def paired_values(first: Mapping[int, float], second: Mapping[int, float]) -> NDArray[np.float64]:
    """(shared seeds,) second - first, sorted by seed; other seeds are left out."""
    return finite([second[seed] - first[seed] for seed in sorted(first.keys() & second.keys())])


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """second - first over the shared seeds (at least two), with the correlation that pairing relies on."""
    change = one_sample(summarize(paired_values(first, second)), 0.0)
    shared = sorted(first.keys() & second.keys())
    a, b = finite([first[seed] for seed in shared]), finite([second[seed] for seed in shared])
    correlation = float(np.corrcoef(a, b)[0, 1]) if _sd(a) > 0 and _sd(b) > 0 else None
    return Difference(change.points, change.se, change.df, correlation)


def satterthwaite(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(se, df) of a sum of independent (variance, df) parts (Satterthwaite 1946, Biometrics Bull. 2:110-114).

    Computed from shares of the total variance, so that squaring small variances does not underflow.
    """
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return 0.0, sum(df for _, df in parts)
    return sqrt(total), 1 / sum((variance / total) ** 2 / df for variance, df in parts)


def t_quantile(level: float, df: float) -> float:
    """The t that bounds the central `level` of Student's distribution."""
    return float(scipy.special.stdtrit(df, (1 + level) / 2))


def finite(values: ArrayLike) -> NDArray[np.float64]:
    """(n,) float64, or ValueError."""
    x = np.asarray(values, float)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ValueError(f"needs a flat sequence of finite numbers, not {values!r}")
    return x


def _sd(x: NDArray[np.float64]) -> float:
    """Sample sd; exactly 0 if all values are equal, despite rounding in the mean."""
    return float(x.std(ddof=1)) if np.ptp(x) > 0 else 0.0
