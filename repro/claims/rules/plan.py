"""Power: how often a rule gives each verdict, by simulating the rule itself. Each kind has a `Plan` of its own."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from math import hypot

import numpy as np
from numpy.typing import NDArray

from repro.claims import stats
from repro.claims.rules.levels import Levels

SEED = 20261127
DRAWS = 20_000
ROUGH = 2_000  # draws that find roughly how many seeds are needed
POWER = 0.80
MOST_SEEDS = 1000
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Plan:
    """The truth to plan by: the mean and sd of each sample that the rule takes, an arm's or that of paired differences.

    Means are relative to the published number or to the first arm. Errors are normal and no run diverges.
    """

    means: tuple[float, ...]
    sds: tuple[float, ...]

    def decide(self, sample: stats.Sample, levels: Levels) -> tuple[Bools, Bools]:
        """Which draws are reproduced, and which are not reproduced: the kind's rule."""
        raise NotImplementedError

    def difference(self, sample: stats.Sample) -> stats.Drawn:
        """Of the two arms, or the paired one."""
        return sample.mean() if len(self.means) == 1 else sample.difference(0, 1)


@dataclass(frozen=True, slots=True)
class Chance:
    """How likely a claim is decided by the look at n seeds, or before it."""

    n: int
    reproduced: float
    not_reproduced: float


def chances(plan: Plan, levels: Levels, looks: tuple[int, ...], draws: int = DRAWS, seed: int = SEED) -> list[Chance]:
    """The chance of each verdict by each of `looks`, where the first look that decides settles the claim."""
    yes, no = np.zeros(draws, bool), np.zeros(draws, bool)
    found = []
    for sample in stats.samples(plan.means, plan.sds, looks, draws, np.random.default_rng(seed)):
        reproduced, refuted = plan.decide(sample, levels)
        open_ = ~(yes | no)
        yes, no = yes | (open_ & reproduced), no | (open_ & refuted)
        found.append(Chance(sample.n, float(yes.mean()), float(no.mean())))
    return found


@cache
def seeds_needed(plan: Plan, alpha: float) -> int | None:
    """The fewest seeds per arm with an 80% chance of "reproduced" at a single look; None if over MOST_SEEDS.

    Above 50 it may be up to 2% too many.
    """
    if not any(plan.sds):
        return None

    def power(n: int, draws: int = DRAWS) -> float:
        return chances(plan, Levels(alpha), (n,), draws)[0].reproduced

    n = 2 + bisect_left(range(2, MOST_SEEDS + 1), POWER, key=lambda n: power(n, ROUGH))
    step = max(1, n // 50)
    while n > 2 and power(max(2, n - step)) >= POWER:
        n = max(2, n - step)
    while n <= MOST_SEEDS and power(n) < POWER:
        n += step
    return n if n <= MOST_SEEDS else None


def two_arms(effect: float, sds: tuple[float, ...], paired: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The means and sds of two arms that differ by `effect`; if paired, of their difference, without correlation."""
    return ((effect,), (hypot(*sds),)) if paired else ((0.0, effect), sds)
