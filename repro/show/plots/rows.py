"""`final` and `peek-bias`: one row per arm with a dot per seed, the mean and its 95% t-interval."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro import numbers
from repro.claims.protocol import mismatches
from repro.claims.rules import METRICS
from repro.claims.stats import Estimate, estimate
from repro.show.plots.plot_data import NothingToDraw, PlotData
from repro.show.plots.style import FAINT, INK, RC, arm_style, remove_frame, titled_figure, widest
from repro.spec import Arm, Published

SEEDS, MEAN, PUBLISHED = -0.22, 0.05, 0.31  # vertical offsets in rows, so that marks do not overlap
LEAST_WIDTH = 0.5  # points; a narrower axis would make negligible differences look large
OURS_COLUMN, PUBLISHED_COLUMN = 10, 125  # points to the right of the axes
NOTE = "Small marks: seeds, in order from top to bottom. Bar: mean and 95% t-interval over seeds (none for one seed)."


def final(data: PlotData) -> Figure:
    """Test error after the last iteration, at full scale with the published number."""
    notes = [NOTE]
    shown = [number for arm in data.arms if (number := data.published(arm))]
    beyond = _beyond(data, shown)
    if any(mismatches(number) for number in shown):
        notes.append(
            "Hollow: a published number from another protocol, selection or data set; not directly comparable."
        )
    if beyond:
        notes.append("Triangle at the edge: a published number far outside the axis; its value is on the right.")
    figure, axes = _rows(data, "test_error", "Final test error by arm", notes, _mean_sd)
    for row, arm in enumerate(data.arms):
        if number := data.published(arm):
            text = numbers.published(number.test_error, number.sd, number.runs, number.statistic)
            _beside_row(axes, PUBLISHED_COLUMN, row, text)
            if number not in beyond:
                axes.plot([number.test_error], [row + PUBLISHED], **published_mark(number), gid=f"published:{arm.name}")
    if (data.counted.status == "done").any():
        low, high = axes.get_xlim()
        lacking = max(0.0, LEAST_WIDTH - (high - low)) / 2
        axes.set_xlim(max(0.0, low - lacking), min(100.0, high + lacking))
    else:
        axes.set_xlim(0, 100)  # only diverged runs
    for row, arm in enumerate(data.arms):
        if (number := data.published(arm)) and number in beyond:
            left = number.test_error < axes.get_xlim()[0]
            mark = published_mark(number) | {"marker": "<" if left else ">", "clip_on": False}
            axes.plot([axes.get_xlim()[0 if left else 1]], [row + PUBLISHED], **mark, gid=f"beyond:{arm.name}")
    axes.set_xlabel("test error after the last iteration (%)")
    if shown:
        _beside_row(axes, PUBLISHED_COLUMN, -0.75, "published", weight="bold")
    _legend(axes, shown)
    return figure


def peek_bias(data: PlotData) -> Figure:
    """Best minus final: what choosing the best evaluation on the test set would gain."""
    if not data.compared:
        raise NothingToDraw("peek bias is shown at full scale only: reduced runs have too few evaluations")
    if lacks := data.results.lacks(METRICS["best"]):
        raise NothingToDraw(lacks)
    notes = [NOTE, "Best: the lowest test error at any evaluation, chosen on the test set."]
    figure, axes = _rows(data, "peek_bias", "Peek bias: best on test minus final, by arm", notes, _mean_points)
    axes.axvline(0, color=FAINT, linewidth=0.9, zorder=1)
    axes.set_xlabel("best minus final test error (points)")
    _legend(axes, [])
    return figure


def _rows(
    data: PlotData, column: str, subtitle: str, notes: list[str], words: Callable[[Estimate], str]
) -> tuple[Figure, Axes]:
    """One row per arm, for one column of the runs' frame; diverged runs are crosses, in neither mean nor interval."""
    lost = data.counted[data.counted.status == "diverged"]
    if len(lost):
        notes = [
            *notes,
            f"Crosses at the edge: diverged runs{', with their values' if lost[column].notna().any() else ''}; "
            "arms that have any get no mean or interval.",
        ]
    labels = widest([arm.label for arm in data.arms], RC["ytick.labelsize"])
    columns = 3.0 if any(data.published(arm) for arm in data.arms) else 1.8
    figure = titled_figure(
        data, subtitle, [*notes, data.sample_sizes()], labels + 4.8 + columns, 1.2 + 0.52 * len(data.arms)
    )
    axes = figure.subplots()
    for row, arm in enumerate(data.arms):
        style = arm_style(data, arm)
        done = data.runs(arm, "done")
        _seeds(axes, done[column], row, color=style.colour, marker=style.marker, gid=f"seeds:{arm.name}")
        if len(done) and not len(data.runs(arm, "diverged")):
            ours = estimate(done[column])
            _mean(axes, ours, row + MEAN, style.colour, arm)
            _beside_row(axes, OURS_COLUMN, row, words(ours))
        else:
            count = len(data.runs(arm, "diverged"))
            _beside_row(axes, OURS_COLUMN, row, f"{count} of {len(data.runs(arm))} diverged")
    _beside_row(axes, OURS_COLUMN, -0.75, data.results.caveat or "ours: mean ± sd (n)", weight="bold")
    axes.set_ylim(len(data.arms) - 0.4, -0.5)
    axes.set_yticks(range(len(data.arms)), [arm.label for arm in data.arms])
    axes.tick_params(axis="y", length=0)
    remove_frame(axes, "x")
    for row in range(1, len(data.arms)):
        axes.axhline(row - 0.47, color="#E4E4E4", linewidth=0.7, zorder=0)
    _crosses(axes, data, column)
    return figure, axes


def _beyond(data: PlotData, published: list[Published]) -> list[Published]:
    """Numbers that are not comparable and so far from ours that drawing them to scale would squash our range."""
    ours = data.counted.test_error[data.counted.status == "done"]
    if not len(ours):
        return []
    reach = max(ours.max() - ours.min(), 0.25 * ours.mean())
    low, high = ours.min() - reach, ours.max() + reach
    return [number for number in published if mismatches(number) and not low <= number.test_error <= high]


def _seeds(axes: Axes, values: pd.Series, row: int, **style: str) -> None:
    step = 0.24 / max(len(values), 4)
    heights = [row + SEEDS + step * (i - (len(values) - 1) / 2) for i in range(len(values))]
    axes.plot(values, heights, linestyle="none", markersize=4.5, alpha=0.75, markeredgewidth=0, zorder=3, **style)  # type: ignore[arg-type]


def _mean(axes: Axes, ours: Estimate, height: float, colour: str, arm: Arm) -> None:
    if ours.interval:
        ends = [ours.interval.low, ours.interval.high]
        axes.plot(ends, [height] * 2, color=colour, linewidth=2, zorder=3, gid=f"interval:{arm.name}")
    axes.plot(
        [ours.mean], [height], "|", color=colour, markersize=8, markeredgewidth=2.6, zorder=4, gid=f"mean:{arm.name}"
    )


def _crosses(axes: Axes, data: PlotData, column: str) -> None:
    """Diverged runs, at the right (errors) or left (negative bias) edge: drawn to scale they would squash the rest."""
    side = 1.0 if column == "test_error" else 0.0
    for row, arm in enumerate(data.arms):
        lost = data.runs(arm, "diverged")[column]
        if not len(lost):
            continue
        axes.plot(
            [0.99 if side else 0.01],
            [row + MEAN],
            "x",
            color=arm_style(data, arm).colour,
            transform=axes.get_yaxis_transform(),
            clip_on=False,
            linestyle="none",
            markersize=7,
            markeredgewidth=2,
            gid=f"diverged:{arm.name}",
        )
        axes.annotate(
            ", ".join(f"{value:.2f}" for value in lost.dropna()).replace("-", "\u2212"),
            (side, row + MEAN),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-11 if side else 11, 0),
            textcoords="offset points",
            ha="right" if side else "left",
            va="center",
            size=8,
        )


def _beside_row(axes: Axes, points: float, row: float, text: str, weight: str = "normal") -> None:
    """Write text to the right of the axes, `points` from their edge."""
    axes.annotate(
        text,
        (1, row + MEAN),
        xycoords=axes.get_yaxis_transform(),
        xytext=(points, 0),
        textcoords="offset points",
        va="center",
        size=8.5,
        weight=weight,
        annotation_clip=False,
    )


def _mean_sd(ours: Estimate) -> str:
    return numbers.mean_sd(ours.mean, ours.sd, ours.n)


def _mean_points(ours: Estimate) -> str:
    return f"{ours.mean:+.2f}{numbers.spread(ours.sd)} (n = {ours.n})".replace("-", "\u2212")


@dataclass(frozen=True)
class _Mark:
    """An entry of the legend."""

    label: str
    style: dict[str, Any]


def published_mark(number: Published) -> dict[str, Any]:
    """A black diamond, hollow if the number is not comparable."""
    return {
        "marker": "D",
        "linestyle": "none",
        "color": "black",
        "markerfacecolor": "white" if mismatches(number) else "black",
        "markersize": 6,
        "zorder": 5,
    }


def _legend(axes: Axes, published: list[Published]) -> None:
    """A legend above the axes."""
    marks = [
        _Mark("seed", {"marker": "o", "linestyle": "none", "color": INK, "alpha": 0.75, "markersize": 4.5}),
        _Mark("mean, 95% interval", {"marker": "|", "color": INK, "markersize": 10, "markeredgewidth": 2}),
    ]
    for hollow in (False, True):
        if number := next((n for n in published if bool(mismatches(n)) == hollow), None):
            marks.append(_Mark("published" + ", other protocol or data" * hollow, published_mark(number)))
    handles = [Line2D([], [], label=mark.label, **mark.style) for mark in marks]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, columnspacing=1.5)
