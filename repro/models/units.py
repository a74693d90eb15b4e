"""Convolutions with batch norm, and residual units with projections: what the networks from ResNet to DPN share.

Modules are registered in the order in which they act, a unit's branch before its shortcut, so other implementations'
weights load by position.
"""

import torch
from torch import Tensor, nn

from . import layers


def convolution(in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Keeps the size at stride 1. Without a bias, which the batch normalisation that follows would cancel."""
    return nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False)


def conv_bn(
    in_channels: int, channels: int, kernel: int, bn_batch: int | None, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        convolution(in_channels, channels, kernel, stride, groups), layers.batch_norm(channels, bn_batch)
    )


def conv_bn_relu(
    in_channels: int, channels: int, kernel: int, bn_batch: int | None, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return conv_bn(in_channels, channels, kernel, bn_batch, stride=stride, groups=groups).append(nn.ReLU())


def bn_relu_conv(
    in_channels: int, channels: int, kernel: int, bn_batch: int | None, *, stride: int = 1
) -> nn.Sequential:
    normalised = layers.batch_norm(in_channels, bn_batch)
    return nn.Sequential(normalised, nn.ReLU(), convolution(in_channels, channels, kernel, stride))


def basic(in_channels: int, channels: int, stride: int, bn_batch: int | None) -> nn.Sequential:
    """The branch of He et al. 2015, Figure 5 (left): two 3x3 convolutions, the first with the stride."""
    return nn.Sequential(
        conv_bn_relu(in_channels, channels, 3, bn_batch, stride=stride),
        conv_bn(channels, channels, 3, bn_batch),
    )


def bottleneck(
    in_channels: int, width: int, channels: int, stride: int, bn_batch: int | None, groups: int = 1
) -> nn.Sequential:
    """The branch of Figure 5 (right): 1x1, 3x3 and 1x1 convolutions. The 3x3 one has the stride and the groups."""
    return nn.Sequential(
        conv_bn_relu(in_channels, width, 1, bn_batch),
        conv_bn_relu(width, width, 3, bn_batch, stride=stride, groups=groups),
        conv_bn(width, channels, 1, bn_batch),
    )


def shortcut(in_channels: int, channels: int, stride: int, bn_batch: int | None) -> nn.Module:
    """The identity if that fits; otherwise a 1x1 convolution with batch norm (option B of He et al. 2015)."""
    if stride == 1 and in_channels == channels:
        return nn.Identity()
    return conv_bn(in_channels, channels, 1, bn_batch, stride=stride)


class Sum(nn.Module):
    """branch(x) + shortcut(x)."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.shortcut(x)  # type: ignore[no-any-return]


class PreActivation(nn.Module):
    """branch(a) + shortcut, where a = relu(bn(x)) and the shortcut is x, or a convolved where the shape changes.

    He et al. 2016, arXiv:1603.05027, section 4, with the projection of kuangliu/pytorch-cifar.
    """

    def __init__(self, branch: nn.Module, in_channels: int, channels: int, stride: int, bn_batch: int | None) -> None:
        super().__init__()
        self.activation = nn.Sequential(layers.batch_norm(in_channels, bn_batch), nn.ReLU())
        self.branch = branch
        same = stride == 1 and in_channels == channels
        self.projection = None if same else convolution(in_channels, channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        a = self.activation(x)
        return self.branch(a) + (x if self.projection is None else self.projection(a))  # type: ignore[no-any-return]


class Dense(nn.Module):
    """The channels of branch(x), then those of x."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch(x), x], 1)


class DualPath(nn.Module):
    """The first `residual` channels of branch and shortcut added; then the shortcut's other ones, then the branch's."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module, residual: int) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y, x = self.branch(x), self.shortcut(x)
        at = self.residual
        return torch.cat([x[:, :at] + y[:, :at], x[:, at:], y[:, at:]], 1)


class SqueezeExcitation(nn.Module):
    """Each channel times a factor in 0..1 that depends on all channels' means. Hu et al. 2017, arXiv:1709.01507."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3), keepdim=True)
        return x * self.excite(self.squeeze(means).relu()).sigmoid()  # type: ignore[no-any-return]
