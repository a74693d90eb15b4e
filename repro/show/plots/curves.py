"""`curves`: training and test error by iteration, as in the papers' figures: test solid, training dashed."""

from math import ceil, floor

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from repro.show.plots.plot_data import PlotData
from repro.show.plots.style import (
    FAINT,
    INK,
    arm_style,
    counted,
    grid_of,
    legend_beside,
    legend_width,
    remove_frame,
    titled_figure,
)
from repro.spec import Arm

TRAIN_DASHES = (0, (3.5, 1.6))
FEW = 12  # curves with at most this many evaluations mark each of them
MARKS = 8  # markers along a longer curve, if another arm has its colour
ONE_PANEL = 4  # arms beyond which each kind of network gets its own panel


def curves(data: PlotData) -> Figure:
    """Mean over seeds, and a band from the lowest to the highest seed; vertical lines where the learning rate drops."""
    panels: dict[str, list[Arm]] = {}
    for arm in data.arms:
        panels.setdefault(data.recipes[arm.name].model.kind, []).append(arm)
    if len(data.arms) <= ONE_PANEL:
        panels = {"": list(data.arms)}
    diverged = int((data.counted.status == "diverged").sum())
    recipes = [data.recipes[arm.name] for arm in data.arms]
    augmented = "augmented " if any(recipe.augment for recipe in recipes) else ""
    dotted = " Dotted vertical lines: drops of the learning rate." if any(r.schedule.drops for r in recipes) else ""
    notes = [
        f"Line: mean over seeds; band: lowest to highest seed. Training error: over the {augmented}batches since the "
        f"previous evaluation.{dotted}",
        data.sample_sizes(),
    ]
    if diverged:
        notes.insert(1, "Thin lines ending in a cross: diverged runs, which are in neither mean nor band.")
    handles = [_handle(data, arm) for arm in data.arms]
    handles += [
        Line2D([], [], color=INK, label="test error"),
        Line2D([], [], color=INK, linestyle=TRAIN_DASHES, linewidth=1.0, label="training error"),
    ]
    rows, columns = grid_of(len(panels))
    width = (6.0 if len(panels) == 1 else 3.9 * columns) + legend_width([str(h.get_label()) for h in handles])
    figure = titled_figure(data, "Training and test error by iteration", notes, width, 3.9 if rows == 1 else 3.1 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    all_axes: list[Axes] = list(grid.flat)
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    shown: list[pd.DataFrame] = []
    for index, (axes, (name, arms)) in enumerate(zip(all_axes, panels.items(), strict=False)):
        for drop in sorted({drop for arm in arms for drop in data.recipes[arm.name].schedule.drops}):
            axes.axvline(drop, color=FAINT, linewidth=0.9, linestyle=":", zorder=1, gid=f"drop:{drop}")
        for arm in arms:
            shown += _draw_arm(axes, data, arm)
        axes.set_title(name if len(panels) > 1 else "", loc="left")
        below = index + columns >= len(panels)
        axes.set_xlabel("iteration" if below else "")
        axes.tick_params(labelbottom=below)
        axes.set_ylabel("error (%)" if index % columns == 0 else "")
        remove_frame(axes, "y")
    end = max(recipe.schedule.iterations for recipe in recipes)
    all_axes[0].set_xlim(0, 1.015 * end)
    all_axes[0].xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: f"{x / 1000:g}k" if x and end > 5000 else f"{x:g}")
    )
    all_axes[0].set_ylim(*y_range(shown))
    all_axes[0].yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
    for axes, arms in zip(all_axes, panels.values(), strict=False):
        for arm in arms:
            _draw_diverged(axes, data, arm)
    legend_beside(grid[0, -1], handles)
    return figure


def _draw_arm(axes: Axes, data: PlotData, arm: Arm) -> list[pd.DataFrame]:
    """Draw the arm and return its errors: frames indexed by iteration with columns low, mean and high."""
    style = arm_style(data, arm)
    drawn = []
    by_seed = data.metrics(arm, "done")
    for kind, dashes, width in (("train", TRAIN_DASHES, 1.0), ("test", "-", 1.5)):
        if not by_seed:
            break
        errors = pd.DataFrame({seed: error(rows, kind) for seed, rows in by_seed.items()})
        over_seeds = pd.DataFrame({"low": errors.min(axis=1), "mean": errors.mean(axis=1), "high": errors.max(axis=1)})
        axes.plot(
            over_seeds.index,
            over_seeds["mean"],
            color=style.colour,
            linestyle=dashes,
            linewidth=width,
            marker=_marker(data, arm),
            markevery=1 if len(over_seeds) <= FEW else len(over_seeds) // MARKS,
            markersize=4 if kind == "test" else 3,
            zorder=3,
            gid=f"{kind}:{arm.name}",
        )
        axes.fill_between(
            over_seeds.index,
            over_seeds["low"],
            over_seeds["high"],
            color=style.colour,
            alpha=0.2,
            linewidth=0,
            zorder=2,
            gid=f"{kind}-band:{arm.name}",
        )
        drawn.append(over_seeds)
    return drawn


def _draw_diverged(axes: Axes, data: PlotData, arm: Arm) -> None:
    """A line per diverged run, ending in a cross; one that leaves the axis ends at its edge."""
    colour, (low, high) = arm_style(data, arm).colour, axes.get_ylim()
    for seed, rows in data.metrics(arm, "diverged").items():
        lost = error(rows, "test")
        axes.plot(lost.index, lost, color=colour, linewidth=1.0, zorder=2, gid=f"diverged:{arm.name}:{seed}")
        end = lost.iloc[-1:].clip(low, high)
        axes.plot(end.index, end, "x", color=colour, markersize=8, markeredgewidth=2, zorder=5, clip_on=False)


def error(rows: pd.DataFrame, kind: str) -> pd.Series:
    """Training or test error (%) by iteration, from the rows of a metrics.csv."""
    by_iteration = rows.set_index("iteration")
    return by_iteration.test_error if kind == "test" else 100 - by_iteration.train_accuracy


def y_range(curves: list[pd.DataFrame]) -> tuple[float, float]:
    """(low, high) in %: fits all but the first quarter of each curve, and that quarter too if it is not much higher.

    The papers cut off at 20 %, which this gives for their networks; curves that stay high are shown whole.
    """
    if not curves:
        return 0, 100
    late = max(float(curve["high"][curve.index > curve.index.max() / 4].max()) for curve in curves)
    lowest = min(float(curve["low"].min()) for curve in curves)
    highest = max(float(curve["high"].max()) for curve in curves)
    top = highest if highest <= 1.6 * late else late
    step = 5 if top <= 50 else 10
    bottom = 0 if lowest < 0.5 * top else step * floor((lowest - 1) / step)
    return bottom, min(100, step * ceil(top / step))


def _marker(data: PlotData, arm: Arm) -> str:
    """The arm's marker if its curve is short or shares its colour with another arm's; otherwise none."""
    style, recipe = arm_style(data, arm), data.recipes[arm.name]
    few = recipe.schedule.iterations <= FEW * recipe.evaluate_every
    return style.marker if style.colour_reused or few else ""


def _handle(data: PlotData, arm: Arm) -> Line2D:
    colour, label = arm_style(data, arm).colour, counted(data, arm)
    if not len(data.runs(arm, "done")):
        return Line2D([], [], color=colour, marker="x", markersize=7, markeredgewidth=2, linewidth=1.0, label=label)
    return Line2D([], [], color=colour, marker=_marker(data, arm), markersize=5, linewidth=2.2, label=label)
