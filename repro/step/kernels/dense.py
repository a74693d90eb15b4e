"""A batch's linear layers with ReLU and dropout between them, and the cross-entropy after the last: `Dense`."""

import itertools
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
        masks = self._masks(linears, rows)
        self.first_mask = masks[0]
        self.forward: list[Callable[[], None]] = []
        self.backward: list[Callable[[], None]] = []
        self.rate = torch.empty(())  # of `descent`
        self.descent: list[Callable[[], None]] = []  # `backward` with an update of each layer in place of its gradients
        for k, linear in enumerate(linears):
            layer, last = linear.layer, k == len(linears) - 1
            weight, bias, size = layer.weight, layer.bias, (rows, units[k], units[k + 1])
            after = None if last else masks[k + 1]
            self.forward.append(
                ops.bind("linear_forward", values[k], weight, bias, after, values[k + 1], *size, not last)
            )
            steps = []
            if k > 0 or needs_grad:  # before the update of the weight
                arguments = (grads[k + 1], weight, values[k], masks[k], grads[k], *size, k > 0)
                steps.append(ops.bind("linear_backward_input", *arguments))
            weights = "linear_backward_weights"
            gradients = ops.bind(weights, grads[k + 1], values[k], weight.grad, bias.grad, None, *size)
            update = ops.bind(weights, grads[k + 1], values[k], weight, bias, self.rate, *size)
            self.backward = [*steps, gradients, *self.backward]
            self.descent = [*steps, update, *self.descent]

    def _masks(self, linears: Sequence[Linear], rows: int) -> list[Tensor | None]:
        """The mask of each layer's input, None without dropout; parts of one tensor, which is drawn at once."""
        sizes = [rows * linear.layer.in_features if linear.dropout else 0 for linear in linears]
        self.mask = torch.empty(sum(sizes))
        self.dropout = next((linear.dropout for linear in linears if linear.dropout), None)
        ends = itertools.accumulate(sizes)
        return [
            self.mask[end - size : end].view(rows, -1) if size else None for size, end in zip(sizes, ends, strict=True)
        ]

    def gradients(self, labels: Tensor, rate: float | None = None) -> tuple[Tensor, Tensor]:
        """Loss (nats) and logits (N, classes), in memory that the next batch overwrites.

        With a `rate`, subtracts the gradients from weights and biases, times the rate, and sets none.
        """
        if self.dropout:
            dropout.draw(self.dropout.generator, self.dropout.rate, self.mask)
        if self.first_mask is not None:
            self.input.mul_(self.first_mask)
        for call in self.forward:
            call()
        ops.call("cross_entropy", self.logits, labels, self.loss, self.logits_grad, *self.logits.shape)
        if rate is not None:
            self.rate.fill_(rate)
        for call in self.backward if rate is None else self.descent:
            call()
        return self.loss, self.logits
