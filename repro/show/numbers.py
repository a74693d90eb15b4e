"""How numbers are written: errors in % and differences in points, with two decimals."""

from repro.claims.stats import Interval


def points(value: float) -> str:
    """Signed; zero as +0.00."""
    return f"{round(value, 2) + 0.0:+.2f}"


def percent(level: float) -> str:
    return f"{100 * level:.3g}%"


def span(interval: Interval) -> str:
    return f"[{points(interval.low)}, {points(interval.high)}]"


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def spread(sd: float | None) -> str:
    """What stands after a mean: " ± 0.16"; nothing where there is no sd."""
    return "" if sd is None else f" ± {sd:.2f}"


def mean_sd(mean: float, sd: float | None, n: int) -> str:
    """6.61 ± 0.16 (n = 5); one run has no sd."""
    return f"{mean:.2f}{spread(sd)} (n = {n})"


def published(value: float, sd: float | None, runs: int | None, statistic: str | None = None, unit: str = "") -> str:
    """A source's number with its runs, where they are stated: 6.61 ± 0.16 (n = 5), 8.17 (median of 5), 7.51.

    `statistic`: of those runs, "mean" (the default) or "median". `unit`: such as " %", after the sd.
    """
    of = "" if runs is None else f" (median of {runs})" if statistic == "median" else f" (n = {runs})"
    return f"{value:.2f}{spread(sd)}{unit}{of}"
