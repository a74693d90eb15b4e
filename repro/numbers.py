"""Number formats: errors in % and differences in points, with two decimals; losses in nats, with four."""

from dataclasses import dataclass

from repro.claims.stats import Interval


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement and its number format, which leaves the unit out.

    name: of a value, such as "%". difference: of a difference between two values.
    """

    name: str
    difference: str
    decimals: int = 2

    def value(self, value: float) -> str:
        """Of a value, a standard deviation or the size of a margin."""
        return f"{value:.{self.decimals}f}"

    def signed(self, value: float) -> str:
        """A difference: -0.10; zero is +0.00."""
        return f"{round(value, self.decimals) + 0.0:+.{self.decimals}f}"

    def margin(self, margin: float) -> str:
        return f"±{self.value(margin)}"


PERCENT = Unit("%", "points")
POINTS = Unit("points", "points")
NATS = Unit("nats", "nats", decimals=4)


def points(value: float) -> str:
    """With a sign: -0.10; zero is +0.00."""
    return POINTS.signed(value)


def percent(level: float) -> str:
    return f"{100 * level:.3g}%"


def span(interval: Interval, unit: Unit = POINTS) -> str:
    return f"[{unit.signed(interval.low)}, {unit.signed(interval.high)}]"


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def spread(sd: float | None) -> str:
    """The suffix of a mean: " ± 0.16", or "" without an sd."""
    return "" if sd is None else f" ± {sd:.2f}"


def mean_sd(mean: float, sd: float | None, n: int) -> str:
    """6.61 ± 0.16 (n = 5); a single run has no sd."""
    return f"{mean:.2f}{spread(sd)} (n = {n})"


def published(value: float, sd: float | None, runs: int | None, statistic: str | None = None, unit: str = "") -> str:
    """A published number, with its number of runs if stated: 6.61 ± 0.16 (n = 5), 8.17 (median of 5), 7.51.

    `statistic`: over those runs, "mean" (the default) or "median". `unit`: goes after the sd, such as " %".
    """
    of = "" if runs is None else f" (median of {runs})" if statistic == "median" else f" (n = {runs})"
    return f"{value:.2f}{spread(sd)}{unit}{of}"
