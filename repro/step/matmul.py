"""The plain step with the convolutions of VGG's last stages, many channels and few positions, as matrix products.

For the CPU, whose own convolutions are made for larger images: see docs/performance.md.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from repro.spec import Model
from repro.step.plain import PlainStep

POSITIONS = 16  # of an image, at most; of 8x8 torch's convolutions are the faster
LAST = 16  # pixels a side that become one position in VGG's last stage
PAIRS = 256 * 512  # of channels, at least; with fewer, laying out the patches costs what the product wins


def refusal(model: Model, image: tuple[int, int, int]) -> str:
    """Why nothing of a network (a spec's) would be computed so on images (channels, height, width); "" where it is."""
    if "matrices" not in model.steps:
        return "it is made for VGGs of the paper's width"
    _, height, width = image
    if (height // LAST) * (width // LAST) > POSITIONS:
        return f"images of {height}x{width} have more than {POSITIONS} positions in the last stage"
    return ""


class MatrixStep(PlainStep):
    """`PlainStep`, but for how small images are convolved. Equal to it but for rounding."""

    def __init__(self, model: nn.Module, precision: str) -> None:
        super().__init__(model, precision)
        for module in model.modules():
            if isinstance(module, nn.Conv2d) and _applies(module):
                module._conv_forward = _convolve_with(module._conv_forward)  # type: ignore[method-assign]


def _applies(conv: nn.Conv2d) -> bool:
    k = conv.kernel_size[0]
    same_size = conv.padding == (k // 2, k // 2) and conv.kernel_size == (k, k) and k % 2 == 1
    return (
        same_size
        and (conv.stride, conv.dilation, conv.groups) == ((1, 1), (1, 1), 1)
        and conv.in_channels * conv.out_channels >= PAIRS
    )


def _convolve_with(large: Any) -> Any:
    def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if x.shape[2] * x.shape[3] > POSITIONS:
            return large(x, weight, bias)  # type: ignore[no-any-return]
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        return _Convolution.apply(x, weight, bias)  # type: ignore[no-any-return]

    return convolve


class _Convolution(torch.autograd.Function):
    """Of images (N, C, H, W) with a weight (O, C, k, k) and a bias (O,) or None: (N, O, H, W), all channels last."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows = _patches(x, weight.shape[2])
        ctx.save_for_backward(rows, weight)
        ctx.biased = bias is not None
        columns = weight.permute(2, 3, 1, 0).flatten(0, 2)  # (k*k*C, O)
        return _images(rows @ columns if bias is None else torch.addmm(bias, rows, columns), x.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        rows, weight = ctx.saved_tensors
        out, channels, k, _ = weight.shape
        own = _patches(gradient, 1)
        by_weight = (own.t() @ rows).view(out, k, k, channels).permute(0, 3, 1, 2)
        turned = weight.flip(2, 3).permute(2, 3, 0, 1).flatten(0, 2)  # (k*k*O, C)
        by_x = _images(_patches(gradient, k) @ turned, gradient.shape)
        return by_x, by_weight, own.sum(0) if ctx.biased else None


def _patches(x: Tensor, k: int) -> Tensor:
    """(N, C, H, W) -> (N*H*W, k*k*C): what lies under a kernel of k x k at each position, zeros beyond the border."""
    _, _, height, width = x.shape
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, k // 2, k // 2, k // 2, k // 2))
    taps = [padded[:, i : i + height, j : j + width] for i in range(k) for j in range(k)]
    return torch.cat(taps, 3).flatten(0, 2)


def _images(rows: Tensor, shape: torch.Size) -> Tensor:
    """(N*H*W, C) -> (N, C, H, W), channels last; N, H and W are those of `shape`."""
    return rows.view(shape[0], shape[2], shape[3], -1).permute(0, 3, 1, 2)
