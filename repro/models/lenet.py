"""LeNet-5 with ReLU and max-pooling, as public code for CIFAR-10 has it (kuangliu/pytorch-cifar, models/lenet.py).

LeCun et al. 1998 (Gradient-based learning applied to document recognition, Figure 2) has sigmoids, trained poolings,
a sparsely connected second convolution and 32x32 grey images.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

SMALLEST = 16  # pixels per side, of which the two convolutions and poolings leave one position


class LeNet(Network):
    """Two 5x5 convolutions without padding, each with 2x2 max-pooling, and three fully connected layers."""

    name: Literal["lenet"]
    init: Init = "torch-default"

    @property
    def layers(self) -> int:
        return 5

    @property
    def kind(self) -> str:
        return "LeNet"

    def misfit(self, size: int | None, bn_batch: int | None) -> str:
        if size and size < SMALLEST:
            return f"image_size = {size}: a LeNet needs {SMALLEST} pixels or more"
        return f"bn_batch = {bn_batch}: a LeNet has no batch norm" if bn_batch else ""

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        from torch import nn

        channels, size, classes, _ = shape
        side = ((size - 4) // 2 - 4) // 2
        return nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(channels, 6, 5),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(6, 16, 5),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                linear1=nn.Linear(16 * side**2, 120),
                relu3=nn.ReLU(),
                linear2=nn.Linear(120, 84),
                relu4=nn.ReLU(),
                linear3=nn.Linear(84, classes),
            )
        )
