"""The level at which each look at a claim is tested, and the p over its looks."""

from dataclasses import dataclass

from repro.claims import stats


@dataclass(frozen=True, slots=True)
class Levels:
    """alpha shared by a claim's `looks` and, by Bonferroni, by `of` tests any of which decides.

    Without looks, or with one, alpha / of is the level itself.
    """

    alpha: float = 0.05
    looks: tuple[int, ...] = ()
    of: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"alpha = {self.alpha} must lie between 0 and 0.5")

    @property
    def t(self) -> float:
        """The level of a t test."""
        return stats.level(self.alpha / self.of, self.looks)

    @property
    def exact(self) -> float:
        """The level of an exact test."""
        return self.alpha / self.of / max(1, len(self.looks))

    def p_of_t(self, p: float) -> float:
        """The p over the looks of a t test; at most alpha where p is at most `t`."""
        return min(1.0, self.of * stats.over_looks(p, self.looks))

    def p_of_exact(self, p: float) -> float:
        return min(1.0, self.of * max(1, len(self.looks)) * p)


ONCE = Levels()  # alpha = 0.05 at a single look
