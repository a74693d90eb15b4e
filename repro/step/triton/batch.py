"""A batch's images, its loss and its meters, each by one Triton kernel in place of torch's seven to twelve."""

import torch
import triton
from torch import Tensor

from repro.data.batches import Draws, Transform
from repro.step.plain import Meters
from repro.step.triton import batch_kernels as kernels

POSITIONS = 256  # of an image, per program
IMAGES = 64  # of the loss, at a time


class Augmentation:
    """`transform.augment(train[draws.index], draws)` of uint8 images (M, C, H, W) that are not resized: same bits.

    The 256 levels are divided by torch, which rounds differently on different devices; the kernel looks them up.
    """

    def __init__(self, transform: Transform, train: Tensor) -> None:
        self.transform, self.train = transform, train
        self.levels = torch.arange(256, device=train.device).float().div_(255)
        self.mean = transform.mean.expand(train.shape[1:]).contiguous()
        self.std = transform.std.expand(train.shape[1], 1, 1).contiguous()

    def __call__(self, draws: Draws) -> Tensor:
        channels, height, width = self.train.shape[1:]
        shape, transform = (len(draws), channels, height, width), self.transform
        images = torch.empty(shape, device=self.train.device, memory_format=torch.channels_last)
        kernels.augment[len(draws), triton.cdiv(height * width, POSITIONS)](
            *(self.train, draws.index, draws.corner, draws.flip, self.levels, self.mean, self.std, images),
            CHANNELS=channels,
            HEIGHT=height,
            WIDTH=width,
            PADDING=transform.padding,
            PAD_AFTER=transform.pad_after,
            FLIP=transform.hflip,
            BLOCK=POSITIONS,
        )
        return images


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean loss (nats), and its gradient by the logits (N, classes), in their type. labels: int64 (N,)."""
    loss = torch.empty((), device=logits.device)
    gradient = torch.empty_like(logits)
    kernels.cross_entropy[1,](logits.contiguous(), labels, loss, gradient, len(labels), **_sizes(logits))
    return loss, gradient


class TritonMeters(Meters):
    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        sums = (self.loss_sum, self.worst_loss, self.hits)
        kernels.add_to_meters[1,](loss, logits.contiguous(), labels, *sums, len(labels), **_sizes(logits))


def _sizes(logits: Tensor) -> dict[str, int]:
    classes = logits.shape[1]
    return {"CLASSES": classes, "BLOCK_N": IMAGES, "BLOCK_C": triton.next_power_of_2(classes)}
