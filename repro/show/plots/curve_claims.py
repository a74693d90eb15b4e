"""`curve-claims`: our curve and the published points, one panel per claim of kind `curve`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from repro.claims.rules.curve import Curve
from repro.numbers import PERCENT
from repro.show.plots.curves import error
from repro.show.plots.plot_data import NothingToDraw, PlotData
from repro.show.plots.style import INK, arm_style, remove_frame, titled_figure
from repro.spec import Recipe
from repro.spec.epochs import epochs_to_iterations

WIDE = 10.0  # ratio of the highest to the lowest published value from which the axis is logarithmic


def curve_claims(data: PlotData) -> Figure:
    """Mean over seeds and a band from the lowest to the highest seed; published points with the claim's margin."""
    arms = {arm.name: arm for arm in data.arms if len(data.runs(arm, "done"))}
    claims = [c for c in data.experiment.claims if isinstance(c, Curve) and c.arms[0] in arms and data.compared]
    if not claims:
        raise NothingToDraw("no completed run at full scale of an arm with a published curve")
    notes = [
        "Line: mean over seeds; band: lowest to highest seed. Training figures are over the batches since the previous "
        "evaluation. Circles: published points; bars: the claim's margin.",
        data.sample_sizes(),
    ]
    figure = titled_figure(data, "Our curves and the published points", notes, 5.2 * len(claims), 3.7)
    panels: list[Axes] = list(figure.subplots(1, len(claims), squeeze=False)[0])
    for axes, claim in zip(panels, claims, strict=True):
        _draw(axes, data, claim)
    return figure


def _draw(axes: Axes, data: PlotData, claim: Curve) -> None:
    arm = data.experiment.arm(claim.arms[0])
    style, unit = arm_style(data, arm), claim.points[0].when.unit
    step = _iterations(data.recipes[arm.name], unit)
    seeds = pd.DataFrame({seed: _values(rows, claim.metric) for seed, rows in data.metrics(arm, "done").items()})
    at, mean = seeds.index / step, seeds.mean(axis=1)
    axes.plot(at, mean, color=style.colour, linewidth=1.5, zorder=3, gid=f"ours:{claim.id}")
    axes.fill_between(at, seeds.min(axis=1), seeds.max(axis=1), color=style.colour, alpha=0.25, linewidth=0, zorder=2)
    numbers = [point.when.number for point in claim.points]
    values = [point.published for point in claim.points]
    margins = [claim.margin_at(point) for point in claim.points]
    axes.errorbar(
        numbers,
        values,
        yerr=margins,
        fmt="o",
        color=INK,
        markerfacecolor="white",
        markersize=5,
        elinewidth=0.9,
        capsize=2.5,
        zorder=4,
        gid=f"published:{claim.id}",
    )
    if min(values) > 0 and max(values) > WIDE * min(values):
        axes.set_yscale("log", subs=[2, 5])
        for which in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            which(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.set_ylim(bottom=0)
    if claim.measured.unit == PERCENT:
        axes.set_ylim(top=min(100.0, axes.get_ylim()[1]))
    axes.set_xlim(left=0)
    axes.set_xlabel(unit)
    axes.set_ylabel(f"{claim.measured.noun} ({claim.measured.unit.name})")
    axes.set_title(claim.id, loc="left")
    remove_frame(axes, "y")
    ours = Line2D([], [], color=style.colour, linewidth=2.2, label=f"{arm.label} (n = {seeds.shape[1]})")
    points = Line2D([], [], color=INK, linestyle="", marker="o", markerfacecolor="white", label="published")
    axes.legend(handles=[ours, points], loc="upper right")


def _iterations(recipe: Recipe, unit: str) -> int:
    """Iterations per unit of a claim's points, "epoch" or "iteration"."""
    return epochs_to_iterations(recipe, 1) if unit == "epoch" else 1


def _values(rows: pd.DataFrame, metric: str) -> pd.Series:
    """The metric by iteration, from the rows of a metrics.csv."""
    if metric == "train_loss":
        return rows.set_index("iteration").train_loss
    return error(rows, "test" if metric == "test_error" else "train")
