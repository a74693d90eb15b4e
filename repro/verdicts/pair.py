"""Two arms before any rule: their difference, or what stands in the way of one."""

from dataclasses import dataclass, replace

from repro import stats
from repro.stats import Difference, Interval, Summary
from repro.verdicts import words
from repro.verdicts.model import NO_SPREAD, ArmErrors, Verdict


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms, second - first. `gap` is None where an obstacle bars any verdict, or where runs diverged."""

    first: ArmErrors
    second: ArmErrors
    base: Verdict  # no verdict yet: the figures that no rule changes
    shown: str
    notes: list[str]
    obstacle: str = ""
    gap: Difference | None = None
    samples: tuple[Summary, ...] = ()  # the paired differences, or each arm

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


def meet(first: ArmErrors, second: ArmErrors, paired: bool, different_protocol: bool) -> Pair:
    """The pair with its difference, or with what stands in the way of one."""
    pair = Pair(
        first,
        second,
        Verdict("no verdict", "", different_protocol=different_protocol, runs=(first.runs, second.runs)),
        f"{words.arm(second)} against {words.arm(first)}",
        words.notes([first, second], different_protocol),
    )
    for arm in (first, second):
        if arm.runs < 2:
            return replace(pair, obstacle=words.too_few(arm))
    base = replace(pair.base, probability=stats.probability_greater(first.ranked, second.ranked))
    if first.diverged or second.diverged:
        notes = ["Not paired, as runs diverged.", *pair.notes] if paired else pair.notes
        return replace(pair, base=base, notes=notes)
    base = replace(base, hedges_g=stats.hedges_g(first.values, second.values))
    pair = replace(pair, base=base)
    pair = _match(pair) if paired else _contrast(pair)
    if pair.gap is not None and pair.gap.se < NO_SPREAD:
        return replace(pair, obstacle=f"{pair.shown}: {words.SAME}", gap=None)
    return pair


def _contrast(pair: Pair) -> Pair:
    """By Welch."""
    samples = (stats.summarize(pair.first.values), stats.summarize(pair.second.values))
    return replace(pair, gap=stats.welch(*samples), samples=samples)


def _match(pair: Pair) -> Pair:
    """Over the shared seeds."""
    changes = stats.paired_values(pair.first.errors, pair.second.errors)
    if changes.size < 2:
        shared = f"share {changes.size} seed{'s' * (changes.size != 1)}, and pairing needs two"
        return replace(pair, obstacle=f"{pair.first.name} and {pair.second.name} {shared}")
    gap = stats.paired(pair.first.errors, pair.second.errors)
    alone = len(pair.first.errors.keys() ^ pair.second.errors.keys())
    return replace(
        pair,
        gap=gap,
        samples=(stats.summarize(changes),),
        base=replace(pair.base, correlation=gap.correlation),
        notes=[words.pairing(changes.size, alone, gap.correlation), *pair.notes],
    )
