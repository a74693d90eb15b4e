"""`final` and `peek-bias`: a row an arm, every seed a dot, the mean and its 95% t-interval."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.plots.look import FAINT, INK, arm_look, bare, sheet
from repro.plots.material import Material, differs
from repro.spec import Arm, Published
from repro.stats import Estimate, estimate

SEEDS, MEAN, PUBLISHED = -0.2, 0.05, 0.3  # rows apart from the arm's own line, so that no mark hides another
NOTE = "Dots: seeds, in order from top to bottom. Bar: mean and 95% t-interval over seeds (none for one seed)."


def final(material: Material) -> Figure:
    """Test error after the last iteration, beside the published number at full scale."""
    notes = [NOTE]
    shown = [number for arm in material.arms if (number := material.published(arm))]
    if any(differs(number) for number in shown):
        notes.append("Hollow: a published number from another protocol, selection or data set; not comparable.")
    figure, axes = _rows(material, "test_error", "Final test error by arm", notes, _mean_sd)
    for row, arm in enumerate(material.arms):
        if number := material.published(arm):
            axes.plot([number.test_error], [row + PUBLISHED], **published_mark(number), gid=f"published:{arm.name}")
            _beside_row(axes, 1.29, row, _published_text(number))
    axes.set_xlabel("test error after the last iteration (%)")
    _, high = axes.get_xlim()
    axes.set_xlim(max(0.0, axes.get_xlim()[0]), high)
    if shown:
        _beside_row(axes, 1.29, -0.75, "published", weight="bold")
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
        notes = [*notes, "Crosses at the edge: runs that diverged, with their value; no mean or interval is drawn."]
    figure = sheet(material, subtitle, [*notes, material.sizes()], 8.6, 1.2 + 0.48 * len(material.arms))
    axes = figure.subplots()
    for row, arm in enumerate(material.arms):
        style = arm_look(material, arm)
        done = material.runs(arm, "done")
        _seeds(axes, done[column], row, color=style.colour, marker=style.marker, gid=f"seeds:{arm.name}")
        if len(done) and not len(material.runs(arm, "diverged")):
            ours = estimate(done[column])
            _mean(axes, ours, row + MEAN, style.colour, arm)
            _beside_row(axes, 1.02, row, words(ours))
        else:
            count = len(material.runs(arm, "diverged"))
            _beside_row(axes, 1.02, row, f"{count} of {len(material.runs(arm))} diverged")
    _beside_row(axes, 1.02, -0.75, "ours: mean ± sd (n)", weight="bold")
    axes.set_ylim(len(material.arms) - 0.4, -0.5)
    axes.set_yticks(range(len(material.arms)), [arm.label for arm in material.arms])
    axes.tick_params(axis="y", length=0)
    bare(axes, "x")
    for row in range(1, len(material.arms)):
        axes.axhline(row - 0.47, color="#E4E4E4", linewidth=0.7, zorder=0)
    _crosses(axes, material, column)
    return figure, axes


def _seeds(axes: Axes, values: pd.Series, row: int, **style: str) -> None:
    step = 0.24 / max(len(values), 4)
    heights = [row + SEEDS + step * (i - (len(values) - 1) / 2) for i in range(len(values))]
    axes.plot(values, heights, linestyle="none", markersize=4.5, alpha=0.75, markeredgewidth=0, zorder=3, **style)  # type: ignore[arg-type]


def _mean(axes: Axes, ours: Estimate, height: float, colour: str, arm: Arm) -> None:
    if ours.interval:
        ends = [ours.interval.low, ours.interval.high]
        axes.plot(ends, [height] * 2, color=colour, linewidth=2, zorder=3, gid=f"interval:{arm.name}")
    axes.plot(
        [ours.mean], [height], "|", color=colour, markersize=12, markeredgewidth=2.6, zorder=4, gid=f"mean:{arm.name}"
    )


def _crosses(axes: Axes, material: Material, column: str) -> None:
    """Diverged runs at the right (errors) or left (negative bias) edge: their values would squeeze all others."""
    side = 1.0 if column == "test_error" else 0.0
    for row, arm in enumerate(material.arms):
        lost = material.runs(arm, "diverged")[column]
        if not len(lost):
            continue
        axes.plot(
            [side],
            [row + MEAN],
            "x",
            color=arm_look(material, arm).colour,
            transform=axes.get_yaxis_transform(),
            clip_on=False,
            markersize=7,
            markeredgewidth=2,
            gid=f"diverged:{arm.name}",
        )
        axes.annotate(
            ", ".join(f"{value:.2f}" for value in lost),
            (side, row + MEAN),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-8 if side else 8, 0),
            textcoords="offset points",
            ha="right" if side else "left",
            va="center",
            size=8,
        )


def _beside_row(axes: Axes, x: float, row: float, text: str, **style: str) -> None:
    """A word to the right of the axes, `x` in shares of their width."""
    axes.text(x, row + MEAN, text, transform=axes.get_yaxis_transform(), va="center", size=8.5, **style)  # type: ignore[arg-type]


def _mean_sd(ours: Estimate) -> str:
    return f"{ours.mean:.2f}" + ("" if ours.sd is None else f" ± {ours.sd:.2f}") + f" (n = {ours.n})"


def _mean_points(ours: Estimate) -> str:
    return f"{ours.mean:+.2f}" + ("" if ours.sd is None else f" ± {ours.sd:.2f}") + f" (n = {ours.n})"


def _published_text(number: Published) -> str:
    return f"{number.test_error:.2f}" + ("" if number.sd is None else f" ± {number.sd:.2f}")


@dataclass(frozen=True)
class _Mark:
    """One mark of the legend."""

    label: str
    style: dict[str, object]


def published_mark(number: Published) -> dict[str, object]:
    """A black diamond, hollow where the number is not comparable."""
    return {
        "marker": "D",
        "linestyle": "none",
        "color": "black",
        "markerfacecolor": "white" if differs(number) else "black",
        "markersize": 6,
        "zorder": 5,
    }


def _legend(axes: Axes, published: list[Published]) -> None:
    """Below the axes, in one line."""
    marks = [
        _Mark("a seed", {"marker": "o", "linestyle": "none", "color": INK, "alpha": 0.75, "markersize": 4.5}),
        _Mark("mean, 95% interval", {"marker": "|", "color": INK, "markersize": 10, "markeredgewidth": 2}),
    ]
    for hollow in (False, True):
        if number := next((n for n in published if differs(n) == hollow), None):
            marks.append(_Mark("published" + ", not comparable" * hollow, published_mark(number)))
    handles = [Line2D([], [], label=mark.label, **mark.style) for mark in marks]  # type: ignore[arg-type]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -48 / 72), ncols=4)
