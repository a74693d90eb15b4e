"""Networks by the name the papers use: `build("resnet-cifar", depth=20)`. One file a family.

Losses and training stay out.
"""

from collections.abc import Callable
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from repro import streams
from repro.models.resnet_cifar import resnet_cifar
from repro.models.vgg import vgg
from repro.spec import Model

__all__ = ["FAMILIES", "build", "parameters"]


def _resnet_cifar(size: int, masks: torch.Generator, **args: Any) -> nn.Module:
    return resnet_cifar(**args)  # any image size, no dropout


def _vgg(size: int, masks: torch.Generator, **args: Any) -> nn.Module:
    return vgg(size=size, dropout_generator=masks, **args)


FAMILIES: dict[str, Callable[..., nn.Module]] = {"resnet-cifar": _resnet_cifar, "vgg": _vgg}


def build(
    name: str,
    *,
    channels: int = 3,
    size: int = 32,
    classes: int = 10,
    bn_batch: int | None = None,
    seed: int = 0,
    masks: torch.Generator | None = None,
    **args: Any,
) -> nn.Module:
    """The network `name` with the arguments its spec takes (repro.spec.recipe), on the CPU, weights drawn from `seed`.

    Maps float32 (N, channels, size, size) to logits (N, classes). `masks`: the generator of its dropout, on the device
    that will train it (default: a CPU stream of the seed). ValueError names an argument that is not allowed.
    """
    settings = TypeAdapter[Any](Model).validate_python({"name": name, **args})
    return FAMILIES[name](
        size=size,
        masks=masks or streams.generator(seed, "dropout"),
        channels=channels,
        classes=classes,
        bn_batch=bn_batch,
        generator=streams.generator(seed, "init"),
        **settings.model_dump(exclude={"name"}),
    )


def parameters(model: nn.Module) -> int:
    """The number of trained values; batch norm's running statistics are none."""
    return sum(parameter.numel() for parameter in model.parameters())
