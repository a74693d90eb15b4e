"""VGG as public code for CIFAR-10 has it (kuangliu/pytorch-cifar, models/vgg.py): batch norm and one linear layer.

The convolutions are those of Simonyan & Zisserman 2014, Table 1 (see repro.models.vgg), and keep their biases although
batch normalisation follows each.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from repro.fields import Positive
from repro.models.family import Init, Network, Shape
from repro.models.vgg import CONFIGS, SHRINK, WIDTHS

if TYPE_CHECKING:
    import torch
    from torch import nn


class VggCifar(Network):
    """Five stages of 3x3 convolutions, the mean over the positions left (one at 32x32 pixels), and one linear layer.

    config: a column of Table 1; public code names it by its layers there, 11, 13, 16 and 19, of which two are left out.
    width_divisor: divides all channels.
    """

    name: Literal["vgg-cifar"]
    config: Literal["A", "B", "D", "E"]
    width_divisor: Positive = 1
    init: Init = "torch-default"

    @field_validator("width_divisor")
    @classmethod
    def _divides(cls, divisor: int) -> int:
        if WIDTHS[0] % divisor:
            raise ValueError(f"it must divide {WIDTHS[0]}")
        return divisor

    @property
    def layers(self) -> int:
        return sum(map(len, CONFIGS[self.config])) + 1

    @property
    def kind(self) -> str:
        return "VGG with one linear layer"

    def misfit(self, size: int | None, bn_batch: int | None) -> str:
        if size and size % SHRINK:
            return f"image_size = {size}: the five poolings of a VGG need a multiple of {SHRINK} pixels"
        return ""

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        from torch import nn

        from repro.models import layers

        channels, _, classes, bn_batch = shape
        features = nn.Sequential()
        for stage, full_width in zip(CONFIGS[self.config], WIDTHS, strict=True):
            width = full_width // self.width_divisor
            for _ in stage:
                convolution = nn.Conv2d(channels, width, kernel_size=3, padding=1)
                features.extend([convolution, layers.batch_norm(width, bn_batch), nn.ReLU()])
                channels = width
            features.append(nn.MaxPool2d(2))
        linear = nn.Linear(channels, classes)
        return nn.Sequential(OrderedDict(features=features, pool=layers.GlobalAveragePool(), linear=linear))
