"""RegNets of Radosavovic et al. 2020, arXiv:2003.13678, in the form for CIFAR-10 of kuangliu/pytorch-cifar.

Its first convolution has 64 channels, and it and the second stage keep the size of the image. Its RegNetX-200MF has the
paper's depths and widths; its RegNetY-400MF is the paper's RegNetX-400MF with squeeze-and-excitation, where the paper's
own has 1, 3, 6 and 6 units of 48, 104, 208 and 440 channels.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal, NamedTuple

from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

STEM_WIDTH = 64  # channels of the first convolution
STRIDES = (1, 1, 2, 2)  # of the four stages
SQUEEZE = 0.25  # of a unit's input channels, in RegNetY


class Design(NamedTuple):
    units: tuple[int, int, int, int]  # per stage
    widths: tuple[int, int, int, int]
    group_width: int  # channels per group of the 3x3 convolutions
    squeeze: bool  # whether units have squeeze-and-excitation, as in RegNetY


DESIGNS = {
    "x-200mf": Design((1, 1, 4, 7), (24, 56, 152, 368), 8, squeeze=False),
    "y-400mf": Design((1, 2, 7, 12), (32, 64, 160, 384), 16, squeeze=True),
}


class RegNet(Network):
    """Four stages of residual units of 1x1, grouped 3x3 and 1x1 convolutions, all of a stage's width.

    design: a key of DESIGNS, the network's name without "RegNet".
    """

    name: Literal["regnet"]
    design: Literal["x-200mf", "y-400mf"]
    init: Init = "torch-default"

    @property
    def kind(self) -> str:
        return "RegNetY" if DESIGNS[self.design].squeeze else "RegNetX"

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        """For images of any size."""
        from torch import nn

        from repro.models import layers
        from repro.models.units import SqueezeExcitation, Sum, bottleneck, conv_bn_relu, shortcut

        channels, _, classes, bn_batch = shape
        design = DESIGNS[self.design]
        net: OrderedDict[str, nn.Module] = OrderedDict()
        net["stem"] = conv_bn_relu(channels, STEM_WIDTH, 3, bn_batch)
        in_channels = STEM_WIDTH
        for stage, (count, width, stride) in enumerate(zip(design.units, design.widths, STRIDES, strict=True), 1):
            net[f"stage{stage}"] = units = nn.Sequential()
            for _ in range(count):
                branch = bottleneck(in_channels, width, width, stride, bn_batch, width // design.group_width)
                if design.squeeze:
                    branch.insert(2, SqueezeExcitation(width, round(SQUEEZE * in_channels)))
                units.extend([Sum(branch, shortcut(in_channels, width, stride, bn_batch)), nn.ReLU()])
                in_channels, stride = width, 1
        net["pool"] = layers.GlobalAveragePool()
        net["linear"] = nn.Linear(in_channels, classes)
        return nn.Sequential(net)
