"""Fully connected networks: hidden layers with ReLU and dropout, then the classifier."""

from collections import OrderedDict
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from repro.fields import Positive, array
from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn


class Mlp(Network):
    """A multilayer perceptron on the image's pixels in a row.

    hidden: units of each hidden layer. dropout: rate after the ReLU of each.
    """

    name: Literal["mlp"]
    hidden: Annotated[array(Positive), Field(min_length=1)]  # type: ignore[valid-type]
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    init: Init = "torch-default"

    @property
    def layers(self) -> int:
        return len(self.hidden) + 1

    @property
    def kind(self) -> str:
        return "multilayer perceptron"

    @property
    def steps(self) -> tuple[str, ...]:
        return ("sequential",)

    def misfit(self, size: int | None, bn_batch: int | None) -> str:
        return f"bn_batch = {bn_batch}: an mlp has no batch norm" if bn_batch else ""

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        from torch import nn

        from repro.models import layers

        channels, size, classes, _ = shape
        units = [channels * size * size, *self.hidden]
        net: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        for number, (inputs, outputs) in enumerate(pairwise(units), start=1):
            net[f"linear{number}"] = nn.Linear(inputs, outputs)
            net[f"relu{number}"] = nn.ReLU()
            net[f"dropout{number}"] = layers.Dropout(self.dropout, masks)
        net["linear"] = nn.Linear(units[-1], classes)
        return nn.Sequential(net)
