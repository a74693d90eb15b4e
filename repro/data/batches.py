"""The order of the training images, and their augmentation and normalisation.

Order, crops and flips of a whole epoch are drawn on the CPU from the seed's random streams; the pixels are transformed
batch by batch on the device. Batch i depends only on (seed, i), so a run can resume at any iteration.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from repro import random_streams
from repro.data.load import Images
from repro.spec import Constants, Recipe


@dataclass(frozen=True)
class Draws:
    """The random draws for each image of a batch: its index, the crop's corner in the padded image, whether to flip."""

    index: torch.Tensor  # int64 (N,)
    corner: torch.Tensor  # int64 (N, 2): row, column in 0 .. 2*padding
    flip: torch.Tensor  # bool (N,)

    def __getitem__(self, part: slice) -> "Draws":
        return Draws(self.index[part], self.corner[part], self.flip[part])

    def __len__(self) -> int:
        return len(self.index)

    def clone(self) -> "Draws":
        return Draws(self.index.clone(), self.corner.clone(), self.flip.clone())

    def copy_(self, other: "Draws") -> None:
        """Copy the draws of another batch of the same size into these tensors."""
        self.index.copy_(other.index)
        self.corner.copy_(other.corner)
        self.flip.copy_(other.flip)

    def to(self, device: torch.device) -> "Draws":
        return Draws(self.index.to(device), self.corner.to(device), self.flip.to(device))


def draw_epoch(seed: int, epoch: int, images: int, padding: int, shuffled: bool = True) -> Draws:
    """An epoch's order (each image once) and a crop and flip per image, from three random streams of the seed."""
    order = random_streams.generator(seed, "order", epoch)
    return Draws(
        torch.randperm(images, generator=order) if shuffled else torch.arange(images),
        torch.randint(0, 2 * padding + 1, (images, 2), generator=random_streams.generator(seed, "crop", epoch)),
        torch.randint(0, 2, (images,), generator=random_streams.generator(seed, "flip", epoch)).bool(),
    )


class Sampler:
    """The draws for every batch of a run. Keeps the current epoch's on the device: `batch(i)` is cheap for rising i."""

    def __init__(self, recipe: Recipe, images: int, seed: int, device: torch.device) -> None:
        self.recipe, self.images, self.seed, self.device = recipe, images, seed, device
        self._epochs: dict[int, Draws] = {}

    def batch(self, iteration: int) -> Draws:
        """The draws for batch `iteration`, counted from 0."""
        size = self.recipe.batch_size
        if self.recipe.last_batch == "wrap":
            epoch, start = divmod(iteration * size, self.images)
            if start + size <= self.images:
                return self._epoch(epoch)[start : start + size]
            parts = [self._epoch(epoch)[start : start + size]]
            while (short := size - sum(map(len, parts))) > 0:
                epoch += 1
                parts.append(self._epoch(epoch)[:short])
            return _concatenated(parts)
        whole, left = divmod(self.images, size)
        epoch, position = divmod(iteration, whole + (left > 0 and self.recipe.last_batch == "keep"))
        return self._epoch(epoch)[position * size : (position + 1) * size]

    def _epoch(self, epoch: int) -> Draws:
        if epoch not in self._epochs:
            self._epochs = {e: draws for e, draws in self._epochs.items() if e == epoch - 1}
            shuffled = self.recipe.order == "shuffled"
            draws = draw_epoch(self.seed, epoch, self.images, self.recipe.crop_padding, shuffled)
            self._epochs[epoch] = draws.to(self.device)
        return self._epochs[epoch]


def _concatenated(parts: list[Draws]) -> Draws:
    columns = zip(*((p.index, p.corner, p.flip) for p in parts), strict=True)
    return Draws(*(torch.cat(column) for column in columns))


@dataclass(frozen=True)
class Transform:
    """Turns uint8 images into a network's input: (x / 255 - mean) / std, padded and cropped before or after that.

    With `size`, they are first resized to it, bilinearly and rounded to whole levels, as an image library would.
    """

    mean: torch.Tensor  # float32 (C, H, W) or (C, 1, 1), in 0..1
    std: torch.Tensor  # float32 (C, 1, 1)
    padding: int  # pixels on each side; 0 = no crop
    pad_after: bool  # True: pad the normalised image with zeros (He et al. 2015); False: pad the raw one with black
    hflip: bool
    size: int | None = None  # pixels per side; None = the images already have their size

    @classmethod
    def fit(cls, recipe: Recipe, train: Images) -> "Transform":
        """The recipe's transform, normalising by the statistics of the training images as they are stored."""
        if isinstance(recipe.normalise, Constants):
            found = tuple(torch.tensor(part)[:, None, None] for part in (recipe.normalise.mean, recipe.normalise.std))
        else:
            found = NORMALISERS[recipe.normalise](train)
        mean, std = (part.to(train.pixels.device) for part in found)
        size = recipe.image_size if recipe.resize == "per-batch" else None
        return cls(mean, std, recipe.crop_padding, recipe.padding == "after-normalise", recipe.hflip, size)

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 (N, C, H, W) -> float32 of the same shape, or of the side `size`."""
        return self._resized(pixels).float().div_(255).sub_(self.mean).div_(self.std)

    def image(self, stored: torch.Tensor) -> tuple[int, int, int]:
        """(channels, height, width) of the network's input, from stored images (N, C, H, W)."""
        channels, height, width = stored.shape[1:]
        return (channels, self.size, self.size) if self.size else (channels, height, width)

    def _resized(self, pixels: torch.Tensor) -> torch.Tensor:
        if self.size is None or pixels.shape[-2:] == (self.size, self.size):
            return pixels
        resized = F.interpolate(pixels.float(), (self.size, self.size), mode="bilinear", align_corners=False)
        return resized.round_().to(torch.uint8)

    def augment(self, pixels: torch.Tensor, draws: Draws) -> torch.Tensor:
        """uint8 (N, C, H, W) -> float32 of the same shape: resized, padded, cropped, mirrored and normalised."""
        pixels = self._resized(pixels)
        if self.padding and self.pad_after:
            pixels = crop(self.normalise(pixels), self.padding, draws.corner)
        elif self.padding:
            pixels = self.normalise(crop(pixels, self.padding, draws.corner))
        else:
            pixels = self.normalise(pixels)
        return torch.where(draws.flip[:, None, None, None], pixels.flip(3), pixels) if self.hflip else pixels


def crop(images: torch.Tensor, padding: int, corner: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) -> same shape: each image padded with zeros, then cropped at its own corner; `corner` is (N, 2)."""
    height, width = images.shape[2:]
    windows = F.pad(images, (padding,) * 4).unfold(2, height, 1).unfold(3, width, 1)  # (N, C, 2p+1, 2p+1, H, W), a view
    return windows[torch.arange(len(images), device=images.device), :, corner[:, 0], corner[:, 1]]


MeanStd = tuple[torch.Tensor, torch.Tensor]


def _per_pixel_mean(train: Images) -> MeanStd:
    """Subtract the mean image, without scaling: He et al. 2015, section 4.2."""
    return (train.sums.double() / len(train) / 255).float(), _constant(train, 1.0)


def _mean_std(train: Images) -> MeanStd:
    """Mean and standard deviation per channel over all training pixels; from integer sums, so equal on every device."""
    levels, counts = torch.arange(256), train.levels
    total = counts.sum(1).double()
    mean = (counts * levels).sum(1) / total
    variance = (counts * levels**2).sum(1) / total - mean.square()
    return (mean / 255).float()[:, None, None], (variance.sqrt() / 255).float()[:, None, None]


def _half(train: Images) -> MeanStd:
    """Scale pixels to -1..1."""
    return _constant(train, 0.5), _constant(train, 0.5)


def _none(train: Images) -> MeanStd:
    """Scale pixels to 0..1."""
    return _constant(train, 0.0), _constant(train, 1.0)


def _constant(train: Images, value: float) -> torch.Tensor:
    return torch.full((train.pixels.shape[1], 1, 1), value)


NORMALISERS = {"per-pixel-mean": _per_pixel_mean, "mean-std": _mean_std, "half": _half, "none": _none}
