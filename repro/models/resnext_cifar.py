"""The ResNeXts for CIFAR-10 of Xie et al. 2016, arXiv:1611.05431, as in kuangliu/pytorch-cifar (models/resnext.py).

That code departs from the paper's section 5.3: the first convolution is 1x1 instead of 3x3, and a unit ends with twice
the channels of its grouped convolution, whatever the cardinality, where the paper's ends with 256, 512 and 1024.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from repro.fields import Positive
from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

STEM_WIDTH = 64  # channels of the first convolution
EXPANSION = 2  # of a unit's channels


class ResNextCifar(Network):
    """Three stages of n bottlenecks whose 3x3 convolutions have groups: 9n + 2 layers.

    depth: 29 in the paper.
    cardinality: groups of the 3x3 convolutions.
    bottleneck_width: channels of each group in the first stage, doubled in each later one. The paper writes 32x4d for a
        cardinality of 32 and a width of 4.
    """

    name: Literal["resnext-cifar"]
    depth: Annotated[int, Field(ge=11, le=1001)] = 29
    cardinality: Positive
    bottleneck_width: Positive
    init: Init = "torch-default"

    @field_validator("depth")
    @classmethod
    def _nine_n_plus_two(cls, depth: int) -> int:
        if (depth - 2) % 9:
            raise ValueError("a CIFAR ResNeXt has 9n+2 layers: 11, 20, 29, 38, ...")
        return depth

    @property
    def layers(self) -> int:
        return self.depth

    @property
    def kind(self) -> str:
        return "ResNeXt"

    @property
    def line(self) -> str:
        return f"{self.kind}, {self.cardinality}x{self.bottleneck_width}d"

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        """For images of any size."""
        from torch import nn

        from repro.models import layers
        from repro.models.units import Sum, bottleneck, conv_bn_relu, shortcut

        channels, _, classes, bn_batch = shape
        net: OrderedDict[str, nn.Module] = OrderedDict()
        net["stem"] = conv_bn_relu(channels, STEM_WIDTH, 1, bn_batch)
        in_channels = STEM_WIDTH
        for stage in range(3):
            width, stride = self.cardinality * self.bottleneck_width * 2**stage, 1 if stage == 0 else 2
            out_channels = EXPANSION * width
            net[f"stage{stage + 1}"] = units = nn.Sequential()
            for _ in range((self.depth - 2) // 9):
                branch = bottleneck(in_channels, width, out_channels, stride, bn_batch, self.cardinality)
                units.extend([Sum(branch, shortcut(in_channels, out_channels, stride, bn_batch)), nn.ReLU()])
                in_channels, stride = out_channels, 1
        net["pool"] = layers.GlobalAveragePool()
        net["linear"] = nn.Linear(in_channels, classes)
        return nn.Sequential(net)
