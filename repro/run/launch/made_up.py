"""Random images in the shape of a data set: speed can be measured with them where the data set is not at hand."""

from functools import cache

import torch

from repro import random_streams
from repro.data import catalog
from repro.data.load import Images, Splits
from repro.spec import Recipe


def made_up(recipe: Recipe, device: torch.device) -> Splits:
    """As many random images as the recipe's data set has, with random labels; one copy per process and device.

    UserError for a folder of images that is not there: only the folder knows its classes.
    """
    return _drawn(recipe.dataset, recipe.image_size, device)


@cache
def _drawn(name: str, size: int | None, device: torch.device) -> Splits:
    dataset = catalog.describe(name)
    side = size or dataset.size
    draw = random_streams.generator(0, "made-up data")

    def images(count: int) -> Images:
        pixels = torch.randint(0, 256, (count, dataset.channels, side, side), generator=draw, dtype=torch.uint8)
        return Images(pixels, torch.randint(0, len(dataset.classes), (count,), generator=draw)).to(device)

    splits = Splits(images(dataset.train_images), None, images(dataset.test_images), dataset.classes)
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # other streams read it too
    return splits
