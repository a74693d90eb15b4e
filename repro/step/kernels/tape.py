"""What the forward pass leaves for the backward pass: values, their gradients, and the steps between them, in order."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(eq=False)
class Value:
    """Images (N, C, H, W), and the loss's gradient by them once it is known.

    A gradient that is `lent` is at the same time another value's: it is read, never written or given back.
    """

    data: Tensor
    needs_grad: bool = True
    grad: Tensor | None = None
    lent: bool = False

    @property
    def known(self) -> Tensor:
        """The gradient, where the steps before must have set it."""
        assert self.grad is not None
        return self.grad

    def set(self, grad: Tensor) -> None:
        self.grad, self.lent = grad, False

    def lend(self, other: "Value") -> None:
        """`other` reads this gradient as its own."""
        other.grad, other.lent = self.known, True

    def hand_on(self, other: "Value") -> None:
        """This gradient becomes that of `other`, a part of the sum that this value is."""
        assert other.grad is None, "what is added has no other use after it"
        other.grad, other.lent = self.grad, self.lent
        self.grad, self.lent = None, False


@dataclass
class Buffers:
    """Tensors by shape, handed out and taken back: after the first iteration none is made."""

    dtype: torch.dtype
    free: dict[tuple[int, ...], list[Tensor]] = field(default_factory=dict)

    def take(self, shape: tuple[int, ...]) -> Tensor:
        stack = self.free.setdefault(shape, [])
        return stack.pop() if stack else torch.empty(shape, dtype=self.dtype, memory_format=torch.channels_last)

    def give(self, tensor: Tensor) -> None:
        self.free[tuple(tensor.shape)].append(tensor)


class Tape:
    """The values in use, and while `recording` the backward steps, to be played from the last to the first."""

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
        """Every step, last first; then nothing is in use any more."""
        while self.steps:
            self.steps.pop()()
        self.clear()

    def target(self, x: Value, over: Value | None = None) -> tuple[Tensor, Tensor | None]:
        """The tensor to write x's gradient to, and the part of it that is known already (maybe the same).

        It may be that of the gradient of `over`, whose last reader writes each element after it was read: half of
        what a write to other memory costs.
        """
        if x.grad is not None and not x.lent:
            return x.grad, x.grad
        if over is not None and over.grad is not None and not over.lent:
            grad, over.grad = over.grad, None
            return grad, x.grad
        return self.buffers.take(tuple(x.data.shape)), x.grad

    def done(self, value: Value) -> None:
        """Nothing needs the value any more."""
        self.values.remove(value)
        if value.grad is not None and not value.lent:
            self.buffers.give(value.grad)
        value.grad = None
        self.buffers.give(value.data)

    def clear(self, keep: Value | None = None) -> None:
        """Done with all but `keep`."""
        for value in [v for v in self.values if v is not keep]:
            self.done(value)
