"""Two arms before any rule: their difference, or what stands in the way of one."""

from dataclasses import dataclass, replace

from repro.claims import stats
from repro.claims.rules.model import NO_SPREAD, ArmErrors, Verdict
from repro.claims.rules.reasons import NoSpread, NotPaired, Paired, Reason, TooFewPairs, TooFewRuns
from repro.claims.stats import Difference, Interval, Summary


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms, second - first. `gap` is None where an obstacle bars any verdict, or where runs diverged."""

    base: Verdict  # no verdict yet: the arms, and the figures that no rule changes
    obstacle: Reason | None = None
    gap: Difference | None = None
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
        """Of a published difference of means over `runs` runs an arm."""
        if len(self.samples) == 1:
            return stats.prediction_interval(self.samples[0], level, runs)
        first, second = self.samples
        return stats.welch_prediction_interval(first, second, level, runs)


def meet(base: Verdict, paired: bool) -> Pair:
    """The two arms of `base` with their difference, or with what stands in the way of one."""
    first, second = base.arms
    for arm in base.arms:
        if arm.runs < 2:
            return Pair(base, TooFewRuns(arm.name, arm.runs))
    base = replace(base, probability=stats.probability_greater(first.ranked, second.ranked))
    if first.diverged or second.diverged:
        return Pair(replace(base, notes=(NotPaired(), *base.notes)) if paired else base)
    base = replace(base, hedges_g=stats.hedges_g(first.values, second.values))
    pair = _match(base) if paired else _contrast(base)
    if pair.gap is not None and pair.gap.se < NO_SPREAD:
        return replace(pair, obstacle=NoSpread(), gap=None)
    return pair


def _contrast(base: Verdict) -> Pair:
    """By Welch."""
    first, second = (stats.summarize(arm.values) for arm in base.arms)
    return Pair(base, gap=stats.welch(first, second), samples=(first, second))


def _match(base: Verdict) -> Pair:
    """Over the shared seeds."""
    first, second = (arm.errors for arm in base.arms)
    changes = stats.paired_values(first, second)
    if changes.size < 2:
        return Pair(base, TooFewPairs(changes.size))
    gap = stats.paired(first, second)
    paired = Paired(changes.size, alone=len(first.keys() ^ second.keys()))
    base = replace(base, correlation=gap.correlation, notes=(paired, *base.notes))
    return Pair(base, gap=gap, samples=(stats.summarize(changes),))
