"""`hardest`: the test images that most runs get wrong, with their true class and the commonest wrong answer."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from repro.data import catalog
from repro.errors import UserError
from repro.show.plots.look import PALETTE, sheet
from repro.show.plots.material import Answers, Material, NothingToDraw
from repro.show.plots.pixels import read_images
from repro.wording import plural

COLUMNS, ROWS = 8, 3
SIDE = 1.1  # inches of one image


@dataclass(frozen=True)
class Hard:
    """A test image by its place in the test set, the runs that get it wrong, and their commonest wrong class."""

    image: int
    wrong: int
    answer: int


def hardest(material: Material) -> Figure:
    """The images over all arms and seeds; needs the data set on disk."""
    found = hardest_images(material.labels, material.answers, COLUMNS * ROWS)
    if not found:
        raise NothingToDraw("no run gets a test image wrong")
    try:
        dataset = catalog.describe(material.dataset, material.data_dir)
        size = material.recipes[material.arms[0].name].image_size
        pixels, labels = read_images(dataset, material.data_dir, [hard.image for hard in found], size)
    except UserError as error:
        raise NothingToDraw(f"the test images cannot be read: {error}") from error
    if not np.array_equal(labels, material.labels[[hard.image for hard in found]]):
        raise NothingToDraw(f"the test images of {dataset.name} in {material.data_dir} are not those the runs saw")
    runs, names = len(material.answers), material.classes
    least = found[-1].wrong
    as_hard = int((sum(answer.top1 != material.labels for answer in material.answers) >= least).sum())
    more = as_hard > len(found)
    notes = [
        f"Ordered by the number of runs, of {runs} over all arms, that get the image wrong. In colour: the commonest "
        "wrong answer."
        + f" {as_hard:,} images are wrong in {plural(least, 'run')} or more; among equals the first are shown."
        * more,
        material.sizes_of_answers(),
    ]
    rows = -(-len(found) // COLUMNS)
    figure = sheet(material, "The test images that most runs get wrong", notes, SIDE * COLUMNS, (SIDE + 0.45) * rows)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for place, axes in enumerate(grid.flat):
        axes.set_axis_off()
        if place >= len(found):
            continue
        hard = found[place]
        axes.imshow(pixels[place], cmap="gray", vmin=0, vmax=255, interpolation="nearest", gid=f"image:{hard.image}")
        axes.set_title(f"true: {_short(names[labels[place]])}\n", size=7.5, pad=3)
        said = f"said: {_short(names[hard.answer])}"
        axes.text(0.5, 1.0, said, transform=axes.transAxes, size=7.5, color=PALETTE[3], ha="center", va="bottom")
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


def hardest_images(labels: np.ndarray, answers: list[Answers], most: int) -> list[Hard]:
    """At most `most` images, most often wrong first, then by place; among wrong answers equally common the first."""
    top1 = np.stack([answer.top1 for answer in answers])  # (runs, images)
    wrong = (top1 != labels).sum(axis=0)
    order = np.argsort(-wrong, kind="stable")[:most]
    found = []
    for image in order[wrong[order] > 0]:
        given = np.bincount(top1[:, image])
        given[labels[image] : labels[image] + 1] = 0
        found.append(Hard(int(image), int(wrong[image]), int(given.argmax())))
    return found


def _short(name: str) -> str:
    return name if len(name) <= 12 else name[:11] + "…"
