"""MobileNetV2 of Sandler et al. 2018, arXiv:1801.04381, in the form for CIFAR-10 of kuangliu/pytorch-cifar.

That code keeps the image's size where the paper's Table 2 first halves it (the first convolution, the units of 24
channels) and has ReLU instead of ReLU6. Its units of stride 1 have a shortcut, a projection, where the width changes
too, and a first convolution where nothing is expanded too.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

FIRST, LAST = 32, 1280  # channels of the first and the last convolution
STAGES = (  # the paper's Table 2: expansion, channels, units, stride
    (1, 16, 1, 1),
    (6, 24, 2, 1),  # stride 2 in the paper
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobileNetV2(Network):
    """Units that expand the channels, convolve each alone (3x3), and project them without an activation."""

    name: Literal["mobilenet-v2"]
    init: Init = "torch-default"

    @property
    def kind(self) -> str:
        return "MobileNetV2"

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        """For images of any size."""
        from torch import nn

        from repro.models import layers
        from repro.models.units import Sum, bottleneck, conv_bn_relu, shortcut

        channels, _, classes, bn_batch = shape
        units = nn.Sequential()
        stem, in_channels = conv_bn_relu(channels, FIRST, 3, bn_batch), FIRST
        for expansion, width, count, stride in STAGES:
            for _ in range(count):
                expanded = expansion * in_channels
                unit = bottleneck(in_channels, expanded, width, stride, bn_batch, groups=expanded)
                units.append(Sum(unit, shortcut(in_channels, width, 1, bn_batch)) if stride == 1 else unit)
                in_channels, stride = width, 1
        return nn.Sequential(
            OrderedDict(
                stem=stem,
                units=units,
                head=conv_bn_relu(in_channels, LAST, 1, bn_batch),
                pool=layers.GlobalAveragePool(),
                linear=nn.Linear(LAST, classes),
            )
        )
