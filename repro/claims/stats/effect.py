"""Standardised effect sizes of a difference between two arms."""

from math import exp, lgamma, sqrt

import numpy as np
from numpy.typing import ArrayLike

from repro.claims.stats.student import summarize


def hedges_g(first: ArrayLike, second: ArrayLike) -> float | None:
    """(mean(second) - mean(first)) in pooled sds, corrected for small-sample bias; None if neither arm has spread.

    g = J d with the exact J = Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2)), df = n1 + n2 - 2 (Hedges 1981,
    J. Educ. Stat. 6:107-128, eq. 6e). For 3 + 3 seeds J is 0.798, so the uncorrected d is a quarter too large.
    """
    a, b = summarize(first), summarize(second)
    df = a.n + b.n - 2
    pooled = sqrt(((a.n - 1) * a.sd**2 + (b.n - 1) * b.sd**2) / df)
    if pooled == 0:
        return None
    return exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2) * (b.mean - a.mean) / pooled


def probability_greater(first: ArrayLike, second: ArrayLike) -> float:
    """P(second > first) for one run drawn from each; ties count half, and +inf stands for a diverged run.

    The common-language effect size (McGraw & Wong 1992, Psychol. Bull. 111:361-365) without assuming normal
    errors: U/(n1 n2) (Vargha & Delaney 2000, J. Educ. Behav. Stat. 25:101-132).
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    if a.size == 0 or b.size == 0:
        raise ValueError(f"each arm needs at least one run, not {a.size} and {b.size}")
    return float((b[:, None] > a).mean() + (b[:, None] == a).mean() / 2)
