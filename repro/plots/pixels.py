"""Test images read from a data set's official files, without torch. In the order of the records' predictions."""

import pickle
from collections.abc import Callable
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

    Built-in data sets come at their own size; photographs of an image folder as the runs saw them, their shorter side
    resized to `size` and the centre square cut out. UserError where files are missing, damaged or others.
    """
    if dataset.name.startswith(catalog.FOLDER_PREFIX):
        return _photographs(dataset, directory, places, size or 32)
    catalog.require(dataset, directory)
    pixels, labels = READERS[dataset.name](dataset, directory)
    if max(places, default=0) >= len(labels):
        raise UserError(f"{dataset.name} has {len(labels)} test images, none at place {max(places)}")
    return pixels[places], labels[places]


def _cifar10(dataset: DataSet, directory: Path) -> tuple[np.ndarray, np.ndarray]:
    with (directory / dataset.folder / "test_batch").open("rb") as file:
        batch = pickle.load(file, encoding="latin1")  # the official bytes: `require` has held their MD5
    return batch["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(batch["labels"])


def _idx(dataset: DataSet, directory: Path) -> tuple[np.ndarray, np.ndarray]:
    folder = directory / dataset.folder
    labels = np.fromfile(folder / "t10k-labels-idx1-ubyte", np.uint8, offset=8)
    pixels = np.fromfile(folder / "t10k-images-idx3-ubyte", np.uint8, offset=16)
    return pixels.reshape(len(labels), dataset.size, dataset.size), labels


def _digits(dataset: DataSet, directory: Path) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    test = slice(-dataset.test_images, None)
    return (bunch.images[test] * 15).astype(np.uint8), bunch.target[test]  # 17 grey levels, 0..240


READERS: dict[str, Callable[[DataSet, Path], tuple[np.ndarray, np.ndarray]]] = {
    "cifar10": _cifar10,
    "mnist": _idx,
    "fashion-mnist": _idx,
    "digits": _digits,
}


def _photographs(dataset: DataSet, directory: Path, places: list[int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """In the order of torchvision's ImageFolder: by class, then by path."""
    test = directory / dataset.folder / "test"
    paths = [
        (path, label)
        for label, name in enumerate(dataset.classes)
        for path in sorted((test / name).rglob("*"), key=lambda path: (str(path.parent), path.name))
        if path.suffix.lower() in catalog.IMAGE_SUFFIXES
    ]
    if max(places, default=0) >= len(paths):
        raise UserError(f"{test} holds {len(paths)} images, none at place {max(places)}")
    photos = []
    for place in places:
        try:
            photo = Image.open(paths[place][0]).convert("RGB")
        except OSError as error:
            raise UserError(f"{paths[place][0]} cannot be read: {error}") from error
        scale = size / min(photo.size)
        photo = photo.resize((max(size, round(photo.width * scale)), max(size, round(photo.height * scale))))
        left, top = (photo.width - size) // 2, (photo.height - size) // 2
        photos.append(np.asarray(photo.crop((left, top, left + size, top + size))))
    return np.stack(photos), np.array([paths[place][1] for place in places])
