"""Tests that do not assume normal errors: ranks, diverged runs, test images."""

from dataclasses import dataclass
from math import comb

import numpy as np
import scipy
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class McNemar:
    """The number of images that only the first or only the second classifier gets right, and the exact two-sided p."""

    only_first: int
    only_second: int
    p: float


def rank_test(first: ArrayLike, second: ArrayLike) -> float:
    """Exact two-sided p of Wilcoxon's rank-sum test, with midranks for ties.

    Twice the smaller tail, so that either direction errs with probability alpha/2 at most. +inf stands for a
    diverged run, which ranks last. The null distribution is over all splits of the pooled runs, counted by
    the usual recursion (Hollander & Wolfe 1999, Nonparametric Statistical Methods, section 4.1) on doubled
    midranks, which are integers.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    if a.size == 0 or b.size == 0:
        raise ValueError(f"each arm needs at least one run, not {a.size} and {b.size}")
    _, inverse, ties = np.unique(np.concatenate([a, b]), return_inverse=True, return_counts=True)
    ranks = (2 * np.cumsum(ties) - ties + 1)[inverse]  # twice the midrank
    splits = np.zeros((a.size + 1, int(ranks.sum()) + 1))  # [runs chosen, doubled rank sum] -> number of ways
    splits[0, 0] = 1
    for rank in ranks:
        splits[1:, rank:] += splits[:-1, :-rank].copy()
    probabilities = splits[a.size] / splits[a.size].sum()
    observed = int(ranks[: a.size].sum())
    return min(1.0, 2 * float(min(probabilities[: observed + 1].sum(), probabilities[observed:].sum())))


def rank_test_floor(n_first: int, n_second: int) -> float:
    """The smallest p that `rank_test` can give, for arms without overlap: 0.1 for 3 + 3 runs, 0.029 for 4 + 4."""
    return min(1.0, 2 / comb(n_first + n_second, n_first))


def divergence_p(diverged: int, runs: int, highest_mean: float, diverged_error: float) -> float:
    """The largest probability that `diverged` or more of `runs` diverge if the mean error is at most `highest_mean`.

    A diverged run counts as `diverged_error` (%), any other as at least 0, so the probability q of diverging
    satisfies q diverged_error <= mean <= highest_mean; the result is the binomial tail at the largest such q.
    A small p shows that the mean error, diverged runs included, is above `highest_mean`, whatever its distribution.
    """
    q = min(1.0, highest_mean / diverged_error)
    return float(scipy.special.bdtrc(diverged - 1, runs, q)) if diverged else 1.0


def divergence_rates_p(diverged: tuple[int, int], runs: tuple[int, int]) -> float:
    """Fisher's exact two-sided p of equal divergence rates (Agresti 2002, section 3.5.1)."""
    from scipy.stats import fisher_exact  # takes half a second to import and is needed only if runs diverged

    return float(fisher_exact(np.array([diverged, np.subtract(runs, diverged)])).pvalue)


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> McNemar:
    """McNemar's exact test (1947, Psychometrika 12:153-157): binomial(1/2) on the images that only one gets right.

    Takes two boolean arrays (images,) in the same order: whether each classifier is right. The result is about
    these two trained networks; for a statement about their arms, several seeds are needed (Dietterich 1998,
    Neural Comput. 10:1895-1923).
    """
    a, b = np.asarray(first_right), np.asarray(second_right)
    if a.shape != b.shape or a.dtype != bool or b.dtype != bool:
        raise ValueError(f"needs two boolean arrays of the same shape, not {a.dtype} {a.shape}, {b.dtype} {b.shape}")
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    tail = scipy.special.bdtr(min(only_first, only_second), only_first + only_second, 0.5)
    return McNemar(only_first, only_second, min(1.0, 2 * float(tail)))
