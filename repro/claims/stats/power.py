"""Seeds needed for 80% power at the spread seen. Stays out: the tests whose power it is.

The effect planned for is the one claimed or the smallest that matters (the margin), never the one seen: power at
the effect seen only restates p (Hoenig & Heisey 2001, Am. Stat. 55:19-24). The spread is itself rough: after 3 seeds
the true sd may be anything from half to six times the one seen (95%, chi-squared). Read an order of magnitude.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from scipy import special

from repro.claims.stats.student import Summary, satterthwaite, t_quantile

POWER = 0.80
MOST_SEEDS = 1000  # beyond this the answer is None: nobody will run them
FULL_POWER = 40.0  # a noncentrality from which on any power is 1 to two decimals, even at 1 degree of freedom


def seeds_for_difference(
    effect: float, sds: Sequence[float], *, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """Fewest seeds an arm, from 2, with which a two-sided t test sees a true difference of `effect` points.

    `sds`: two, an arm each (Welch), or one, that of the paired differences. By the noncentral t (Cohen 1988,
    Statistical Power Analysis, chapter 2). None: over MOST_SEEDS, or no spread seen, so nothing to plan by.
    """

    def power_at(n: int) -> float:
        se, df = satterthwaite([(sd**2 / n, n - 1) for sd in sds])
        critical, noncentrality = t_quantile(1 - alpha, df), min(effect / se, FULL_POWER)
        above, below = special.nctdtr(df, noncentrality, [critical, -critical])
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
    """Fewest seeds (an arm) with which TOST shows equivalence within ±margin, where the true difference is 0.

    `sds`: one (against a published number, or paired) or two (arm against arm). `published` adds a side whose
    n is fixed, which may put the power out of reach of any number of seeds. P(T1 > t) + P(T2 < -t) - 1 by the
    noncentral t (Phillips 1990, J. Pharmacokinet. Biopharm. 18:137-144) is a lower bound of the power, so the
    seeds are never too few. None: as in `seeds_for_difference`.
    """
    fixed = [(published.sd**2 / published.n, float(published.n - 1))] if published else []

    def power_at(n: int) -> float:
        se, df = satterthwaite([(sd**2 / n, n - 1) for sd in sds] + fixed)
        critical, noncentrality = t_quantile(1 - 2 * alpha, df), min(margin / se, FULL_POWER)
        return float(1 - 2 * special.nctdtr(df, noncentrality, critical))

    return _fewest(power_at, sds, power)


def _fewest(power_at: Callable[[int], float], sds: Sequence[float], power: float) -> int | None:
    """The smallest n in 2..MOST_SEEDS with power_at(n) >= power; power rises with n."""
    if not any(sd > 0 for sd in sds):
        return None
    n = 2 + bisect_left(range(2, MOST_SEEDS + 1), power, key=power_at)
    return n if n <= MOST_SEEDS else None
