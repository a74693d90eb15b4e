"""Seeds needed for 80% power at the observed spread.

The assumed effect is the claimed one or the smallest that matters (the margin), never the observed one: power at
the observed effect only restates p (Hoenig & Heisey 2001, Am. Stat. 55:19-24). The spread is itself uncertain: after
3 seeds the true sd may be half to six times the observed one (95%, chi-squared), so read an order of magnitude.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

import scipy

from repro.claims.stats.student import Summary, satterthwaite, t_quantile

POWER = 0.80
MOST_SEEDS = 1000  # the result is None beyond this
FULL_POWER = 40.0  # noncentrality at which power rounds to 1.00 even with 1 degree of freedom


def seeds_for_difference(
    effect: float, sds: Sequence[float], *, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """The fewest seeds per arm (at least 2) with which a two-sided t test detects a true difference of `effect` points.

    `sds`: those of the two arms (Welch), or the one of the paired differences. By the noncentral t (Cohen 1988,
    Statistical Power Analysis, chapter 2). None if over MOST_SEEDS, or if there is no spread to plan by.
    """

    def power_at(n: int) -> float:
        se, df = satterthwaite([(sd**2 / n, n - 1) for sd in sds])
        critical, noncentrality = t_quantile(1 - alpha, df), min(effect / se, FULL_POWER)
        above, below = scipy.special.nctdtr(df, noncentrality, [critical, -critical])
        return float(1 - above + below)

    return _fewest(power_at, sds, power)


def seeds_for_equivalence(
    margin: float,
    sds: Sequence[float],
    *,
    published: Summary | None = None,
    alpha: float = 0.05,
    power: float = POWER,
) -> int | None:
    """The fewest seeds per arm with which TOST shows equivalence within ±margin if the true difference is 0.

    `sds`: one (against a published number, or paired) or two (arm against arm). `published` adds a side with
    fixed n, which may make the power unreachable with any number of seeds. P(T1 > t) + P(T2 < -t) - 1 by the
    noncentral t (Phillips 1990, J. Pharmacokinet. Biopharm. 18:137-144) is a lower bound of the power, so the
    result is never too small. None: as in `seeds_for_difference`.
    """
    fixed = [(published.sd**2 / published.n, float(published.n - 1))] if published else []

    def power_at(n: int) -> float:
        se, df = satterthwaite([(sd**2 / n, n - 1) for sd in sds] + fixed)
        critical, noncentrality = t_quantile(1 - 2 * alpha, df), min(margin / se, FULL_POWER)
        return float(1 - 2 * scipy.special.nctdtr(df, noncentrality, critical))

    return _fewest(power_at, sds, power)


def _fewest(power_at: Callable[[int], float], sds: Sequence[float], power: float) -> int | None:
    """The smallest n in 2..MOST_SEEDS with power_at(n) >= power; power increases with n."""
    if not any(sd > 0 for sd in sds):
        return None
    n = 2 + bisect_left(range(2, MOST_SEEDS + 1), power, key=power_at)
    return n if n <= MOST_SEEDS else None
