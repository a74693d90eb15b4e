"""All of a network's weights in bfloat16 by one copy per update; torch's autocast makes one for each weight."""

from typing import Any

import torch
from torch import Tensor


class Casts(torch.autograd.Function):
    """float32 weights -> the same in bfloat16; their gradients are cast back in one copy too. Autocast's bits."""

    @staticmethod
    def forward(ctx: Any, *weights: Tensor) -> tuple[Tensor, ...]:
        return _cast(weights, torch.bfloat16)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        return _cast(gradients, torch.float32)


def _cast(tensors: tuple[Tensor, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """One kernel on CUDA, because copies have the strides of what is copied."""
    copies = tuple(torch.empty_like(tensor, dtype=dtype) for tensor in tensors)
    torch._foreach_copy_(copies, tensors)
    return copies
