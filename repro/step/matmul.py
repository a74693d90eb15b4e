"""The plain step with the convolutions of VGG's last stages (many channels, few positions) as matrix products.

For the CPU, where torch's convolutions are slow on such small images: see docs/performance.md.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from repro.spec import Model
from repro.step.plain import PlainStep

MAX_POSITIONS = 16  # height x width up to which products are used; at 8x8 torch's convolutions are faster
LAST_STRIDE = 16  # pixels per position and side in VGG's last stage
MIN_WEIGHTS = 256 * 512  # input x output channels; with fewer, extracting patches costs more than the product saves


def refusal(model: Model, image: tuple[int, int, int]) -> str:
    """Why this step cannot be used for a spec's network on images (channels, height, width); "" if it can."""
    if "matrices" not in model.steps:
        return "it supports only VGGs of the paper's width"
    _, height, width = image
    if (height // LAST_STRIDE) * (width // LAST_STRIDE) > MAX_POSITIONS:
        return f"images of {height}x{width} have more than {MAX_POSITIONS} positions in the last stage"
    return ""


class MatrixStep(PlainStep):
    """`PlainStep` with convolutions of small images as matrix products; differs from it only by rounding."""

    def __init__(self, model: nn.Module, precision: str) -> None:
        super().__init__(model, precision)
        for module in model.modules():
            if isinstance(module, nn.Conv2d) and _applies(module):
                module._conv_forward = _use_products(module._conv_forward)  # type: ignore[method-assign]


def _applies(conv: nn.Conv2d) -> bool:
    k = conv.kernel_size[0]
    same_size = conv.padding == (k // 2, k // 2) and conv.kernel_size == (k, k) and k % 2 == 1
    return (
        same_size
        and (conv.stride, conv.dilation, conv.groups) == ((1, 1), (1, 1), 1)
        and conv.in_channels * conv.out_channels >= MIN_WEIGHTS
    )


def _use_products(torch_convolution: Any) -> Any:
    def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if x.shape[2] * x.shape[3] > MAX_POSITIONS:
            return torch_convolution(x, weight, bias)  # type: ignore[no-any-return]
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        return _Convolution.apply(x, weight, bias)  # type: ignore[no-any-return]

    return convolve


class _Convolution(torch.autograd.Function):
    """Images (N, C, H, W), weight (O, C, k, k), bias (O,) or None -> (N, O, H, W). All tensors are channels last."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows = _patches(x, weight.shape[2])
        ctx.save_for_backward(rows, weight)
        ctx.has_bias = bias is not None
        columns = weight.permute(2, 3, 1, 0).flatten(0, 2)  # (k*k*C, O)
        return _images(rows @ columns if bias is None else torch.addmm(bias, rows, columns), x.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        rows, weight = ctx.saved_tensors
        out, channels, k, _ = weight.shape
        gradient_rows = _patches(gradient, 1)
        weight_gradient = (gradient_rows.t() @ rows).view(out, k, k, channels).permute(0, 3, 1, 2)
        rotated = weight.flip(2, 3).permute(2, 3, 0, 1).flatten(0, 2)  # (k*k*O, C)
        x_gradient = _images(_patches(gradient, k) @ rotated, gradient.shape)
        return x_gradient, weight_gradient, gradient_rows.sum(0) if ctx.has_bias else None


def _patches(x: Tensor, k: int) -> Tensor:
    """(N, C, H, W) -> (N*H*W, k*k*C): the zero-padded k x k patch around each position."""
    _, _, height, width = x.shape
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, k // 2, k // 2, k // 2, k // 2))
    taps = [padded[:, i : i + height, j : j + width] for i in range(k) for j in range(k)]
    return torch.cat(taps, 3).flatten(0, 2)


def _images(rows: Tensor, shape: torch.Size) -> Tensor:
    """(N*H*W, C) -> (N, C, H, W), channels last; N, H and W from `shape`."""
    return rows.view(shape[0], shape[2], shape[3], -1).permute(0, 3, 1, 2)
