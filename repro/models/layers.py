"""Layers that torch lacks, or whose torch version does not meet two requirements.

Every random draw must take an explicit generator, and every backward pass must be deterministic on a GPU, which rules
out torch's own local response normalisation and adaptive pooling.
"""

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# The defaults of Torch7, in which the authors of the ResNets trained, and of PyTorch; the papers give no values.
BN_EPS = 1e-5
BN_MOMENTUM = 0.1

T = TypeVar("T")


def lookup(table: Mapping[str, T], argument: str, name: str) -> T:
    """`table[name]`, or a ValueError that says which argument was wrong and what is allowed."""
    if name not in table:
        raise ValueError(f"{argument} {name!r} is unknown; allowed: {', '.join(table)}")
    return table[name]


class Dropout(nn.Module):
    """In training, zeroes each value with probability `rate` and divides the others by 1 - rate.

    Draws masks from `generator`, which must be on the device of the tensors. The caller owns it and saves its state
    with the weights, so that a resumed run draws the same masks.
    """

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"dropout rate {rate!r} is not allowed; it must be at least 0 and less than 1")
        self.rate = rate
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        mask = torch.empty_like(x).bernoulli_(keep, generator=self.generator)
        return x * mask.div_(keep)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


class GhostBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over `group` consecutive images at a time, whatever the batch size.

    He et al. 2015 trained batches of 128 on two GPUs, each normalising its own 64 images (section 4.2); with group=64
    one device computes the same. In training each group is normalised by its own mean and variance, and the running
    statistics are updated once per batch, by the means over groups of the mean and the unbiased variance. In eval mode,
    and in its state_dict, this is nn.BatchNorm2d.

    ValueError when training on a batch whose size is not a multiple of `group`.
    """

    def __init__(self, channels: int, group: int, eps: float = BN_EPS, momentum: float = BN_MOMENTUM) -> None:
        super().__init__(channels, eps=eps, momentum=momentum)
        if group < 1:
            raise ValueError(f"batch norm group {group!r} is not allowed; it must be at least 1 image")
        self.group = group

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> same
        if not self.training or len(x) == self.group:
            return super().forward(x)
        if len(x) % self.group != 0:
            raise ValueError(
                f"a batch of {len(x)} images cannot be normalised in groups of {self.group}; "
                f"the batch size must be a multiple of {self.group}"
            )
        running_mean, running_var, seen = self.running_mean, self.running_var, self.num_batches_tracked
        assert running_mean is not None and running_var is not None and seen is not None
        assert self.momentum is not None

        outputs, means, variances = [], [], []
        for images in x.chunk(len(x) // self.group):
            # with momentum 1 the "running" statistics become those of this group
            mean, variance = torch.zeros_like(running_mean), torch.zeros_like(running_var)
            outputs.append(
                F.batch_norm(images, mean, variance, self.weight, self.bias, training=True, momentum=1.0, eps=self.eps)
            )
            means.append(mean)
            variances.append(variance)

        running_mean.mul_(1 - self.momentum).add_(torch.stack(means).mean(0) * self.momentum)
        running_var.mul_(1 - self.momentum).add_(torch.stack(variances).mean(0) * self.momentum)
        seen.add_(1)
        return torch.cat(outputs)

    def extra_repr(self) -> str:
        return f"{self.num_features}, group={self.group}, eps={self.eps}, momentum={self.momentum}"


def batch_norm(channels: int, group: int | None = None) -> nn.BatchNorm2d:
    """Batch normalisation over the whole batch, or over `group` images at a time."""
    if group is None:
        return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=BN_MOMENTUM)
    return GhostBatchNorm2d(channels, group)


class LocalResponseNorm(nn.Module):
    """Krizhevsky et al. 2012, section 3.3, with the constants that the VGG paper also uses.

    Divides each value by (k + alpha * S) ** beta, where S is the sum of squares at its position over the `size`
    channels around its own. torch.nn.LocalResponseNorm uses the mean instead of the sum, so its alpha would be
    5 * 1e-4, and its backward pass is not deterministic on CUDA.

    Always computed in float32: in bfloat16, adding any alpha * S below 0.008 to k = 2 has no effect.
    """

    size, k, alpha, beta = 5, 2.0, 1e-4, 0.75

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> same
        channels, reach, dtype = x.shape[1], self.size // 2, x.dtype
        x = x.float() if dtype == torch.bfloat16 else x
        squares = F.pad(x * x, (0, 0, 0, 0, reach, reach))
        total = torch.zeros_like(x)
        for offset in range(self.size):
            total = total + squares[:, offset : offset + channels]
        return (x / (self.k + self.alpha * total) ** self.beta).to(dtype)


class GlobalAveragePool(nn.Module):
    """The mean over all positions: (N, C, H, W) -> (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))
