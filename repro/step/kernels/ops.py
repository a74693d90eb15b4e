"""Python functions for the compiled kernels, which pass tensors to them as pointers and sizes.

Images are (N, C, H, W) tensors in channels_last memory, float32 or bfloat16; everything else is float32.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from repro.data.batches import Draws, Transform
from repro.step.kernels import build

NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
CHANNELS = (16, 32, 64)  # widths that the kernels support
LEAST = {torch.float32: 4, torch.bfloat16: 16}  # channels of the network's input: the image's, padded with zeros
CHUNK = 16  # images per partial sum of a weight gradient; must equal CHUNK in plane.h
TAPS = 9  # values per pair of channels in a partial sum


def matrix_units() -> bool:
    """Whether the processor multiplies bf16 matrices (AMX) and the system lets this process do so."""
    return bool(build.library().amx_allowed())


class Norm:
    """One layer's batch norm, fused with the addition and ReLU after it; keeps what the backward pass needs.

    norm(x) = scale * x + shift, with a scale and shift (groups, C) for each group of images that are normalised
    together: by their statistics after `measure`, by the running ones after `recall`.
    """

    def __init__(self, layer: torch.nn.BatchNorm2d, group: int | None) -> None:
        self.layer, self.group = layer, group
        self.mean = self.invstd = self.scale = self.shift = self.partial = torch.empty(0)
        layer.weight.grad, layer.bias.grad = torch.zeros_like(layer.weight), torch.zeros_like(layer.bias)

    def measure(self, x: torch.Tensor) -> None:
        """Take the statistics of the batch x; updates the running ones as torch does."""
        images, channels, positions, groups = self._sizes(x)
        if len(self.partial) != (2 * images + 3 * groups) * channels:
            self.mean, self.invstd = torch.empty(groups, channels), torch.empty(groups, channels)
            self.partial = torch.empty((2 * images + 3 * groups) * channels)
        self.scale, self.shift = torch.empty(groups, channels), torch.empty(groups, channels)
        layer = self.layer
        assert layer.momentum is not None and layer.num_batches_tracked is not None
        layer.num_batches_tracked += 1
        call(
            f"norm_statistics_{NAMES[x.dtype]}",
            *(x, layer.weight, layer.bias, layer.running_mean, layer.running_var),
            *(layer.momentum, layer.eps, self.mean, self.invstd, self.scale, self.shift, self.partial),
            *(images, positions, channels, groups),
        )

    def recall(self) -> None:
        """Take the running statistics."""
        layer = self.layer
        assert layer.running_mean is not None and layer.running_var is not None
        self.scale = (layer.weight * (layer.running_var + layer.eps).rsqrt()).unsqueeze(0)
        self.shift = layer.bias - layer.running_mean * self.scale

    def apply(self, x: torch.Tensor, add: torch.Tensor | None, relu: bool, y: torch.Tensor) -> None:
        """y = relu(norm(x) + add)."""
        images, channels, height, width = x.shape
        sizes = (images, height * width, channels, len(self.scale))
        call(f"affine_{NAMES[x.dtype]}", x, add, y, self.scale, self.shift, *sizes, relu)

    def backward(
        self,
        dy: torch.Tensor,
        x: torch.Tensor,
        y: torch.Tensor | None,
        relu: bool,
        into: torch.Tensor | None,
        dx: torch.Tensor,
        dadd: torch.Tensor | None,
    ) -> None:
        """From dy, the gradient by y: sets the layer's gradients and dx = gradient by x, plus `into` if given.

        `dadd`, if given, receives the gradient by the addition. `y` is needed only if a ReLU follows an addition;
        otherwise x shows which values the ReLU passed.
        """
        images, channels, positions, groups = self._sizes(x)
        call(
            f"norm_backward_{NAMES[x.dtype]}",
            *(dy, x, y, self.layer.weight, self.layer.bias, self.mean, self.invstd, into, dx, dadd),
            *(self.layer.weight.grad, self.layer.bias.grad, self.partial),
            *(images, positions, channels, groups, relu),
        )

    def _sizes(self, x: torch.Tensor) -> tuple[int, int, int, int]:
        images, channels, height, width = x.shape
        assert images % (self.group or images) == 0
        return images, channels, height * width, images // (self.group or images)


@dataclass(frozen=True)
class Normed:
    """That a convolution reads its input as relu(norm(x)), or norm(x): its result is never written to memory."""

    norm: Norm
    relu: bool

    def arguments(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.norm.scale, self.norm.shift

    def sizes(self) -> tuple[int, bool]:
        return len(self.norm.scale), self.relu


class Conv:
    """A 3x3 convolution with padding 1. Its fp32 weights are packed for the kernels once per step.

    If it `normalises`, its input may be a `Normed` x.
    """

    def __init__(self, layer: torch.nn.Conv2d, dtype: torch.dtype) -> None:
        self.layer, self.stride = layer, int(layer.stride[0])
        self.out, channels = layer.weight.shape[:2]
        self.channels = max(channels, LEAST[dtype])
        winograd = dtype == torch.float32 and self.stride == 1 and self.channels in CHANNELS
        self.kind = "fp32_winograd" if winograd else NAMES[dtype]
        self.normalises = winograd
        self.padded = None
        if channels < self.channels:
            self.padded = torch.zeros(self.out, 3, 3, self.channels)
            self.padded_grad = torch.zeros(self.out, 3, 3, self.channels)
        layer.weight.grad = torch.zeros_like(layer.weight)  # channels_last, like the weight
        assert layer.weight.permute(0, 2, 3, 1).is_contiguous()
        size = getattr(build.library(), f"packed_size_{self.kind}")
        size.restype = ctypes.c_size_t
        self.packed = torch.empty(size(self.channels, self.out), dtype=dtype)
        self.turned = torch.empty(size(self.out, self.channels), dtype=dtype)
        self.partial = torch.empty(0)

    def pack(self) -> None:
        """Pack the layer's weights; must be called after each update of them."""
        weight = self.layer.weight.detach()
        if self.padded is not None:
            self.padded[..., : weight.shape[1]] = weight.permute(0, 2, 3, 1)
            weight = self.padded
        call(f"pack_{self.kind}", weight, self.packed, self.channels, self.out, 0)
        call(f"pack_{self.kind}", weight, self.turned, self.out, self.channels, 1)

    def forward(self, x: torch.Tensor, add: torch.Tensor | None, y: torch.Tensor, normed: Normed | None = None) -> None:
        """y = conv(x) + add."""
        images, channels, height, width = x.shape
        sizes = (images, height, width, channels, self.out)
        if normed:
            arguments = (x, *normed.arguments(), self.packed, add, y, *sizes, *normed.sizes())
            call(f"conv_normed_{self.kind}", *arguments)
        else:
            call(f"conv_{self.kind}", x, self.packed, add, y, *sizes, self.stride, 1)

    def backward_input(self, dy: torch.Tensor, into: torch.Tensor | None, dx: torch.Tensor) -> None:
        """dx = the gradient by the input, plus `into`."""
        images, channels, height, width = dx.shape
        call(f"conv_{self.kind}", dy, self.turned, into, dx, images, height, width, self.out, channels, 1, self.stride)

    def backward_weights(self, dy: torch.Tensor, x: torch.Tensor, normed: Normed | None = None) -> None:
        """Set the gradient of the layer's weights."""
        images, channels, height, width = x.shape
        size = -(-images // CHUNK) * TAPS * channels * self.out
        if len(self.partial) != size:
            self.partial = torch.empty(size)
        grad = self.layer.weight.grad
        target = grad if self.padded is None else self.padded_grad
        rest = (dy, target, self.partial, images, height, width, channels, self.out)
        if normed:
            call(f"conv_weights_normed_{self.kind}", x, *normed.arguments(), *rest, *normed.sizes())
        else:
            call(f"conv_weights_{self.kind}", x, *rest, self.stride)
        if self.padded is not None:
            assert grad is not None
            grad.copy_(self.padded_grad[..., : grad.shape[1]].permute(0, 3, 1, 2))


def widen_channels(images: torch.Tensor, x: torch.Tensor) -> None:
    """x = float32 images (N, C, H, W) in any memory format, padded with channels of zeros."""
    count, channels, height, width = images.shape
    images = images.contiguous()
    call(f"spread_channels_{NAMES[x.dtype]}", images, x, count, channels, height * width, x.shape[1])


def shortcut_forward(x: torch.Tensor, y: torch.Tensor, before: int, step: int) -> None:
    """y = every `step`-th pixel of x; its channels are `before` zeros, those of x, then zeros."""
    images, channels, height, width = x.shape
    call(f"shortcut_forward_{NAMES[x.dtype]}", x, y, images, height, width, channels, y.shape[1], before, step)


def shortcut_backward(dy: torch.Tensor, dx: torch.Tensor, before: int, step: int) -> None:
    """dx += the gradient by x, from dy."""
    images, channels, height, width = dx.shape
    call(f"shortcut_backward_{NAMES[dx.dtype]}", dy, dx, images, height, width, channels, dy.shape[1], before, step)


def pool_forward(x: torch.Tensor) -> torch.Tensor:
    """Global average pooling: the mean over all positions, float32 (N, C)."""
    images, channels, height, width = x.shape
    y = torch.empty(images, channels)
    call(f"pool_forward_{NAMES[x.dtype]}", x, y, images, height * width, channels)
    return y


def pool_backward(dy: torch.Tensor, dx: torch.Tensor) -> None:
    """dx = the gradient by x, from dy (N, C)."""
    images, channels, height, width = dx.shape
    call(f"pool_backward_{NAMES[dx.dtype]}", dy, dx, images, height * width, channels)


def relu_forward(x: torch.Tensor, y: torch.Tensor) -> None:
    """y = relu(x)."""
    images, channels, height, width = x.shape
    one, zero = torch.ones(channels), torch.zeros(channels)
    call(f"affine_{NAMES[x.dtype]}", x, None, y, one, zero, images, height * width, channels, 1, True)


def relu_backward(dy: torch.Tensor, y: torch.Tensor, into: torch.Tensor | None, dx: torch.Tensor) -> None:
    """dx = dy where y > 0, plus `into`."""
    images, channels, height, width = y.shape
    call(f"relu_backward_{NAMES[y.dtype]}", dy, y, into, dx, images, height * width, channels)


class Augmentation:
    """`transform.augment(train[draws.index], draws)` of uint8 images (M, C, H, W) on the CPU: same bits, in one pass.

    Every call returns the same memory.
    """

    def __init__(self, transform: Transform, train: torch.Tensor) -> None:
        self.transform, self.train = transform, train
        self.mean = transform.mean.expand(train.shape[1:]).contiguous()
        channels = train.shape[1]
        levels = torch.arange(256, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, channels, 1, 1)
        per_channel = transform.mean.numel() == channels
        self.table = transform.normalise(levels).view(256, channels).t().contiguous() if per_channel else None
        self.images = torch.empty(0)

    def __call__(self, draws: Draws) -> torch.Tensor:
        count, shape, transform = len(draws), self.train.shape[1:], self.transform
        if len(self.images) != count:
            self.images = torch.empty(count, *shape)
        corner, flip = draws.corner if transform.padding else None, draws.flip if transform.hflip else None
        call(
            "augment",
            *(self.train, draws.index, corner, flip, self.mean, transform.std, self.table, self.images),
            *(count, *shape, transform.padding, transform.pad_after),
        )
        return self.images


Argument = torch.Tensor | float | ctypes.c_double | None

_functions: dict[str, Any] = {}


def call(name: str, *arguments: Argument) -> None:
    """Call a kernel by its C name; a tensor is passed as a pointer, None as a null pointer."""
    if name not in _functions:
        _functions[name] = _function(name, arguments)
    _functions[name](*[a.data_ptr() if isinstance(a, torch.Tensor) else a for a in arguments])


def bind(name: str, *arguments: Argument) -> Callable[[], None]:
    """`call` with its arguments found once: a third of its cost. The tensors must keep their memory."""
    function = _function(name, arguments)
    types = function.argtypes
    values = [a.data_ptr() if isinstance(a, torch.Tensor) else a for a in arguments]
    converted = [kind(value) for kind, value in zip(types, values, strict=True)]

    def call_again(kept: tuple[Argument, ...] = arguments) -> None:
        function(*converted)

    return call_again


def _function(name: str, arguments: tuple[Argument, ...]) -> Any:
    function = getattr(build.library(), name)
    pointer = ctypes.c_void_p
    number = {float: ctypes.c_float, int: ctypes.c_int, bool: ctypes.c_int, ctypes.c_double: ctypes.c_double}
    function.argtypes = [number.get(type(a), pointer) for a in arguments]
    function.restype = None
    return function
