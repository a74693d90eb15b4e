"""`final` and `peek-bias`: a row an arm, every seed a dot, the mean and its 95% t-interval."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.claims.protocol import differences
from repro.claims.stats import Estimate, estimate
from repro.show import numbers
from repro.show.plots.look import FAINT, INK, arm_look, bare, sheet
from repro.show.plots.material import Material
from repro.spec import Arm, Published

SEEDS, MEAN, PUBLISHED = -0.22, 0.05, 0.31  # rows apart from the arm's own line, so that no mark hides another
LEAST_WIDTH = 0.5  # points: less would make a difference look large that is none
OURS_COLUMN, PUBLISHED_COLUMN = 10, 125  # points to the right of the axes
NOTE = "Small marks: seeds, in order from top to bottom. Bar: mean and 95% t-interval over seeds (none for one seed)."


def final(material: Material) -> Figure:
    """Test error after the last iteration, beside the published number at full scale."""
    notes = [NOTE]
    shown = [number for arm in material.arms if (number := material.published(arm))]
    beyond = _beyond(material, shown)
    if any(differences(number) for number in shown):
        notes.append(
            "Hollow: a published number from another protocol, selection or data set; not comparable as it stands."
        )
    if beyond:
        notes.append("Triangle at the edge: a published number far beyond the axis; its value stands on the right.")
    figure, axes = _rows(material, "test_error", "Final test error by arm", notes, _mean_sd)
    for row, arm in enumerate(material.arms):
        if number := material.published(arm):
            text = numbers.published(number.test_error, number.sd, number.runs, number.statistic)
            _beside_row(axes, PUBLISHED_COLUMN, row, text)
            if number not in beyond:
                axes.plot([number.test_error], [row + PUBLISHED], **published_mark(number), gid=f"published:{arm.name}")
    if (material.counts.status == "done").any():
        low, high = axes.get_xlim()
        lacking = max(0.0, LEAST_WIDTH - (high - low)) / 2
        axes.set_xlim(max(0.0, low - lacking), high + lacking)
    else:
        axes.set_xlim(0, 100)  # crosses alone
    for row, arm in enumerate(material.arms):
        if (number := material.published(arm)) and number in beyond:
            left = number.test_error < axes.get_xlim()[0]
            mark = published_mark(number) | {"marker": "<" if left else ">", "clip_on": False}
            axes.plot([axes.get_xlim()[0 if left else 1]], [row + PUBLISHED], **mark, gid=f"beyond:{arm.name}")
    axes.set_xlabel("test error after the last iteration (%)")
    if shown:
        _beside_row(axes, PUBLISHED_COLUMN, -0.75, "published", weight="bold")
    _legend(axes, shown)
    return figure


def peek_bias(material: Material) -> Figure:
    """What choosing the best evaluation on the test set would hide: best minus final."""
    notes = [NOTE, "Best: the lowest test error at any evaluation, a choice that looks at the test set."]
    figure, axes = _rows(material, "peek_bias", "Peek bias: best on test minus final, by arm", notes, _mean_points)
    axes.axvline(0, color=FAINT, linewidth=0.9, zorder=1)
    axes.set_xlabel("best minus final test error (points)")
    _legend(axes, [])
    return figure


def _rows(
    material: Material, column: str, subtitle: str, notes: list[str], words: Callable[[Estimate], str]
) -> tuple[Figure, Axes]:
    """A row an arm of one column of `records.load`; diverged runs as crosses, in neither mean nor interval."""
    lost = material.counts[material.counts.status == "diverged"]
    if len(lost):
        notes = [
            *notes,
            "Crosses at the edge: runs that diverged, with their value; such an arm has no mean or interval.",
        ]
    labels = 0.075 * max(len(arm.label) for arm in material.arms)  # inches
    columns = 3.0 if any(material.published(arm) for arm in material.arms) else 1.8
    figure = sheet(
        material, subtitle, [*notes, material.sizes()], labels + 4.8 + columns, 1.2 + 0.52 * len(material.arms)
    )
    axes = figure.subplots()
    for row, arm in enumerate(material.arms):
        style = arm_look(material, arm)
        done = material.runs(arm, "done")
        _seeds(axes, done[column], row, color=style.colour, marker=style.marker, gid=f"seeds:{arm.name}")
        if len(done) and not len(material.runs(arm, "diverged")):
            ours = estimate(done[column])
            _mean(axes, ours, row + MEAN, style.colour, arm)
            _beside_row(axes, OURS_COLUMN, row, words(ours))
        else:
            count = len(material.runs(arm, "diverged"))
            _beside_row(axes, OURS_COLUMN, row, f"{count} of {len(material.runs(arm))} diverged")
    _beside_row(axes, OURS_COLUMN, -0.75, "ours: mean ± sd (n)", weight="bold")
    axes.set_ylim(len(material.arms) - 0.4, -0.5)
    axes.set_yticks(range(len(material.arms)), [arm.label for arm in material.arms])
    axes.tick_params(axis="y", length=0)
    bare(axes, "x")
    for row in range(1, len(material.arms)):
        axes.axhline(row - 0.47, color="#E4E4E4", linewidth=0.7, zorder=0)
    _crosses(axes, material, column)
    return figure, axes


def _beyond(material: Material, published: list[Published]) -> list[Published]:
    """Numbers that are not comparable and so far from ours that drawing them to scale would squeeze ours."""
    ours = material.counts.test_error[material.counts.status == "done"]
    if not len(ours):
        return []
    reach = max(ours.max() - ours.min(), 0.25 * ours.mean())
    low, high = ours.min() - reach, ours.max() + reach
    return [number for number in published if differences(number) and not low <= number.test_error <= high]


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


def _crosses(axes: Axes, material: Material, column: str) -> None:
    """Diverged runs at the right (errors) or left (negative bias) edge: their values would squeeze all others."""
    side = 1.0 if column == "test_error" else 0.0
    for row, arm in enumerate(material.arms):
        lost = material.runs(arm, "diverged")[column]
        if not len(lost):
            continue
        axes.plot(
            [0.99 if side else 0.01],
            [row + MEAN],
            "x",
            color=arm_look(material, arm).colour,
            transform=axes.get_yaxis_transform(),
            clip_on=False,
            linestyle="none",
            markersize=7,
            markeredgewidth=2,
            gid=f"diverged:{arm.name}",
        )
        axes.annotate(
            ", ".join(f"{value:.2f}" for value in lost).replace("-", "\u2212"),
            (side, row + MEAN),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-11 if side else 11, 0),
            textcoords="offset points",
            ha="right" if side else "left",
            va="center",
            size=8,
        )


def _beside_row(axes: Axes, points: float, row: float, text: str, weight: str = "normal") -> None:
    """A word to the right of the axes, so many points from their edge."""
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
    """One mark of the legend."""

    label: str
    style: dict[str, Any]


def published_mark(number: Published) -> dict[str, Any]:
    """A black diamond, hollow where the number is not comparable."""
    return {
        "marker": "D",
        "linestyle": "none",
        "color": "black",
        "markerfacecolor": "white" if differences(number) else "black",
        "markersize": 6,
        "zorder": 5,
    }


def _legend(axes: Axes, published: list[Published]) -> None:
    """Above the axes, clear of the rows."""
    marks = [
        _Mark("a seed", {"marker": "o", "linestyle": "none", "color": INK, "alpha": 0.75, "markersize": 4.5}),
        _Mark("mean, 95% interval", {"marker": "|", "color": INK, "markersize": 10, "markeredgewidth": 2}),
    ]
    for hollow in (False, True):
        if number := next((n for n in published if bool(differences(n)) == hollow), None):
            marks.append(_Mark("published" + ", other protocol or data" * hollow, published_mark(number)))
    handles = [Line2D([], [], label=mark.label, **mark.style) for mark in marks]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, columnspacing=1.5)
