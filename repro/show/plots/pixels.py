"""Test images as a picture shows them, without torch. In the order of the records' predictions."""

from pathlib import Path

import numpy as np
from PIL import Image

from repro.data import catalog
from repro.data.catalog import DataSet
from repro.errors import UserError


def read_images(
    dataset: DataSet, directory: Path, places: list[int], size: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(uint8 (n, H, W) or (n, H, W, 3), labels (n,)) of the test images at `places`.

    Data sets of one size come at that; photographs much as the runs saw them, their shorter side resized to `size`
    and the centre square cut out. UserError where files are missing, damaged or others.
    """
    catalog.require(dataset, directory)
    if max(places, default=0) >= dataset.test_images:
        raise UserError(f"{dataset.name} has {dataset.test_images} test images, none at place {max(places)}")
    pixels, labels = dataset.read(directory, "test", places)
    if not isinstance(pixels, np.ndarray):
        pixels = np.stack([_square(photo, size or 32) for photo in pixels])
    return pixels[..., 0] if dataset.channels == 1 else pixels, labels


def _square(photo: np.ndarray, size: int) -> np.ndarray:
    image = Image.fromarray(photo)
    scale = size / min(image.size)
    image = image.resize((max(size, round(image.width * scale)), max(size, round(image.height * scale))))
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size)))
