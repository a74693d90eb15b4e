"""What all rules on two arms start from: their difference, or the obstacle to one."""

from dataclasses import dataclass, replace

from repro.claims import stats
from repro.claims.rules.model import NO_SPREAD, ArmErrors, Verdict, too_few
from repro.claims.rules.reasons import NoSpread, NotPaired, Paired, Reason, TooFewPairs
from repro.claims.stats import Difference, Interval, Summary


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms; the difference is second - first, or None if there is an obstacle to any verdict or runs diverged."""

    base: Verdict  # without an outcome: the arms, and the numbers that are the same under every rule
    obstacle: Reason | None = None
    difference: Difference | None = None
    samples: tuple[Summary, ...] = ()  # the paired differences, or each arm

    @property
    def first(self) -> ArmErrors:
        return self.base.arms[0]

    @property
    def second(self) -> ArmErrors:
        return self.base.arms[1]

    @property
    def sds(self) -> list[float]:
        return [s.sd for s in self.samples]

    @property
    def seeds(self) -> int:
        return min(s.n for s in self.samples)

    def prediction(self, level: float, runs: int) -> Interval:
        """The prediction interval for a published difference of means over `runs` runs per arm."""
        if len(self.samples) == 1:
            return stats.prediction_interval(self.samples[0], level, runs)
        first, second = self.samples
        return stats.welch_prediction_interval(first, second, level, runs)


def pair_up(base: Verdict, paired: bool) -> Pair:
    """The two arms of `base` with their difference, or with the obstacle to one."""
    first, second = base.arms
    for arm in base.arms:
        if obstacle := too_few(arm):
            return Pair(base, obstacle)
    base = replace(base, probability=stats.probability_greater(first.ranked, second.ranked))
    if first.diverged or second.diverged:
        return Pair(replace(base, notes=(NotPaired(), *base.notes)) if paired else base)
    base = replace(base, hedges_g=stats.hedges_g(first.values, second.values))
    pair = _by_seed(base) if paired else _unpaired(base)
    if pair.difference is not None and pair.difference.se < NO_SPREAD:
        return replace(pair, obstacle=NoSpread(), difference=None)
    return pair


def _unpaired(base: Verdict) -> Pair:
    """Welch's difference of the two arms."""
    first, second = (stats.summarize(arm.values) for arm in base.arms)
    return Pair(base, difference=stats.welch(first, second), samples=(first, second))


def _by_seed(base: Verdict) -> Pair:
    """The paired difference over the shared seeds."""
    first, second = (arm.errors for arm in base.arms)
    changes = stats.paired_values(first, second)
    if changes.size < 2:
        return Pair(base, TooFewPairs(changes.size))
    difference = stats.paired(first, second)
    paired = Paired(changes.size, unpaired=len(first.keys() ^ second.keys()))
    base = replace(base, correlation=difference.correlation, notes=(paired, *base.notes))
    return Pair(base, difference=difference, samples=(stats.summarize(changes),))
