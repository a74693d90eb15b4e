"""Data sets as uint8 tensors on a device, split into training, validation and test images.

Reads through torchvision's and scikit-learn's own classes, after the checksums of `catalog` hold. No augmentation
and no normalisation happens here. All runs of a process share one copy, so nobody writes into these tensors.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
import torchvision
from torchvision.transforms import v2

from repro import streams
from repro.data import catalog
from repro.errors import UserError
from repro.spec import Recipe, train_images

KEPT = 2  # data sets that a process keeps in memory: the most recent ones, each at one size, split and device


@dataclass(frozen=True)
class Images:
    """`pixels`: uint8 (N, C, H, W); `labels`: int64 (N,)."""

    pixels: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: torch.Tensor) -> "Images":
        return Images(self.pixels[index], self.labels[index])

    def to(self, device: torch.device) -> "Images":
        return Images(self.pixels.to(device), self.labels.to(device))

    @cached_property
    def sums(self) -> torch.Tensor:
        """int64 (C, H, W), on the CPU: each pixel's sum over all images."""
        return self.pixels.sum(0, dtype=torch.int64).cpu()

    @cached_property
    def levels(self) -> torch.Tensor:
        """int64 (C, 256), on the CPU: how many pixels of each channel have each level."""
        return torch.stack([torch.bincount(c.flatten(), minlength=256) for c in self.pixels.unbind(1)]).cpu()


@dataclass(frozen=True)
class Splits:
    train: Images
    validation: Images | None
    test: Images
    classes: tuple[str, ...]


def load(recipe: Recipe, device: torch.device, directory: Path | None = None) -> Splits:
    """The recipe's data set on `device`, read once per process. UserError where files are missing or damaged."""
    directory = directory or catalog.data_dir()
    dataset = catalog.describe(recipe.dataset, directory)
    return _loaded(dataset, directory, recipe.image_size, train_images(recipe, directory), device)


@lru_cache(KEPT)
def _loaded(dataset: catalog.DataSet, directory: Path, size: int | None, count: int, device: torch.device) -> Splits:
    """The first `count` images of the shuffled training set are for training, the rest for validation."""
    train, test = _read(dataset, directory, size)
    validation = None
    if count < len(train):
        # one split for all seeds and arms, so that they can be compared on the same validation images
        shuffled = torch.randperm(len(train), generator=streams.generator(0, "split"))
        validation = train[shuffled[count:].sort().values].to(device)
        train = train[shuffled[:count].sort().values]
    splits = Splits(train.to(device), validation, test.to(device), dataset.classes)
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # the next run reads the copy on a stream of its own
    return splits


def _read(dataset: catalog.DataSet, directory: Path, size: int | None) -> tuple[Images, Images]:
    if dataset.name.startswith(catalog.FOLDER_PREFIX):
        return tuple(_image_folder(directory / dataset.folder / part, dataset, size) for part in ("train", "test"))  # type: ignore[return-value]
    catalog.require(dataset, directory)
    train, test = READERS[dataset.name](directory)
    return _resized(train, size), _resized(test, size)


def _cifar10(directory: Path) -> tuple[Images, Images]:
    parts = (torchvision.datasets.CIFAR10(directory, train=train) for train in (True, False))
    train, test = (
        Images(torch.from_numpy(p.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(p.targets)) for p in parts
    )
    return train, test


def _mnist(directory: Path) -> tuple[Images, Images]:
    return _idx(torchvision.datasets.MNIST, directory)


def _fashion_mnist(directory: Path) -> tuple[Images, Images]:
    return _idx(torchvision.datasets.FashionMNIST, directory)


def _idx(kind: type[torchvision.datasets.MNIST], directory: Path) -> tuple[Images, Images]:
    parts = (kind(directory, train=train) for train in (True, False))
    train, test = (Images(p.data.unsqueeze(1), p.targets) for p in parts)
    return train, test


def _digits(directory: Path) -> tuple[Images, Images]:
    """8x8 digits with 17 grey levels; the last 360 of the 1797 are the test images."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    levels, labels = bunch.images.astype(np.uint8), bunch.target.astype(np.uint8)
    checksum = hashlib.sha256(levels.tobytes() + labels.tobytes()).hexdigest()[:16]
    dataset = catalog.BUILT_IN["digits"]
    if checksum != dataset.checksum:
        raise UserError(
            f"scikit-learn's digits have checksum {checksum}, not {dataset.checksum}: another version of the data"
        )
    pixels = torch.from_numpy(levels).mul(15).unsqueeze(1)  # 0..16 -> 0..240
    every = Images(pixels, torch.from_numpy(labels.astype(np.int64)))
    index = torch.arange(len(every))
    return every[index[: dataset.train_images]], every[index[dataset.train_images :]]


READERS = {"cifar10": _cifar10, "mnist": _mnist, "fashion-mnist": _fashion_mnist, "digits": _digits}


def _resized(images: Images, size: int | None) -> Images:
    if size is None or images.pixels.shape[-2:] == (size, size):
        return images
    return Images(v2.functional.resize(images.pixels, [size, size], antialias=True), images.labels)


def _image_folder(folder: Path, dataset: catalog.DataSet, size: int | None) -> Images:
    """Photographs in colour: shorter side resized to `size`, then the centre square."""
    if size is None:
        raise UserError(f"data set {dataset.name!r} has images of many sizes: the recipe must set image_size")
    try:
        photos = torchvision.datasets.ImageFolder(
            folder, v2.Compose([v2.PILToTensor(), v2.Resize(size), v2.CenterCrop(size)])
        )
        if tuple(photos.classes) != dataset.classes:
            raise UserError(f"{folder} has the classes {photos.classes}, the training images {list(dataset.classes)}")
        items = [photos[i] for i in range(len(photos))]
    except OSError as error:  # an unreadable or damaged image; PIL's and the file system's
        raise UserError(f"data set {dataset.name!r}: {error}") from error
    return Images(torch.stack([pixels for pixels, _ in items]), torch.tensor([label for _, label in items]))
