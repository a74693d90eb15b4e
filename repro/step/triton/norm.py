"""Batch norm in training with the additions and ReLUs beside it, as one autograd function on images channels last."""

from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor, nn

from repro.models.layers import GhostBatchNorm2d
from repro.step.triton import norm_kernels as kernels

TILE = 4096  # values that a program computes at a time
WARPS = 8  # per program
PARTIAL = 2048  # sums that a program adds up: programs per group x channels
PROGRAMS = 256  # at most, for the second pass of each direction; two for each processor of a large GPU
MAX_CHANNELS = 256


@dataclass(frozen=True)
class Fusion:
    """What is computed with a norm: add_before? norm, relu_first? add_after? relu_last?

    `keep`: what is returned beside the result, for a shortcut that starts here: "sum", what the norm was applied to,
    "result", or "" for nothing.
    """

    norm: nn.BatchNorm2d
    add_before: bool = False
    relu_first: bool = False
    add_after: bool = False
    relu_last: bool = False
    keep: str = ""

    def __call__(self, x: Tensor, shortcut: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The result, and what is kept. x and shortcut: (N, C, H, W), bfloat16 or float32.

        Updates the running statistics, but not `num_batches_tracked`.
        """
        return Norm.apply(x, shortcut, self.norm.weight, self.norm.bias, self)  # type: ignore[no-any-return]

    def groups(self, images: int) -> int:
        """The number of groups of images that are normalised by themselves."""
        size = self.norm.group if isinstance(self.norm, GhostBatchNorm2d) else images
        if images % size:
            raise ValueError(f"a batch of {images} images cannot be normalised in groups of {size}")
        return images // size


class Norm(torch.autograd.Function):
    """Both outputs of a `Fusion` have gradients of their own, which the kernels add up: autograd would take a pass."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, shortcut: Tensor | None, weight: Tensor, bias: Tensor, fusion: Fusion
    ) -> tuple[Tensor, Tensor | None]:
        ctx.set_materialize_grads(False)
        norm, x = fusion.norm, _channels_last(x)
        before, after = (
            _channels_last(shortcut) if adds and shortcut is not None else None
            for adds in (fusion.add_before, fusion.add_after)
        )
        groups, rows, sizes = _sizes(fusion, x)
        partial = x.new_empty(groups, 2, sizes["PARTS"], x.shape[1], dtype=torch.float32)
        moments = x.new_empty(groups, 2, x.shape[1], dtype=torch.float32)
        added = torch.empty_like(x) if fusion.add_before else x
        kernels.statistics[sizes["PARTS"], groups](
            *(x, before, added, partial, rows), ADD=fusion.add_before, num_warps=WARPS, **sizes
        )
        y = torch.empty_like(x)
        kernels.normalise[_programs(rows, groups, sizes), groups](
            *(added, after, y, partial, moments, weight, bias, norm.running_mean, norm.running_var),
            *(rows, norm.momentum, norm.eps),
            GROUPS=groups,
            ADD=fusion.add_after,
            RELU_FIRST=fusion.relu_first,
            RELU_LAST=fusion.relu_last,
            num_warps=WARPS,
            **sizes,
        )
        ctx.fusion = fusion
        ctx.save_for_backward(added, y if fusion.add_after and fusion.relu_last else None, moments, weight, bias)
        return y, {"": None, "sum": added, "result": y.view_as(y)}[fusion.keep]

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, kept: Tensor | None) -> tuple[Tensor | None, ...]:
        fusion, (x, y, moments, weight, bias) = ctx.fusion, ctx.saved_tensors
        assert dy is not None
        dy = _channels_last(dy)
        kept = None if kept is None else _channels_last(kept)
        dy2, more = (kept, None) if fusion.keep == "result" else (None, kept)
        groups, rows, sizes = _sizes(fusion, x)
        partial = x.new_empty(groups, 2, sizes["PARTS"], x.shape[1], dtype=torch.float32)
        by_x = fusion.relu_first or (fusion.relu_last and not fusion.add_after)
        summed = dy if dy2 is None and y is None else torch.empty_like(dy)
        kernels.gradient_sums[sizes["PARTS"], groups](
            *(dy, dy2, y, x, summed, partial, moments, weight, bias, rows),
            TWO=dy2 is not None,
            MASK_BY_Y=y is not None,
            MASK_BY_X=by_x,
            num_warps=WARPS,
            **sizes,
        )
        dx, dweight, dbias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
        kernels.input_gradient[_programs(rows, groups, sizes), groups](
            *(summed, more, x, dx, partial, moments, weight, bias, dweight, dbias, rows),
            GROUPS=groups,
            MORE=more is not None,
            MASK_BY_X=by_x,
            num_warps=WARPS,
            **sizes,
        )
        by_shortcut = dx if fusion.add_before else summed if fusion.add_after else None
        return dx, by_shortcut, dweight, dbias, None


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _sizes(fusion: Fusion, x: Tensor) -> tuple[int, int, dict[str, int]]:
    """Groups, rows per group, and the sizes that the kernels are compiled for."""
    images, channels, height, width = x.shape
    assert channels <= MAX_CHANNELS
    groups = fusion.groups(images)
    rows = images // groups * height * width
    block_c = triton.next_power_of_2(channels)
    block_r = TILE // block_c
    parts = min(PARTIAL // block_c, triton.next_power_of_2(triton.cdiv(rows, block_r)))
    return groups, rows, {"C": channels, "BLOCK_C": block_c, "BLOCK_R": block_r, "PARTS": parts}


def _programs(rows: int, groups: int, sizes: dict[str, int]) -> int:
    """Per group, for the second pass."""
    return min(-(-rows // sizes["BLOCK_R"]), max(1, PROGRAMS // groups))
