"""A batch's linear layers with ReLU and dropout between them, and the cross-entropy after the last: `Dense`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from repro.models.layers import Dropout
from repro.step.kernels import dropout, ops


@dataclass(frozen=True)
class Linear:
    """A layer, and the dropout of its input, if any."""

    layer: nn.Linear
    dropout: Dropout | None


class Dense:
    """Loss and gradients of linear layers for batches of `rows`, in memory that every batch reuses.

    The caller fills `input` (rows, inputs). Every layer but the last is followed by a ReLU. `input_grad` is the
    gradient by the input if `needs_grad`. Sets the gradients that the layers have.
    """

    def __init__(self, linears: Sequence[Linear], rows: int, needs_grad: bool) -> None:
        units = [linears[0].layer.in_features, *(linear.layer.out_features for linear in linears)]
        values = [torch.empty(rows, width) for width in units]
        grads = [torch.empty(rows, width) for width in units]
        self.input, self.logits, self.input_grad = values[0], values[-1], grads[0]
        self.loss = torch.empty(())
        self.logits_grad = grads[-1]
        masks = self._masks(linears, units, rows)
        self.first_mask = masks[0]
        self.forward: list[Callable[[], None]] = []
        self.backward: list[Callable[[], None]] = []
        for k, linear in enumerate(linears):
            layer, last = linear.layer, k == len(linears) - 1
            weight, bias, size = layer.weight, layer.bias, (rows, units[k], units[k + 1])
            after = None if last else masks[k + 1]
            self.forward.append(
                ops.bind("linear_forward", values[k], weight, bias, after, values[k + 1], *size, not last)
            )
            steps = [ops.bind("linear_backward_weights", grads[k + 1], values[k], weight.grad, bias.grad, *size)]
            if k > 0 or needs_grad:
                relu = k > 0
                steps.append(
                    ops.bind("linear_backward_input", grads[k + 1], weight, values[k], masks[k], grads[k], *size, relu)
                )
            self.backward = steps + self.backward

    def _masks(self, linears: Sequence[Linear], units: Sequence[int], rows: int) -> list[Tensor | None]:
        """The mask of each layer's input, None without dropout; parts of one tensor, which is drawn at once."""
        sizes = [rows * width if linear.dropout else 0 for linear, width in zip(linears, units, strict=False)]
        self.mask = torch.empty(sum(sizes))
        self.dropout = next((linear.dropout for linear in linears if linear.dropout), None)
        parts = self.mask.split(sizes)
        return [part.view(rows, -1) if len(part) else None for part in parts]

    def gradients(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss (nats) and logits (N, classes), in memory that the next batch overwrites."""
        if self.dropout:
            dropout.draw(self.dropout.generator, self.dropout.rate, self.mask)
        if self.first_mask is not None:
            self.input.mul_(self.first_mask)
        for call in self.forward:
            call()
        ops.call("cross_entropy", self.logits, labels, self.loss, self.logits_grad, *self.logits.shape)
        for call in self.backward:
            call()
        return self.loss, self.logits
