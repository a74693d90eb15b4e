"""Weight initialisation by the schemes that papers name, from an explicit CPU generator.

With fan_in the number of inputs to one unit (k*k*in for a convolution) and fan_out its counterpart (k*k*out):

    he-fan-in     normal, variance 2 / fan_in. He et al. 2015, arXiv:1502.01852, eq. 10, which the ResNet
                  papers cite.
    he-fan-out    as in the authors' public Torch code (fb.resnet.torch, models/resnet.lua; the same lines
                  are in KaimingHe/resnet-1k-layers): convolutions normal with variance 2 / fan_out (eq. 14 of
                  the same paper); the linear layer keeps Torch7's default, uniform in +-1 / sqrt(fan_in).
    glorot        uniform in +-sqrt(6 / (fan_in + fan_out)). Glorot & Bengio 2010, eq. 16, "normalized
                  initialization".
    normal-0.1    normal, variance 0.01. Simonyan & Zisserman 2014, arXiv:1409.1556, section 3.1.
    torch-default uniform in +-1 / sqrt(fan_in), biases too: what nn.Conv2d and nn.Linear draw when they are built.

In every other scheme biases are 0. Batch normalisation starts as plain normalisation (weight 1, bias 0).
"""

import math
from collections.abc import Callable

import torch
from torch import nn

from .layers import GhostBatchNorm2d, lookup

Weighted = nn.Conv2d | nn.Linear


def fans(layer: Weighted) -> tuple[int, int]:
    """(fan_in, fan_out) of a layer."""
    fan_in = layer.weight[0].numel()
    kernel_area = layer.weight[0][0].numel()  # 1 for a linear layer
    return fan_in, kernel_area * layer.weight.shape[0]


def _he_fan_in(layer: Weighted, generator: torch.Generator) -> None:
    fan_in, _ = fans(layer)
    nn.init.normal_(layer.weight, 0, math.sqrt(2 / fan_in), generator=generator)


def _he_fan_out(layer: Weighted, generator: torch.Generator) -> None:
    fan_in, fan_out = fans(layer)
    if isinstance(layer, nn.Linear):
        bound = 1 / math.sqrt(fan_in)
        nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    else:
        nn.init.normal_(layer.weight, 0, math.sqrt(2 / fan_out), generator=generator)


def _glorot(layer: Weighted, generator: torch.Generator) -> None:
    bound = math.sqrt(6 / sum(fans(layer)))
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)


def _normal(layer: Weighted, generator: torch.Generator) -> None:
    nn.init.normal_(layer.weight, 0, 0.1, generator=generator)


def _torch_default(layer: Weighted, generator: torch.Generator) -> None:
    """The formula and the order of the layers' own reset_parameters, which takes no generator."""
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    if layer.bias is not None:
        bound = 1 / math.sqrt(fans(layer)[0])
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


# Each draws the weights of one layer, whose biases are 0 before, and may draw those too.
SCHEMES: dict[str, Callable[[Weighted, torch.Generator], None]] = {
    "he-fan-in": _he_fan_in,
    "he-fan-out": _he_fan_out,
    "glorot": _glorot,
    "normal-0.1": _normal,
    "torch-default": _torch_default,
}


@torch.no_grad()
def initialise(model: nn.Module, scheme: str, generator: torch.Generator) -> None:
    """Overwrite every parameter of `model` (on the CPU), layer by layer in the order of registration.

    TypeError for a layer with parameters whose exact type is not handled here, so that no value drawn from torch's
    global generator can remain. ValueError for an unknown scheme.
    """
    draw = lookup(SCHEMES, "init", scheme)
    for name, module in model.named_modules():
        if type(module) in (nn.Conv2d, nn.Linear):
            if module.bias is not None:
                module.bias.zero_()
            draw(module, generator)
        elif type(module) in (nn.BatchNorm2d, GhostBatchNorm2d):
            module.reset_running_stats()
            module.weight.fill_(1)
            module.bias.zero_()
        elif any(True for _ in module.parameters(recurse=False)):
            raise TypeError(f"no initialisation is known for the parameters of {name!r}, a {type(module).__name__}")
