"""Loads data sets as uint8 tensors on a device, split into training, validation and test images.

Verifies the checksums first. Does not augment or normalise. All runs of a process share one copy, so these tensors must
never be written to.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch

from repro import random_streams
from repro.data import catalog
from repro.data.dataset import DataSet, Part
from repro.errors import UserError
from repro.spec import Recipe, train_images

PARTS: tuple[Part, Part] = ("train", "test")
KEPT = 2  # data sets that a process caches, each at one image size, split and device; the most recently used


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
        """int64 (C, H, W), on the CPU: the sum of each pixel over all images."""
        return self.pixels.sum(0, dtype=torch.int64).cpu()

    @cached_property
    def levels(self) -> torch.Tensor:
        """int64 (C, 256), on the CPU: per channel, the number of pixels with each value."""
        return torch.stack([torch.bincount(c.flatten(), minlength=256) for c in self.pixels.unbind(1)]).cpu()


@dataclass(frozen=True)
class Splits:
    train: Images
    validation: Images | None
    test: Images
    classes: tuple[str, ...]


def load(recipe: Recipe, device: torch.device, directory: Path | None = None) -> Splits:
    """The recipe's data set on `device`, read once per process. UserError if files are missing or damaged."""
    directory = directory or catalog.data_dir()
    dataset = catalog.describe(recipe.dataset, directory)
    size = None if recipe.resize == "per-batch" else recipe.image_size
    per_class = recipe.train_split.endswith("-per-class")
    stretched = recipe.resize == "stretched"
    return _loaded(dataset, directory, size, stretched, train_images(recipe, directory), per_class, device)


@lru_cache(KEPT)
def _loaded(
    dataset: DataSet,
    directory: Path,
    size: int | None,
    stretched: bool,
    count: int,
    per_class: bool,
    device: torch.device,
) -> Splits:
    """The first `count` images of the shuffled training set are used for training, the rest for validation.

    `per_class`: the first of each class instead, equally many.
    """
    catalog.require(dataset, directory)
    train, test = (_read(dataset, directory, part, size, stretched) for part in PARTS)
    validation = None
    if count < len(train):
        # one split for all seeds and arms, so that they can be compared on the same validation images
        shuffled = torch.randperm(len(train), generator=random_streams.generator(0, "split"))
        if per_class:
            shuffled = _firsts_of_each_class(shuffled, train.labels, count // len(dataset.classes))
        validation = train[shuffled[count:].sort().values].to(device)
        train = train[shuffled[:count].sort().values]
    splits = Splits(train.to(device), validation, test.to(device), dataset.classes)
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # another run may read these tensors on its own stream
    return splits


def _firsts_of_each_class(order: torch.Tensor, labels: torch.Tensor, each: int) -> torch.Tensor:
    """`order` with the first `each` images of every class moved to the front."""
    ordered = labels[order]
    rank = torch.empty_like(order)  # of each image within its class
    for label in range(int(labels.max()) + 1):
        rank[ordered == label] = torch.arange(int((ordered == label).sum()))
    return torch.cat([order[rank < each], order[rank >= each]])


def _read(dataset: DataSet, directory: Path, part: Part, size: int | None, stretched: bool) -> Images:
    pixels, labels = dataset.read(directory, part)
    if isinstance(pixels, np.ndarray):
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
        if size and images.shape[-2:] != (size, size):
            from torchvision.transforms import v2  # takes 1.5 s to import, and most recipes do without

            images = v2.functional.resize(images, [size, size], antialias=True)
    else:
        # images of different sizes: stretch them, or resize the shorter side to `size`, then crop the centre
        if size is None:
            raise UserError(f"data set {dataset.name!r} has images of different sizes: the recipe must set image_size")
        from torchvision.transforms import v2

        square = v2.Resize((size, size)) if stretched else v2.Compose([v2.Resize(size), v2.CenterCrop(size)])
        images = torch.stack([square(torch.from_numpy(image).permute(2, 0, 1)) for image in pixels])
    return Images(images, torch.from_numpy(labels))
