"""`hardest`: the test images that most runs misclassify, with their true class and the commonest wrong prediction."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from repro.data import catalog
from repro.errors import UserError
from repro.show.plots.pixels import read_images
from repro.show.plots.plot_data import NothingToDraw, PlotData, RunPredictions
from repro.show.plots.style import PALETTE, titled_figure, widest
from repro.wording import plural

COLUMNS, ROWS = 8, 3
SIDE = 1.1  # inches of one image


@dataclass(frozen=True)
class HardImage:
    """A test image that runs misclassify."""

    index: int  # in the test set
    wrong: int  # number of runs that misclassify it
    predicted: int  # the commonest wrong class


def hardest(data: PlotData) -> Figure:
    """The images that most runs misclassify, over all arms and seeds. Needs the data set on disk."""
    found = hardest_images(data.labels, data.predictions, COLUMNS * ROWS)
    if not found:
        raise NothingToDraw("no run misclassifies a test image")
    try:
        dataset = catalog.describe(data.dataset, data.data_dir)
        size = data.recipes[data.arms[0].name].image_size
        pixels, labels = read_images(dataset, data.data_dir, [hard.index for hard in found], size)
    except UserError as error:
        raise NothingToDraw(f"the test images cannot be read: {error}") from error
    if not np.array_equal(labels, data.labels[[hard.index for hard in found]]):
        raise NothingToDraw(f"the test images of {dataset.name} in {data.data_dir} differ from those of the runs")
    runs, names = len(data.predictions), data.classes
    least = found[-1].wrong
    as_hard = int((sum(run.top1 != data.labels for run in data.predictions) >= least).sum())
    more = as_hard > len(found)
    notes = [
        f"Ordered by how many of the {runs} runs over all arms misclassify the image. In colour: the commonest "
        "wrong prediction."
        + f" {as_hard:,} images are misclassified by {plural(least, 'run')} or more; among ties the first are shown."
        * more,
        data.sample_sizes_of_predictions(),
    ]
    rows = -(-len(found) // COLUMNS)
    subtitle = "The test images that most runs misclassify"
    figure = titled_figure(data, subtitle, notes, SIDE * COLUMNS, (SIDE + 0.45) * rows)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for index, axes in enumerate(grid.flat):
        axes.set_axis_off()
        if index >= len(found):
            continue
        hard = found[index]
        axes.imshow(pixels[index], cmap="gray", vmin=0, vmax=255, interpolation="nearest", gid=f"image:{hard.index}")
        true, predicted = f"true: {names[labels[index]]}", f"pred: {names[hard.predicted]}"
        points = min(7.5, 7.5 * SIDE / widest([true, predicted], 7.5))
        axes.set_title(f"{true}\n", size=points, pad=3)
        axes.text(
            0.5, 1.0, predicted, transform=axes.transAxes, size=points, color=PALETTE[3], ha="center", va="bottom"
        )
        axes.text(
            0.5,
            -0.03,
            f"{hard.wrong} of {runs}",
            transform=axes.transAxes,
            size=7.5,
            ha="center",
            va="top",
            weight="bold",
        )
    return figure


def hardest_images(labels: np.ndarray, predictions: list[RunPredictions], most: int) -> list[HardImage]:
    """The `most` images misclassified by most runs, ties by index; of equally common wrong classes the first."""
    top1 = np.stack([run.top1 for run in predictions])  # (runs, images)
    wrong = (top1 != labels).sum(axis=0)
    order = np.argsort(-wrong, kind="stable")[:most]
    found = []
    for image in order[wrong[order] > 0]:
        given = np.bincount(top1[:, image])
        given[labels[image] : labels[image] + 1] = 0
        found.append(HardImage(int(image), int(wrong[image]), int(given.argmax())))
    return found
