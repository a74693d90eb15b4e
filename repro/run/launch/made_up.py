"""Random images in the shape of a data set, for measuring speed without the data set."""

from functools import cache

import torch

from repro import random_streams
from repro.data import catalog
from repro.data.load import Images, Splits
from repro.spec import Recipe


def made_up(recipe: Recipe, device: torch.device) -> Splits:
    """As many random images as the recipe's data set has, with random labels; one copy per process and device.

    UserError for a missing image folder: its classes are read from the folder.
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
        torch.cuda.synchronize(device)  # other streams will read these tensors
    return splits
