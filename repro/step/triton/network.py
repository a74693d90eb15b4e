"""`TritonStep`: the update of a CIFAR ResNet with this project's Triton kernels around torch's convolutions.

Weights, gradients and running statistics stay in the modules that `repro.models` built, so optimizer, checkpoints and
evaluation are unchanged.
"""

import re
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from repro.models.residual import Block
from repro.step.plain import PlainStep
from repro.step.triton import batch
from repro.step.triton.casts import Casts
from repro.step.triton.norm import Fusion

# A network as a word, one letter per operation. A block keeps the value at its start and adds it after its branch.
LETTERS: dict[type[nn.Module], str] = {nn.Conv2d: "c", nn.BatchNorm2d: "n", nn.ReLU: "r"}
KEEP, ADD, OTHER = "k", "a", "o"
# What is computed with a norm: it may follow an addition, whose sum may be kept, and precede ReLUs, an addition, "k".
FUSED = re.compile("(?P<before>ak?)?n(?:(?P<relu_first>r?)(?P<after>a))?(?P<relu_last>r?)(?P<keep>k?)")


class TritonStep(PlainStep):
    """`PlainStep` with fused norms, additions and ReLUs, weights cast at once, and a fused loss. Evaluates as it does.

    Differs from it only by rounding: in bf16 a value is rounded once where autocast rounds after norm and after
    addition.
    """

    def __init__(self, model: nn.Module, precision: str) -> None:
        super().__init__(model, precision)
        self.operations = list(fuse(list(_letters(model))))
        self.weights = [p for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear) for p in m.parameters()]
        self.counters = [b for name, b in model.named_buffers() if name.endswith("num_batches_tracked")]

    def gradients(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        self.model.zero_grad()
        torch._foreach_add_(self.counters, 1)  # one kernel for all layers
        logits = self._training_logits(images)
        loss, gradient = batch.cross_entropy(logits.detach(), labels)
        logits.backward(gradient)  # type: ignore[no-untyped-call]
        return loss, logits.detach()

    def _training_logits(self, images: Tensor) -> Tensor:
        self.set_tf32()
        x = images.contiguous(memory_format=torch.channels_last)
        weights = {id(weight): weight for weight in self.weights}
        if self.precision == "bf16":
            x, weights = x.bfloat16(), dict(zip(weights, Casts.apply(*self.weights), strict=True))
        shortcut: Tensor | None = None
        for operation in self.operations:
            match operation:
                case nn.Conv2d():
                    x = F.conv2d(x, weights[id(operation.weight)], None, operation.stride, operation.padding)
                case Fusion():
                    x, kept = operation(x, shortcut)
                    shortcut = shortcut if kept is None else kept
                case Block():
                    shortcut = Shortcut.apply(shortcut, operation)
                case nn.Linear():
                    x = F.linear(x, weights[id(operation.weight)], weights[id(operation.bias)])
                case _:
                    x = operation(x)
        return x


def fuse(word: list[tuple[str, nn.Module]]) -> Iterator[nn.Module | Fusion]:
    """The operations to compute in turn: a `Block` stands for its shortcut, where that is not the identity."""
    letters, at = "".join(letter for letter, _ in word), 0
    while at < len(word):
        match = FUSED.match(letters, at)
        if not match:
            assert letters[at] not in (KEEP, ADD), f"no kernel for {letters[at]} at {at} of {letters}"
            yield word[at][1]
            at += 1
            continue
        norm = word[letters.index("n", at)][1]
        assert isinstance(norm, nn.BatchNorm2d)
        has = {name: bool(found) for name, found in match.groupdict().items()}
        keep = "sum" if match["before"] == ADD + KEEP else "result" if has["keep"] else ""
        assert not (keep == "sum" and has["keep"])
        yield Fusion(norm, has["before"], has["relu_first"], has["after"], has["relu_last"], keep)
        if keep:
            block = word[letters.index(KEEP, at)][1]
            assert isinstance(block, Block)
            if block.stride > 1 or block.zeros_before or block.zeros_after:
                yield block
        at = match.end()


def _letters(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Each operation of a network, as its letter and its module; of a block's two own ones the module is the block."""
    if isinstance(module, nn.Sequential):
        for part in module:
            yield from _letters(part)
    elif isinstance(module, Block):
        ends = [(letter, module) for letter in (KEEP, ADD) if module.has_shortcut]
        yield from ends[:1]
        yield from _letters(module.residual)
        yield from ends[1:]
        yield from _letters(module.after)
    else:
        yield next((letter for kind, letter in LETTERS.items() if isinstance(module, kind)), OTHER), module


class Shortcut(torch.autograd.Function):
    """`Block.shortcut` in two passes each way; autograd's backward takes more and leaves the memory format."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, block: Block) -> Tensor:
        ctx.block, ctx.shape = block, x.shape
        images, channels, height, width = x.shape
        step, channels = block.stride, block.zeros_before + channels + block.zeros_after
        y = _zeros(x, (images, channels, -(-height // step), -(-width // step)))
        y.narrow(1, block.zeros_before, x.shape[1]).copy_(x[:, :, ::step, ::step])
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        dx, step = _zeros(dy, ctx.shape), ctx.block.stride
        dx[:, :, ::step, ::step].copy_(dy.narrow(1, ctx.block.zeros_before, dx.shape[1]))
        return dx, None


def _zeros(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last).zero_()
