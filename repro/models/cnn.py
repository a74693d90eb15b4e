"""Small convolutional networks as in introductory courses: convolutions with max-pooling, one hidden layer."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from repro.fields import Positive, array
from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

KERNELS_WIDTHS = (16, 32, 64)  # channels that the kernels (repro.step.kernels.ops) convolve


class Cnn(Network):
    """3x3 convolutions, each with ReLU and 2x2 max-pooling; then a hidden layer with ReLU, and the classifier.

    widths: channels of each convolution. hidden: units of the hidden layer. dropout: rate before the hidden layer and
    after its ReLU.
    """

    name: Literal["cnn"]
    widths: Annotated[array(Positive), Field(min_length=1)]  # type: ignore[valid-type]
    hidden: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    init: Init = "torch-default"

    @property
    def layers(self) -> int:
        return len(self.widths) + 2

    @property
    def kind(self) -> str:
        return "small convolutional net"

    @property
    def steps(self) -> tuple[str, ...]:
        return ("sequential",) if set(self.widths) <= set(KERNELS_WIDTHS) else ()

    def misfit(self, size: int | None, bn_batch: int | None) -> str:
        shrink = 2 ** len(self.widths)
        if size and size % shrink:
            return f"image_size = {size}: {len(self.widths)} poolings need a multiple of {shrink} pixels"
        if bn_batch:
            return f"bn_batch = {bn_batch}: a cnn has no batch norm"
        return ""

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        from torch import nn

        from repro.models import layers

        channels, size, classes, _ = shape
        net: OrderedDict[str, nn.Module] = OrderedDict()
        for number, width in enumerate(self.widths, start=1):
            net[f"conv{number}"] = nn.Conv2d(channels, width, 3, padding=1)
            net[f"relu{number}"] = nn.ReLU()
            net[f"pool{number}"] = nn.MaxPool2d(2)
            channels = width
        net["flatten"] = nn.Flatten()
        net["dropout1"] = layers.Dropout(self.dropout, masks)
        net["hidden"] = nn.Linear(channels * (size >> len(self.widths)) ** 2, self.hidden)
        net["relu"] = nn.ReLU()
        net["dropout2"] = layers.Dropout(self.dropout, masks)
        net["linear"] = nn.Linear(self.hidden, classes)
        return nn.Sequential(net)
