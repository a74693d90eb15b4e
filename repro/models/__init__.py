"""Networks by name: `build("resnet-cifar", depth=20)`. One file per family; `FAMILIES` lists them.

Imports torch only to build a network. Does not contain losses or training.
"""

from typing import TYPE_CHECKING, Any

from repro.models.cnn import Cnn
from repro.models.densenet_cifar import DenseNetCifar
from repro.models.dpn import Dpn
from repro.models.family import Network
from repro.models.lenet import LeNet
from repro.models.mlp import Mlp
from repro.models.mobilenet_v2 import MobileNetV2
from repro.models.regnet import RegNet
from repro.models.resnet import ResNet
from repro.models.resnet_cifar import ResNetCifar
from repro.models.resnext_cifar import ResNextCifar
from repro.models.vgg import Vgg
from repro.models.vgg_cifar import VggCifar

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["FAMILIES", "Network", "build", "parameters"]

FAMILIES: dict[str, type[Network]] = {
    "resnet-cifar": ResNetCifar,
    "vgg": Vgg,
    "mlp": Mlp,
    "cnn": Cnn,
    "lenet": LeNet,
    "resnet": ResNet,
    "vgg-cifar": VggCifar,
    "resnext-cifar": ResNextCifar,
    "regnet": RegNet,
    "mobilenet-v2": MobileNetV2,
    "densenet-cifar": DenseNetCifar,
    "dpn": Dpn,
}


def build(
    name: str,
    *,
    channels: int = 3,
    size: int = 32,
    classes: int = 10,
    bn_batch: int | None = None,
    seed: int = 0,
    masks: "torch.Generator | None" = None,
    **settings: Any,
) -> "nn.Module":
    """The network `name` with `settings` as in a spec's `model` table, on the CPU, its weights drawn from `seed`.

    Maps float32 (N, channels, size, size) to logits (N, classes). `masks`: the generator of its dropout masks, on the
    device that will train it (default: a CPU stream of the seed). ValueError for a disallowed setting or shape.
    """
    from repro import random_streams

    if name not in FAMILIES:
        raise ValueError(f"network {name!r} is unknown; allowed: {', '.join(FAMILIES)}")
    network = FAMILIES[name].model_validate({"name": name, **settings})
    if misfit := network.misfit(size, bn_batch):
        raise ValueError(misfit)
    return network.build(
        channels=channels,
        size=size,
        classes=classes,
        bn_batch=bn_batch,
        generator=random_streams.generator(seed, "init"),
        masks=masks or random_streams.generator(seed, "dropout"),
    )


def parameters(model: "nn.Module") -> int:
    """The number of trained values, which excludes batch norm's running statistics."""
    return sum(parameter.numel() for parameter in model.parameters())
