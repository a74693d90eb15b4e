"""Test images as uint8 arrays, in the order of the records' predictions. Imports no torch."""

from pathlib import Path

import numpy as np
from PIL import Image

from repro.data import catalog
from repro.data.catalog import DataSet
from repro.errors import UserError


def read_images(
    dataset: DataSet, directory: Path, indices: list[int], size: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(pixels, labels) of the test images at `indices`: uint8 (n, H, W) or (n, H, W, 3), and (n,).

    Images of varying size are resized to `size` on their shorter side and centre-cropped, much as in training.
    UserError if files are missing, damaged or not the expected ones.
    """
    catalog.require(dataset, directory)
    if max(indices, default=0) >= dataset.test_images:
        raise UserError(f"{dataset.name} has {dataset.test_images} test images, so none with index {max(indices)}")
    pixels, labels = dataset.read(directory, "test", indices)
    if not isinstance(pixels, np.ndarray):
        pixels = np.stack([_square(photo, size or 32) for photo in pixels])
    return pixels[..., 0] if dataset.channels == 1 else pixels, labels


def _square(photo: np.ndarray, size: int) -> np.ndarray:
    image = Image.fromarray(photo)
    scale = size / min(image.size)
    image = image.resize((max(size, round(image.width * scale)), max(size, round(image.height * scale))))
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size)))
