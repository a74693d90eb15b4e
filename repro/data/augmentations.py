"""The augmentations that a recipe gives as tables, on the batches of `batches`: colours, erasing, mixing.

Most are torchvision's, which draw from torch's global generator. Each batch seeds that one from the run's own streams
and restores it, so batch i depends only on (seed, i). What changes single images is computed on the CPU, image by
image, so it is the same on every device, and slow.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2

from repro import random_streams
from repro.spec.augmentations import Change, ColourJitter, Cutmix, Cutout, Mixup, RandAugment, RandomErasing

Each = Callable[[Tensor], Tensor]
Mixing = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Augmentations:
    """`changes` of a recipe, for a run with `seed` on images of `classes` classes."""

    def __init__(self, changes: tuple[Change, ...], seed: int, classes: int) -> None:
        self.seed = seed
        self.colours = [_colours(c) for c in changes if isinstance(c, ColourJitter | RandAugment)]
        self.erasing = [_erasing(c) for c in changes if isinstance(c, Cutout | RandomErasing)]
        self.mixing = [(c.probability, _mixing(c, classes)) for c in changes if isinstance(c, Mixup | Cutmix)]

    def recolour(self, pixels: Tensor, iteration: int) -> Tensor:
        """uint8 images (N, C, H, W), as they are stored -> the same type and shape."""
        return self._each(self.colours, pixels, "colours", iteration)

    def erase(self, images: Tensor, iteration: int) -> Tensor:
        """Normalised float32 images (N, C, H, W) -> the same type and shape."""
        return self._each(self.erasing, images, "erasing", iteration)

    def mix(self, images: Tensor, labels: Tensor, iteration: int) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W) and labels (N,) -> mixed images and the shares of the classes, float32 (N, classes).

        Both as they were where nothing is mixed. Of several ways, each batch takes one, with equal chances.
        """
        if not self.mixing:
            return images, labels
        with random_streams.globally(self.seed, "mixing", iteration):
            probability, mixing = self.mixing[int(torch.randint(len(self.mixing), ()))]
            return mixing(images, labels) if float(torch.rand(())) < probability else (images, labels)

    def _each(self, changes: list[Each], images: Tensor, purpose: str, iteration: int) -> Tensor:
        if not changes:
            return images
        changed = []
        with random_streams.globally(self.seed, purpose, iteration):
            for image in images.cpu():
                for change in changes:
                    image = change(image)
                changed.append(image)
        return torch.stack(changed).to(images.device)


def _colours(change: ColourJitter | RandAugment) -> Each:
    if isinstance(change, RandAugment):
        return v2.RandAugment(change.operations, change.magnitude)  # type: ignore[no-any-return]
    factors = (change.brightness, change.contrast, change.saturation, change.hue)
    return v2.ColorJitter(*factors)  # type: ignore[no-any-return]


def _erasing(change: Cutout | RandomErasing) -> Each:
    if isinstance(change, Cutout):
        return lambda image: cutout(image, change.side)
    return v2.RandomErasing(change.probability, (change.least_area, change.most_area))  # type: ignore[no-any-return]


def cutout(image: Tensor, side: int) -> Tensor:
    """A copy of an image (C, H, W) with zeros in a square of `side` pixels, drawn from torch's global generator.

    As in the authors' code, the square is clipped at the edges, and an odd side loses a pixel.
    """
    height, width = image.shape[1:]
    row, column = int(torch.randint(height, ())), int(torch.randint(width, ()))
    half, image = side // 2, image.clone()
    image[:, max(0, row - half) : row + half, max(0, column - half) : column + half] = 0
    return image


def _mixing(change: Mixup | Cutmix, classes: int) -> Mixing:
    kind = v2.MixUp if isinstance(change, Mixup) else v2.CutMix
    return kind(alpha=change.alpha, num_classes=classes)  # type: ignore[no-any-return]
