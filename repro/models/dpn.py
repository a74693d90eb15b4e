"""Dual path networks of Chen et al. 2017, arXiv:1707.01629, in the form for CIFAR-10 of kuangliu/pytorch-cifar.

That code has a 3x3 first convolution of 64 channels, no pooling after it, and batch norm and ReLU after each
convolution instead of before it.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

UNITS: dict[int, tuple[int, int, int, int]] = {26: (2, 2, 2, 2), 92: (3, 4, 20, 3)}  # depth -> units in each stage
STEM_WIDTH = 64  # channels of the first convolution
GROUPS = 32  # of the 3x3 convolutions
WIDTHS = (96, 192, 384, 768)  # channels of the 3x3 convolutions, by stage
RESIDUAL = (256, 512, 1024, 2048)  # channels of the residual path, by stage
GROWTH = (16, 32, 24, 128)  # channels that each unit adds to the dense path, by stage


class Dpn(Network):
    """Four stages of units that add to some channels, as a ResNet, and append others, as a DenseNet.

    depth: 92 in the paper; 26 is that code's small one.
    """

    name: Literal["dpn"]
    depth: Literal[26, 92]
    init: Init = "torch-default"

    @property
    def layers(self) -> int:
        return self.depth

    @property
    def kind(self) -> str:
        return "DPN"

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        """For images of any size."""
        from torch import nn

        from repro.models import layers
        from repro.models.units import DualPath, bottleneck, conv_bn, conv_bn_relu

        channels, _, classes, bn_batch = shape
        net: OrderedDict[str, nn.Module] = OrderedDict()
        net["stem"] = conv_bn_relu(channels, STEM_WIDTH, 3, bn_batch)
        in_channels = STEM_WIDTH
        for stage, (count, width, residual, growth) in enumerate(
            zip(UNITS[self.depth], WIDTHS, RESIDUAL, GROWTH, strict=True), 1
        ):
            stride = 1 if stage == 1 else 2
            new = residual + growth
            net[f"stage{stage}"] = units = nn.Sequential()
            for unit in range(count):
                branch = bottleneck(in_channels, width, new, stride, bn_batch, GROUPS)
                # a stage's first unit starts both paths anew
                skip = nn.Identity() if unit else conv_bn(in_channels, new, 1, bn_batch, stride=stride)
                units.extend([DualPath(branch, skip, residual), nn.ReLU()])
                in_channels, stride = residual + (unit + 2) * growth, 1
        net["pool"] = layers.GlobalAveragePool()
        net["linear"] = nn.Linear(in_channels, classes)
        return nn.Sequential(net)
