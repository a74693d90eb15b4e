"""`depth`: final error against the number of layers, ours beside the paper's."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.plots.look import FAINT, INK, arm_look, bare, beside, legend_width, sheet
from repro.plots.material import Material, NothingToDraw, family
from repro.plots.rows import published_mark
from repro.protocol import differences
from repro.spec import Arm, Published, Recipe
from repro.stats import estimate

# layers with weights, Simonyan & Zisserman 2014, Table 1
VGG_DEPTH = {"A": 11, "A-LRN": 11, "B": 13, "C": 16, "D": 16, "E": 19}
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (3, 1, 1, 1)), (0, (1, 1)))  # a line each
ASIDE = (
    0.02  # of the range of depths: seeds to the left of the mean, published to the right, so that none hides another
)
APART = 0.016  # the same between kinds of network, so that no interval hides another
VGG_VARIANTS = {"A-LRN": "VGG with LRN", "C": "VGG with 1x1"}  # as deep as A and D: points of their own


def depth(material: Material) -> Figure:
    """A line a kind of network through the means; dots are seeds, bars 95% t-intervals."""
    lines: dict[str, list[Arm]] = {}
    for arm in material.arms:
        if len(material.runs(arm, "done")):
            recipe = material.recipes[arm.name]
            beside_it = [layers(material.recipes[other.name]) for other in lines.get(line(recipe), [])]
            # a second arm as deep, with another initialisation say, is a point of its own
            lines.setdefault(arm.label if layers(recipe) in beside_it else line(recipe), []).append(arm)
    depths = sorted({layers(material.recipes[arm.name]) for arms in lines.values() for arm in arms})
    if len(depths) < 2:
        raise NothingToDraw("the arms with runs do not differ in depth")
    shown = [number for arm in material.arms if (number := _published(material, arm))]
    notes = [
        "Large marks and bars: mean and 95% t-interval over seeds (none for one seed). Small marks beside them: seeds. "
        "Kinds of network stand side by side at each depth, so that no interval hides another."
    ]
    if any(differences(number) for number in shown):
        notes.append(
            "Hollow: a published number from another protocol, selection or data set; not comparable as it stands."
        )
    if away := sorted(
        {number.dataset for arm in material.arms if (number := material.published(arm)) and number.dataset}
    ):
        notes.append(f"Published numbers on {', '.join(away)} are not drawn.")
    if "diverged" in set(material.counts.status):
        notes.append("Runs that diverged are left out.")
    figure = sheet(
        material,
        "Final test error against depth",
        [*notes, material.sizes()],
        6.0 + legend_width([arm.label + " (n = 5)" for arm in material.arms]),
        3.9,
    )
    axes = figure.subplots()
    aside = ASIDE * (depths[-1] - depths[0])
    handles: list[Line2D] = []
    for place, (name, arms) in enumerate(lines.items()):
        arms = sorted(arms, key=lambda arm: layers(material.recipes[arm.name]))
        dashes = DASHES[len(handles) % len(DASHES)]
        shift = APART * (depths[-1] - depths[0]) * (place - (len(lines) - 1) / 2)
        x = [layers(material.recipes[arm.name]) + shift for arm in arms]
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
    beside(axes, [*handles, *_arms(material)])
    return figure


def _published(material: Material, arm: Arm) -> Published | None:
    """The arm's published number; none on another data set, whose errors would squeeze ours into a strip."""
    number = material.published(arm)
    return None if number is None or number.dataset else number


def layers(recipe: Recipe) -> int:
    """Layers with weights, as the papers count them."""
    return VGG_DEPTH[recipe.model.config] if recipe.model.name == "vgg" else recipe.model.depth


def line(recipe: Recipe) -> str:
    """The arms that a line joins: networks alike in all but depth."""
    model = recipe.model
    if model.name == "vgg":
        variant = VGG_VARIANTS.get(model.config)
        return f"{variant}{' and batch norm' * model.batch_norm}" if variant else family(recipe)
    return family(recipe) + ("" if model.block == "original" else f", {model.block}")


def _arms(material: Material) -> list[Line2D]:
    handles = []
    for arm in material.arms:
        style = arm_look(material, arm)
        label = f"{arm.label} (n = {len(material.runs(arm, 'done'))})"
        handles.append(Line2D([], [], color=style.colour, marker=style.marker, linestyle="none", label=label))
    return handles
