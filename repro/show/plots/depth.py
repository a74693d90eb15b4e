"""`depth`: final error against the number of layers, ours beside the paper's."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.claims.protocol import differences
from repro.claims.stats import estimate
from repro.show.plots.look import FAINT, INK, arm_look, bare, beside, legend_width, sheet
from repro.show.plots.material import Material, NothingToDraw
from repro.show.plots.rows import published_mark
from repro.spec import Arm, Published

DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (3, 1, 1, 1)), (0, (1, 1)))  # a line each
ASIDE = (
    0.02  # of the range of depths: seeds to the left of the mean, published to the right, so that none hides another
)
APART = 0.016  # the same between kinds of network, so that no interval hides another


def depth(material: Material) -> Figure:
    """A line a kind of network through the means; dots are seeds, bars 95% t-intervals."""
    networks = {arm.name: material.recipes[arm.name].model for arm in material.arms}
    layers = {name: network.layers for name, network in networks.items() if network.layers}  # others are left out
    deep = [arm for arm in material.arms if arm.name in layers]
    lines: dict[str, list[Arm]] = {}
    for arm in deep:
        if len(material.runs(arm, "done")):
            line = networks[arm.name].line
            # a second arm as deep, with another initialisation say, is a point of its own
            again = layers[arm.name] in [layers[other.name] for other in lines.get(line, [])]
            lines.setdefault(arm.label if again else line, []).append(arm)
    depths = sorted({layers[arm.name] for arms in lines.values() for arm in arms})
    if len(depths) < 2:
        raise NothingToDraw("the arms with runs do not differ in depth")
    shown = [number for arm in deep if (number := _published(material, arm))]
    notes = [
        "Large marks and bars: mean and 95% t-interval over seeds (none for one seed). Small marks beside them: seeds. "
        "Kinds of network stand side by side at each depth, so that no interval hides another."
    ]
    if any(differences(number) for number in shown):
        notes.append(
            "Hollow: a published number from another protocol, selection or data set; not comparable as it stands."
        )
    if away := sorted({number.dataset for arm in deep if (number := material.published(arm)) and number.dataset}):
        notes.append(f"Published numbers on {', '.join(away)} are not drawn.")
    if "diverged" in set(material.counts.status):
        notes.append("Runs that diverged are left out.")
    figure = sheet(
        material,
        "Final test error against depth",
        [*notes, material.sizes()],
        6.0 + legend_width([arm.label + " (n = 5)" for arm in deep]),
        3.9,
    )
    axes = figure.subplots()
    aside = ASIDE * (depths[-1] - depths[0])
    handles: list[Line2D] = []
    for place, (name, arms) in enumerate(lines.items()):
        arms = sorted(arms, key=lambda arm: layers[arm.name])
        dashes = DASHES[len(handles) % len(DASHES)]
        shift = APART * (depths[-1] - depths[0]) * (place - (len(lines) - 1) / 2)
        x = [layers[arm.name] + shift for arm in arms]
        estimates = [estimate(material.runs(arm, "done").test_error) for arm in arms]
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
            style = arm_look(material, arm)
            seeds = material.runs(arm, "done").test_error
            axes.plot(
                [at - aside] * len(seeds),
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
            handles.append(Line2D([], [], color=INK, linewidth=1.1, linestyle=dashes, label=f"ours: {name}"))
        theirs = [(at, number, arm) for at, arm in zip(x, arms, strict=True) if (number := _published(material, arm))]
        if len(theirs) > 1:
            axes.plot(
                [at + aside for at, _, _ in theirs],
                [number.test_error for _, number, _ in theirs],
                color=FAINT,
                linewidth=0.9,
                linestyle=":",
                zorder=1,
                gid=f"published-line:{name}",
            )
        for at, number, arm in theirs:
            axes.plot([at + aside], [number.test_error], **published_mark(number), gid=f"published:{arm.name}")
    for hollow in (False, True):
        if number := next((n for n in shown if bool(differences(n)) == hollow), None):
            label = "published" + ",\nother protocol or data" * hollow
            handles.append(Line2D([], [], label=label, **published_mark(number) | {"linestyle": ":"}))
    axes.set_xticks(depths)
    axes.set_xlabel("layers with weights")
    axes.set_ylabel("test error after the last iteration (%)")
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, low), min(100.0, high))
    bare(axes, "y")
    beside(axes, [*handles, *(_handle(material, arm) for arm in deep)])
    return figure


def _published(material: Material, arm: Arm) -> Published | None:
    """The arm's published number; none on another data set, whose errors would squeeze ours into a strip."""
    number = material.published(arm)
    return None if number is None or number.dataset else number


def _handle(material: Material, arm: Arm) -> Line2D:
    style = arm_look(material, arm)
    label = f"{arm.label} (n = {len(material.runs(arm, 'done'))})"
    return Line2D([], [], color=style.colour, marker=style.marker, linestyle="none", label=label)
