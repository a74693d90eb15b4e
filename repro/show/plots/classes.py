"""`confusion` and `per-class`: which classes the runs get wrong, from predictions.npz."""

import numpy as np
import seaborn as sns
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.show.plots.plot_data import PlotData, RunPredictions
from repro.show.plots.style import (
    RC,
    arm_style,
    grid_of,
    legend_beside,
    legend_width,
    remove_frame,
    titled_figure,
    widest,
    wrapped,
)
from repro.spec import Arm

SIDE = 3.3  # inches of one confusion matrix


def confusion(data: PlotData) -> Figure:
    """One matrix per arm: the share (%) of each true class (row) predicted as each class (column), over all seeds."""
    arms = [arm for arm in data.arms if data.predictions_of(arm)]
    names = data.classes
    shares = {arm.name: confusion_matrix(data.labels, data.predictions_of(arm), len(names)) for arm in arms}
    wrong = {name: np.ma.masked_array(matrix, np.eye(len(names), dtype=bool)) for name, matrix in shares.items()}
    highest = max(float(np.nanmax(matrix.filled(0))) for matrix in wrong.values()) or 1.0
    rows, columns = grid_of(len(arms))
    notes = [
        "Each row sums to 100 % over all seeds of the arm. Grey diagonal: correct predictions, not on the colour "
        "scale. Shares below 0.5 % are not printed.",
        data.sample_sizes_of_predictions(),
    ]
    side = SIDE if columns > 1 else 1.4 * SIDE
    inside = len(arms) < rows * columns  # the colour bar stands in the place that is left
    width = side * columns + (0.9 if inside else 1.9)
    figure = titled_figure(data, "Confusion by arm (% of the true class's images)", notes, width, (side + 0.3) * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    colours = sns.color_palette("rocket_r", as_cmap=True).with_extremes(bad="#E9E9E9")
    scale = Normalize(0, highest)
    small = max(4.0, min(7.5, 60 / len(names)))
    for index, axes in enumerate(grid.flat):
        if index >= len(arms):
            axes.set_axis_off()
            continue
        arm = arms[index]
        axes.imshow(wrong[arm.name], cmap=colours, norm=scale, gid=f"confusion:{arm.name}")
        for (row, column), share in np.ndenumerate(shares[arm.name]):
            if row == column or share > 0.5:
                dark = row != column and share > 0.4 * highest
                text = f"{share:.0f}"
                colour = "white" if dark else "black"
                cell = axes.text(column, row, text, ha="center", va="center", size=small, color=colour)
                cell.set_in_layout(False)  # hundreds of them, none near an edge
        head = f"{arm.label} (n = {len(data.predictions_of(arm))})"
        axes.set_title(wrapped(head, 0.85 * side, RC["axes.titlesize"]), loc="left")
        axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 2 else 0)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0, labelsize=7.5)
        last = index + columns >= len(arms)
        axes.tick_params(labelbottom=last)
        axes.set_xlabel("predicted" if last else "")
        if last and index // columns < rows - 1:  # above the place that is left: its labels hang into that
            for text in (axes.xaxis.label, *axes.get_xticklabels()):
                text.set_in_layout(False)
        axes.set_ylabel("true" if index % columns == 0 else "")
        axes.grid(visible=False)
    if inside:
        place = grid[-1, -1].inset_axes((0.1, 0.12, 0.8, 0.05))
        bar = figure.colorbar(ScalarMappable(scale, colours), cax=place, orientation="horizontal")
    else:
        bar = figure.colorbar(ScalarMappable(scale, colours), ax=grid, shrink=min(1.0, 0.9 / rows + 0.1), aspect=30)
    bar.set_label("wrong predictions (%)")
    bar.outline.set_visible(False)
    return figure


def confusion_matrix(labels: np.ndarray, predictions: list[RunPredictions], classes: int) -> np.ndarray:
    """(classes, classes) in %: the share of class i's images predicted as j; rows without images are NaN."""
    counts = np.zeros((classes, classes))
    for run in predictions:
        np.add.at(counts, (labels, run.top1), 1)
    images = counts.sum(axis=1, keepdims=True)
    shares: np.ndarray = np.divide(100 * counts, images, out=np.full_like(counts, np.nan), where=images > 0)
    return shares


def per_class(data: PlotData) -> Figure:
    """Error of each class by arm: mean and sd over seeds."""
    arms = [arm for arm in data.arms if data.predictions_of(arm)]
    names = data.classes
    notes = [
        "Mark: share of the class's test images that are misclassified, mean over seeds. "
        "Bar: ± one sd over seeds (none for one seed).",
        data.sample_sizes_of_predictions(),
    ]
    handles = [_handle(data, arm) for arm in arms]
    across = len(names) > 20
    class_width = max(0.1 * len(arms) + 0.15, 0.3 if across else 0.15 + widest(list(names), RC["xtick.labelsize"]))
    width = max(5.0, len(names) * class_width) + legend_width([str(handle.get_label()) for handle in handles])
    figure = titled_figure(data, "Test error of each class, by arm", notes, width, 3.9)
    axes = figure.subplots()
    for index, arm in enumerate(arms):
        style = arm_style(data, arm)
        errors = class_errors(data.labels, data.predictions_of(arm), len(names))  # (seeds, classes)
        offset = 0.8 * ((index + 0.5) / len(arms) - 0.5)
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
    axes.set_ylim(0, min(100.0, axes.get_ylim()[1]))
    axes.set_xticks(range(len(names)), names, rotation=90 if across else 0)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("test error (%)")
    remove_frame(axes, "y")
    legend_beside(axes, handles)
    return figure


def class_errors(labels: np.ndarray, predictions: list[RunPredictions], classes: int) -> np.ndarray:
    """(seeds, classes): % of each class's images that each run misclassifies."""
    diagonals = [np.diagonal(confusion_matrix(labels, [run], classes)) for run in predictions]
    return 100 - np.array(diagonals)


def _handle(data: PlotData, arm: Arm) -> Line2D:
    style = arm_style(data, arm)
    label = f"{arm.label} (n = {len(data.predictions_of(arm))})"
    return Line2D([], [], color=style.colour, marker=style.marker, markersize=4.5, linestyle="none", label=label)
