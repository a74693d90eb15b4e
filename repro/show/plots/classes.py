"""`confusion` and `per-class`: which classes the runs get wrong, from predictions.npz."""

from math import ceil

import numpy as np
import seaborn as sns
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.show.plots.look import arm_look, bare, beside, legend_width, sheet
from repro.show.plots.material import Answers, Material
from repro.spec import Arm

SIDE = 3.3  # inches of one confusion matrix


def confusion(material: Material) -> Figure:
    """A matrix an arm: of a row's images, the share (%) that the column's class was given, summed over seeds."""
    arms = [arm for arm in material.arms if material.answers_of(arm)]
    names = material.classes
    shares = {arm.name: confusion_matrix(material.labels, material.answers_of(arm), len(names)) for arm in arms}
    wrong = {name: np.ma.masked_array(matrix, np.eye(len(names), dtype=bool)) for name, matrix in shares.items()}
    highest = max(float(np.nanmax(matrix.filled(0))) for matrix in wrong.values()) or 1.0
    columns = 2 if len(arms) == 4 else min(len(arms), 3)
    rows = ceil(len(arms) / columns)
    notes = [
        "Each row sums to 100 %, over all seeds of the arm. Grey diagonal: right answers, not on the colour scale; "
        "shares below 0.5 % are not printed.",
        material.sizes_of_answers(),
    ]
    side = SIDE if columns > 1 else 1.4 * SIDE
    width = side * columns + 1.9
    figure = sheet(material, "Confusion by arm (% of the true class's images)", notes, width, (side + 0.3) * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    colours = sns.color_palette("rocket_r", as_cmap=True).with_extremes(bad="#E9E9E9")
    scale = Normalize(0, highest)
    small = max(4.0, min(7.5, 60 / len(names)))
    for place, axes in enumerate(grid.flat):
        if place >= len(arms):
            axes.set_visible(False)
            continue
        arm = arms[place]
        axes.imshow(wrong[arm.name], cmap=colours, norm=scale, gid=f"confusion:{arm.name}")
        for (row, column), share in np.ndenumerate(shares[arm.name]):
            if row == column or share > 0.5:
                dark = row != column and share > 0.4 * highest
                text = f"{share:.0f}"
                colour = "white" if dark else "black"
                cell = axes.text(column, row, text, ha="center", va="center", size=small, color=colour)
                cell.set_in_layout(False)  # hundreds of them, none near an edge
        axes.set_title(f"{arm.label} (n = {len(material.answers_of(arm))})", loc="left")
        axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 2 else 0)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0, labelsize=7.5)
        # the panels below those of a short last row are hidden, so these keep their own labels
        last = place + columns >= len(arms)
        axes.tick_params(labelbottom=last)
        axes.set_xlabel("predicted" if last else "")
        axes.set_ylabel("true" if place % columns == 0 else "")
        axes.grid(visible=False)
    bar = figure.colorbar(ScalarMappable(scale, colours), ax=grid, shrink=min(1.0, 0.9 / rows + 0.1), aspect=30)
    bar.set_label("wrong answers (%)")
    bar.outline.set_visible(False)
    return figure


def confusion_matrix(labels: np.ndarray, answers: list[Answers], classes: int) -> np.ndarray:
    """(classes, classes) in %: of the images of class i, the share called j; rows without images are NaN."""
    counts = np.zeros((classes, classes))
    for answer in answers:
        np.add.at(counts, (labels, answer.top1), 1)
    images = counts.sum(axis=1, keepdims=True)
    shares: np.ndarray = np.divide(100 * counts, images, out=np.full_like(counts, np.nan), where=images > 0)
    return shares


def per_class(material: Material) -> Figure:
    """Error of each class by arm: mean and sd over seeds."""
    arms = [arm for arm in material.arms if material.answers_of(arm)]
    names = material.classes
    notes = [
        "Mark: mean over seeds of the share of the class's test images that the run gets wrong. "
        "Bar: ± one sd over seeds (none for one seed).",
        material.sizes_of_answers(),
    ]
    handles = [_handle(material, arm) for arm in arms]
    across = 20 < len(names)
    a_class = max(0.1 * len(arms) + 0.15, 0.3 if across else 0.1 + 0.075 * max(map(len, names)))
    width = max(5.0, len(names) * a_class) + legend_width([str(handle.get_label()) for handle in handles])
    figure = sheet(material, "Test error of each class, by arm", notes, width, 3.9)
    axes = figure.subplots()
    for place, arm in enumerate(arms):
        style = arm_look(material, arm)
        errors = class_errors(material.labels, material.answers_of(arm), len(names))  # (seeds, classes)
        offset = 0.8 * ((place + 0.5) / len(arms) - 0.5)
        mark, _, bars = axes.errorbar(
            np.arange(len(names)) + offset,
            errors.mean(axis=0),
            yerr=errors.std(axis=0, ddof=1) if len(errors) > 1 else None,
            color=style.colour,
            marker=style.marker,
            markersize=4.5,
            linestyle="none",
            elinewidth=1.3,
        )
        mark.set_gid(f"classes:{arm.name}")
        for bar in bars:
            bar.set_gid(f"sd:{arm.name}")
    for i in range(0, len(names), 2):
        axes.axvspan(i - 0.5, i + 0.5, color="#F5F5F5", linewidth=0, zorder=0)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(bottom=0)
    axes.set_xticks(range(len(names)), names, rotation=90 if across else 0)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("test error (%)")
    bare(axes, "y")
    beside(axes, handles)
    return figure


def class_errors(labels: np.ndarray, answers: list[Answers], classes: int) -> np.ndarray:
    """(seeds, classes): % of each class's images that each run gets wrong."""
    diagonals = [np.diagonal(confusion_matrix(labels, [answer], classes)) for answer in answers]
    return 100 - np.array(diagonals)


def _handle(material: Material, arm: Arm) -> Line2D:
    style = arm_look(material, arm)
    label = f"{arm.label} (n = {len(material.answers_of(arm))})"
    return Line2D([], [], color=style.colour, marker=style.marker, markersize=4.5, linestyle="none", label=label)
