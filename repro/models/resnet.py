"""The ResNets for ImageNet of He et al. 2015, arXiv:1512.03385, Table 1, for small images too.

Four stages of units with width, 2*width, 4*width and 8*width channels (bottlenecks end with four times as many), each
but the first at half the size of the one before; global average pooling; one linear layer. In bottlenecks the 3x3
convolution has the stride, as in torchvision ("v1.5"); the paper has it in the first 1x1 one. Modules are registered in
the order in which they act, so weights of other implementations, torchvision's among them, load by position.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from repro.fields import Positive
from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

UNITS: dict[int, tuple[int, int, int, int]] = {  # depth -> units in each stage
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
BOTTLENECKS_FROM = 50  # layers
EXPANSION = 4  # of a bottleneck's channels


class ResNet(Network):
    """He et al. 2015, Table 1, with 1x1 convolutions as shortcuts where the shape changes (option B).

    depth: up to 34 layers of basic units, from 50 of bottlenecks.
    preact: the units of He et al. 2016, arXiv:1603.05027: batch norm and ReLU before each convolution. As in
        kuangliu/pytorch-cifar, the first convolution has no activation of its own, the projections have no batch norm,
        and nothing is normalised between the last addition and the pooling, where the paper has batch norm and ReLU.
    stem: "cifar", a 3x3 convolution, as public code for 32x32 images has it; or "imagenet", the paper's 7x7 convolution
        of stride 2 followed by 3x3 max-pooling of stride 2.
    width: channels of the first stage, 64 in the paper.
    """

    name: Literal["resnet"]
    depth: Literal[18, 34, 50, 101, 152]
    preact: bool = False
    stem: Literal["cifar", "imagenet"] = "cifar"
    width: Positive = 64
    init: Init = "torch-default"

    @model_validator(mode="after")
    def _preact_is_for_small_images(self) -> "ResNet":
        if self.preact and self.stem != "cifar":
            raise ValueError('preact = true goes with stem = "cifar" only')
        return self

    @property
    def layers(self) -> int:
        return self.depth

    @property
    def torchvision_name(self) -> str:
        return f"resnet{self.depth}" if self.stem == "imagenet" and self.width == 64 else ""

    @property
    def kind(self) -> str:
        return "pre-activation ResNet" if self.preact else "ResNet"

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        """For images of any size."""
        from torch import nn

        from repro.models import layers

        channels, _, classes, bn_batch = shape
        expansion = EXPANSION if self.depth >= BOTTLENECKS_FROM else 1
        net: OrderedDict[str, nn.Module] = OrderedDict()
        net["stem"] = self._stem(channels, bn_batch)
        in_channels = self.width
        for stage, count in enumerate(UNITS[self.depth]):
            width, stride = self.width * 2**stage, 1 if stage == 0 else 2
            net[f"stage{stage + 1}"] = units = nn.Sequential()
            for _ in range(count):
                units.append(self._unit(in_channels, width, stride, bn_batch))
                in_channels, stride = width * expansion, 1
        net["pool"] = layers.GlobalAveragePool()
        net["linear"] = nn.Linear(in_channels, classes)
        return nn.Sequential(net)

    def _stem(self, channels: int, bn_batch: int | None) -> "nn.Module":
        from torch import nn

        from repro.models.units import conv_bn_relu, convolution

        if self.preact:
            return convolution(channels, self.width, 3)
        if self.stem == "cifar":
            return conv_bn_relu(channels, self.width, 3, bn_batch)
        stem = conv_bn_relu(channels, self.width, 7, bn_batch, stride=2)
        return stem.append(nn.MaxPool2d(3, stride=2, padding=1))

    def _unit(self, in_channels: int, width: int, stride: int, bn_batch: int | None) -> "nn.Module":
        from torch import nn

        from repro.models.units import PreActivation, Sum, basic, bn_relu_conv, bottleneck, convolution, shortcut

        deep = self.depth >= BOTTLENECKS_FROM
        channels = EXPANSION * width if deep else width
        if self.preact and deep:
            branch = nn.Sequential(
                convolution(in_channels, width, 1),
                bn_relu_conv(width, width, 3, bn_batch, stride=stride),
                bn_relu_conv(width, channels, 1, bn_batch),
            )
        elif self.preact:
            first = convolution(in_channels, width, 3, stride)
            branch = nn.Sequential(first, bn_relu_conv(width, width, 3, bn_batch))
        elif deep:
            branch = bottleneck(in_channels, width, channels, stride, bn_batch)
        else:
            branch = basic(in_channels, width, stride, bn_batch)
        if self.preact:
            return PreActivation(branch, in_channels, channels, stride, bn_batch)
        return nn.Sequential(Sum(branch, shortcut(in_channels, channels, stride, bn_batch)), nn.ReLU())
