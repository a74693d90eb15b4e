"""p values of a difference, by Student's t: of one, or of many at once.

Each takes anything with `points`, `se` and `df`: a `student.Difference`, or arrays that hold many draws of one. With a
standard error of 0 they return the limit, as in `repro.claims.stats.student`.
"""

from typing import Protocol

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Measured(Protocol):
    """A difference, or an array of them: (points - truth) / se is distributed as Student's t with df."""

    @property
    def points(self) -> ArrayLike: ...

    @property
    def se(self) -> ArrayLike: ...

    @property
    def df(self) -> ArrayLike: ...


def above_p(d: Measured, bound: float) -> Floats:
    """One-sided p of "the true difference is `bound` or below"; a small one shows that it is above."""
    return tail(d, np.asarray(d.points) - bound)


def below_p(d: Measured, bound: float) -> Floats:
    """One-sided p of "the true difference is `bound` or above"; a small one shows that it is below."""
    return tail(d, bound - np.asarray(d.points))


def zero_p(d: Measured) -> Floats:
    """Two-sided p of "the true difference is 0"."""
    return 2 * tail(d, np.abs(d.points))


def inside_p(d: Measured, margin: float) -> Floats:
    """Equivalence within ±margin, by two one-sided tests (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657-680).

    The larger of their p. It is below alpha if and only if the 1 - 2 alpha interval is inside ±margin.
    """
    return tail(d, margin - np.abs(d.points))


def outside_p(d: Measured, margin: float) -> Floats:
    """p of "the true difference is within ±margin", with both tails; at most 1.

    P(T > (|d| - margin) / se) + P(T > (|d| + margin) / se): the chance, at a true difference of ±margin, of an estimate
    at least as far from 0 as this one.
    """
    far: Floats = np.abs(d.points)
    return np.minimum(1.0, tail(d, far - margin) + tail(d, far + margin))


def tail(d: Measured, distance: ArrayLike) -> Floats:
    """P(T > distance / se); a half at distance 0."""
    far, se = np.asarray(distance, np.float64), np.asarray(d.se, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(far == 0, 0.0, far / se)
    found: Floats = scipy.special.stdtr(np.asarray(d.df, np.float64), -t)
    return found
