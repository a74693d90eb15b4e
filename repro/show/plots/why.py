"""`why`: what each deviation is worth, their sum, and the gap to the printed number, with 95% intervals."""

from matplotlib.figure import Figure

from repro.claims.why import explanations
from repro.show import why
from repro.show.plots.plot_data import NothingToDraw, PlotData
from repro.show.plots.rows import LEAST_WIDTH
from repro.show.plots.style import FAINT, INK, RC, arm_style, remove_frame, titled_figure, widest

NOTE = (
    "Mark: mean over seeds; bar: 95% interval (none for one seed). A deviation: test error of its other reading minus "
    "that of the stated recipe. Gap: ours - printed; its interval allows for the noise of both. Unexplained: gap + sum."
)
MARKS = {"deviation": "o", "sum": "s", "gap": "D", "unexplained": "D"}


def why_figure(data: PlotData) -> Figure:
    """One row per deviation of each arm with a measured one, then the sum, the gap and what is unexplained."""
    found = explanations(data.results) if data.compared else []
    listed = [(each, row) for each in found for row in why.rows(each) if row.effect]
    if not listed:
        raise NothingToDraw("no completed run at full scale of an arm and of another reading of it")
    labels = [f"{each.arm.label}: {row.name}" for each, row in listed]
    width = widest(labels, RC["ytick.labelsize"]) + 4.8 + 2.2
    figure = titled_figure(data, "What the deviations are worth", [NOTE], width, 0.9 + 0.34 * len(listed))
    axes = figure.subplots()
    for place, (each, row) in enumerate(listed):
        assert row.effect
        colour = arm_style(data, each.arm).colour if row.kind == "deviation" else INK
        if interval := row.effect.interval:
            ends = [interval.low, interval.high]
            axes.plot(ends, [place] * 2, color=colour, linewidth=2, gid=f"interval:{each.arm.name}:{row.name}")
        axes.plot(
            [row.effect.points],
            [place],
            MARKS[row.kind],
            color=colour,
            markerfacecolor="white" if row.kind == "gap" else colour,
            markersize=6,
            zorder=3,
            gid=f"{row.kind}:{each.arm.name}:{row.name}",
        )
        axes.annotate(
            f"{row.number} (n = {row.n})".replace("-", "\u2212"),
            (1, place),
            xycoords=axes.get_yaxis_transform(),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            size=8.5,
            annotation_clip=False,
        )
        if place and row.kind != listed[place - 1][1].kind and "deviation" in (row.kind, listed[place - 1][1].kind):
            axes.axhline(place - 0.5, color="#E4E4E4", linewidth=0.7, zorder=0)
    low, high = axes.get_xlim()
    lacking = max(0.0, LEAST_WIDTH - (high - low)) / 2
    axes.set_xlim(low - lacking, high + lacking)
    axes.axvline(0, color=FAINT, linewidth=0.9, zorder=1)
    axes.set_ylim(len(listed) - 0.5, -0.5)
    axes.set_yticks(range(len(listed)), labels)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("points of test error")
    remove_frame(axes, "x")
    return figure
