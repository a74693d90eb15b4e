"""`depth`: final error against the number of layers, ours and the published one."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.claims.protocol import mismatches
from repro.claims.stats import estimate
from repro.show.plots.plot_data import NothingToDraw, PlotData
from repro.show.plots.rows import published_mark
from repro.show.plots.style import (
    FAINT,
    INK,
    arm_style,
    counted,
    legend_beside,
    legend_width,
    remove_frame,
    titled_figure,
)
from repro.spec import Arm, Published, stated_recipe

DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (3, 1, 1, 1)), (0, (1, 1)))  # one per line
# offsets that keep marks from overlapping, as shares of the range of depths
MARK_OFFSET = 0.02  # of seeds to the left of the mean and of published numbers to its right
LINE_OFFSET = 0.016  # between kinds of network


def depth(data: PlotData) -> Figure:
    """One line per kind of network through the means; dots are seeds, bars 95% t-intervals."""
    networks = {arm.name: stated_recipe(data.experiment, arm, data.scale).model for arm in data.arms}
    layers = {name: network.layers for name, network in networks.items() if network.layers}  # others are left out
    deep = [arm for arm in data.arms if arm.name in layers]
    lines: dict[str, list[Arm]] = {}
    for arm in deep:
        if len(data.runs(arm, "done")):
            line = networks[arm.name].line
            # a second arm of the same depth (another initialisation, say) is a point of its own
            depth_taken = layers[arm.name] in [layers[other.name] for other in lines.get(line, [])]
            lines.setdefault(arm.label if depth_taken else line, []).append(arm)
    depths = sorted({layers[arm.name] for arms in lines.values() for arm in arms})
    if len(depths) < 2:
        raise NothingToDraw("the arms with runs all have the same depth")
    shown = [number for arm in deep if (number := _published(data, arm))]
    notes = [
        "Large marks and bars: mean and 95% t-interval over seeds (none for one seed). Small marks: seeds. "
        "Kinds of network are drawn side by side at each depth."
    ]
    if any(mismatches(number) for number in shown):
        notes.append(
            "Hollow: a published number from another protocol, selection or data set; not directly comparable."
        )
    if away := sorted({number.dataset for arm in deep if (number := data.published(arm)) and number.dataset}):
        notes.append(f"Published numbers on {', '.join(away)} are not drawn.")
    if "diverged" in set(data.counted.status):
        notes.append("Diverged runs are left out; a cross in the legend marks an arm without another run.")
    figure = titled_figure(
        data,
        "Final test error against depth",
        [*notes, data.sample_sizes()],
        6.0 + legend_width([counted(data, arm) for arm in deep]),
        3.9,
    )
    axes = figure.subplots()
    mark_offset = MARK_OFFSET * (depths[-1] - depths[0])
    handles: list[Line2D] = []
    for index, (name, arms) in enumerate(lines.items()):
        arms = sorted(arms, key=lambda arm: layers[arm.name])
        dashes = DASHES[len(handles) % len(DASHES)]
        shift = LINE_OFFSET * (depths[-1] - depths[0]) * (index - (len(lines) - 1) / 2)
        x = [layers[arm.name] + shift for arm in arms]
        estimates = [estimate(data.runs(arm, "done").test_error) for arm in arms]
        axes.plot(
            x,
            [ours.mean for ours in estimates],
            color=INK,
            linewidth=1.1,
            linestyle=dashes,
            zorder=2,
            gid=f"ours:{name}",
        )
        for arm, at, ours in zip(arms, x, estimates, strict=True):
            style = arm_style(data, arm)
            seeds = data.runs(arm, "done").test_error
            axes.plot(
                [at - mark_offset] * len(seeds),
                seeds,
                style.marker,
                color=style.colour,
                markersize=3.5,
                alpha=0.6,
                markeredgewidth=0,
                zorder=3,
                gid=f"seeds:{arm.name}",
            )
            if ours.interval:
                ends = [ours.interval.low, ours.interval.high]
                axes.plot([at, at], ends, color=style.colour, linewidth=2, zorder=3, gid=f"interval:{arm.name}")
            axes.plot(
                [at], [ours.mean], style.marker, color=style.colour, markersize=8, zorder=4, gid=f"mean:{arm.name}"
            )
        if len(arms) > 1:
            label = f"{data.results.caveat or 'ours'}: {name}"
            handles.append(Line2D([], [], color=INK, linewidth=1.1, linestyle=dashes, label=label))
        theirs = [(at, number, arm) for at, arm in zip(x, arms, strict=True) if (number := _published(data, arm))]
        if len(theirs) > 1:
            axes.plot(
                [at + mark_offset for at, _, _ in theirs],
                [number.test_error for _, number, _ in theirs],
                color=FAINT,
                linewidth=0.9,
                linestyle=":",
                zorder=1,
                gid=f"published-line:{name}",
            )
        for at, number, arm in theirs:
            axes.plot([at + mark_offset], [number.test_error], **published_mark(number), gid=f"published:{arm.name}")
    for hollow in (False, True):
        if number := next((n for n in shown if bool(mismatches(n)) == hollow), None):
            label = "published" + ",\nother protocol or data" * hollow
            handles.append(Line2D([], [], label=label, **published_mark(number) | {"linestyle": ":"}))
    axes.set_xticks(depths)
    axes.set_xlabel("layers with weights")
    axes.set_ylabel("test error after the last iteration (%)")
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, low), min(100.0, high))
    remove_frame(axes, "y")
    legend_beside(axes, [*handles, *(_handle(data, arm) for arm in deep)])
    return figure


def _published(data: PlotData, arm: Arm) -> Published | None:
    """The arm's published number; None if it is on another data set, whose errors would squash our range."""
    number = data.published(arm)
    return None if number is None or number.dataset else number


def _handle(data: PlotData, arm: Arm) -> Line2D:
    style = arm_style(data, arm)
    marker = style.marker if len(data.runs(arm, "done")) else "x"
    return Line2D([], [], color=style.colour, marker=marker, linestyle="none", label=counted(data, arm))
