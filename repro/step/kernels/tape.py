"""What the forward pass records for the backward pass: values, their gradients, and the backward steps in order."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(eq=False)
class Value:
    """Activations (N, C, H, W), and the gradient of the loss by them once it is known.

    A `lent` gradient belongs to another value: it may be read, but not written or returned to the buffers.
    """

    data: Tensor
    needs_grad: bool = True
    grad: Tensor | None = None
    lent: bool = False

    @property
    def known(self) -> Tensor:
        """The gradient, which earlier backward steps must have set."""
        assert self.grad is not None
        return self.grad

    def set(self, grad: Tensor) -> None:
        self.grad, self.lent = grad, False

    def lend(self, other: "Value") -> None:
        """`other` reads this gradient as its own."""
        other.grad, other.lent = self.known, True

    def hand_on(self, other: "Value") -> None:
        """Move this gradient to `other`, a summand of this value."""
        assert other.grad is None, "what is added has no other use after it"
        other.grad, other.lent = self.grad, self.lent
        self.grad, self.lent = None, False


@dataclass
class Buffers:
    """A pool of tensors by shape: after the first iteration no tensor is allocated."""

    dtype: torch.dtype
    free: dict[tuple[int, ...], list[Tensor]] = field(default_factory=dict)

    def take(self, shape: tuple[int, ...]) -> Tensor:
        stack = self.free.setdefault(shape, [])
        return stack.pop() if stack else torch.empty(shape, dtype=self.dtype, memory_format=torch.channels_last)

    def give(self, tensor: Tensor) -> None:
        self.free[tuple(tensor.shape)].append(tensor)


class Tape:
    """The values in use and, while `recording`, the backward steps, to be played from last to first."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.buffers = Buffers(dtype)
        self.values: list[Value] = []
        self.steps: list[Callable[[], None]] = []
        self.recording = True

    def new(self, shape: tuple[int, ...]) -> Value:
        value = Value(self.buffers.take(shape))
        self.values.append(value)
        return value

    def record(self, backward: Callable[[], None]) -> None:
        if self.recording:
            self.steps.append(backward)

    def play(self) -> None:
        """Run all steps, last to first, then release all values."""
        while self.steps:
            self.steps.pop()()
        self.clear()

    def target(self, x: Value, over: Value | None = None) -> tuple[Tensor, Tensor | None]:
        """The tensor to write x's gradient to, and the part of it that is known already (maybe the same tensor).

        May overwrite the gradient of `over`, which has its last reader in this step: writing an element right after
        reading it costs half of writing to other memory.
        """
        if x.grad is not None and not x.lent:
            return x.grad, x.grad
        if over is not None and over.grad is not None and not over.lent:
            grad, over.grad = over.grad, None
            return grad, x.grad
        return self.buffers.take(tuple(x.data.shape)), x.grad

    def done(self, value: Value) -> None:
        """Release a value and its gradient."""
        self.values.remove(value)
        if value.grad is not None and not value.lent:
            self.buffers.give(value.grad)
        value.grad = None
        self.buffers.give(value.data)

    def clear(self, keep: Value | None = None) -> None:
        """Release all values but `keep`."""
        for value in [v for v in self.values if v is not keep]:
            self.done(value)
