"""The DenseNets for ImageNet of Huang et al. 2016, arXiv:1608.06993, Table 1, in a form for small images.

The first convolution is 3x3, as in kuangliu/pytorch-cifar (models/densenet.py). Units are bottlenecks, transitions
halve the channels (DenseNet-BC). A unit's new channels precede those it was given, as in that code, so its weights load
by position; torchvision's order is the other way round.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

from repro.fields import Positive
from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

UNITS: dict[int, tuple[int, int, int, int]] = {  # depth -> units in each dense block
    121: (6, 12, 24, 16),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
}
BOTTLENECK = 4  # channels of a unit's first convolution, by its growth
SMALLEST = 8  # pixels per side, which the three poolings halve


class DenseNetCifar(Network):
    """Four dense blocks with transitions between them.

    growth: channels that each unit adds, 32 in the paper.
    """

    name: Literal["densenet-cifar"]
    depth: Literal[121, 169, 201]
    growth: Positive = 32
    init: Init = "torch-default"

    @property
    def layers(self) -> int:
        return self.depth

    @property
    def kind(self) -> str:
        return "DenseNet"

    def misfit(self, size: int | None, bn_batch: int | None) -> str:
        if size and size < SMALLEST:
            return f"image_size = {size}: the three poolings of a DenseNet need {SMALLEST} pixels or more"
        return ""

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        from torch import nn

        from repro.models import layers
        from repro.models.units import Dense, bn_relu_conv, convolution

        channels, _, classes, bn_batch = shape
        net: OrderedDict[str, nn.Module] = OrderedDict()
        width = 2 * self.growth
        net["stem"] = convolution(channels, width, 3)
        for stage, count in enumerate(UNITS[self.depth], 1):
            if stage > 1:
                transition = bn_relu_conv(width, width // 2, 1, bn_batch)
                net[f"transition{stage - 1}"] = transition.append(nn.AvgPool2d(2))
                width //= 2
            net[f"block{stage}"] = units = nn.Sequential()
            for _ in range(count):
                narrow = BOTTLENECK * self.growth
                branch = nn.Sequential(
                    bn_relu_conv(width, narrow, 1, bn_batch), bn_relu_conv(narrow, self.growth, 3, bn_batch)
                )
                units.append(Dense(branch))
                width += self.growth
        net["bn"] = layers.batch_norm(width, bn_batch)
        net["relu"] = nn.ReLU()
        net["pool"] = layers.GlobalAveragePool()
        net["linear"] = nn.Linear(width, classes)
        return nn.Sequential(net)
