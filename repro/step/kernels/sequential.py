"""The step of small networks that are one sequence of layers (mlp, cnn), on the CPU in fp32: `SequentialStep`.

On batches of a few small images, autograd and the calls of torch's operations cost more than the arithmetic. Here each
layer is one kernel with its ReLU, dropout and pooling, in memory that is reused every iteration.
"""

import torch
from torch import Tensor, nn

from repro.models.layers import Dropout
from repro.spec import Model
from repro.step.kernels import ops
from repro.step.kernels.dense import Dense, Linear
from repro.step.kernels.ops import LEAST, Conv
from repro.step.plain import PlainStep

SIDE = 8  # the kernels convolve images whose sides are multiples of this


def refusal(model: Model, image: tuple[int, int, int]) -> str:
    """Why this step cannot be used for a spec's model on images (channels, height, width); "" if it can."""
    if "sequential" not in model.steps:
        return "it supports only mlps, and cnns with 16, 32 or 64 channels in each convolution"
    channels, height, width = image
    if convolutions := len(getattr(model, "widths", ())):
        if channels > LEAST[torch.float32]:
            return f"it convolves images of up to {LEAST[torch.float32]} channels, not {channels}"
        side = SIDE << (convolutions - 1)
        if height % side or width % side:
            return f"its {convolutions} convolutions need sides of a multiple of {side} pixels, not {height}x{width}"
    return ""


class SequentialStep(PlainStep):
    """`PlainStep` of an mlp or cnn without autograd; differs from it only by rounding.

    Linear layers are evaluated as by the plain step, since torch's products are the faster ones for many rows. The loss
    and logits that `gradients` returns are overwritten by the next batch.
    """

    def __init__(self, model: nn.Sequential) -> None:
        super().__init__(model, "fp32")
        self.convs = [Conv(layer, torch.float32) for layer in model if isinstance(layer, nn.Conv2d)]
        self.linears: list[Linear] = []
        dropout = None
        for layer in model:
            if isinstance(layer, Dropout) and layer.rate:
                dropout = layer
            elif isinstance(layer, nn.Linear):
                self.linears.append(Linear(layer, dropout))
                dropout = None
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self.batches: dict[torch.Size, Batch] = {}  # by the shape of the images
        self.evaluated: dict[torch.Size, Features] = {}  # likewise
        self.classifier = model[next((k for k, layer in enumerate(model) if isinstance(layer, nn.Flatten)), 0) :]

    def gradients(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return self._batch(images).gradients(images, labels)

    def logits(self, images: Tensor) -> Tensor:
        """The caller has put the model into evaluation mode."""
        if not self.convs:
            return super().logits(images)
        if images.shape not in self.evaluated:
            self.evaluated[images.shape] = Features(self.convs, images.shape)
        logits: Tensor = self.classifier(self.evaluated[images.shape].forward(images))
        return logits

    def update(self, images: Tensor, labels: Tensor, optimizer: torch.optim.Optimizer) -> tuple[Tensor, Tensor]:
        """Fully connected networks under plain gradient descent are updated as their gradients are computed.

        Writing the gradients of an mlp and reading them again takes as long as computing them.
        """
        if self.convs or not _plain_descent(optimizer):
            return super().update(images, labels, optimizer)
        return self._batch(images).gradients(images, labels, float(optimizer.param_groups[0]["lr"]))

    def _batch(self, images: Tensor) -> "Batch":
        batch = self.batches.get(images.shape)
        if batch is None:
            batch = self.batches[images.shape] = Batch(self.convs, self.linears, images.shape)
        return batch


def _plain_descent(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an update is w - lr * gradient, at one learning rate."""
    groups = optimizer.param_groups
    return isinstance(optimizer, torch.optim.SGD) and not any(g["momentum"] or g["weight_decay"] for g in groups)


class Features:
    """The memory of the convolutions of images of one shape (N, C, H, W), and the kernels' calls on it."""

    def __init__(self, convs: list[Conv], shape: torch.Size) -> None:
        rows, _, height, width = shape
        scratch = torch.empty(rows * max(conv.out * height * width >> 2 * k for k, conv in enumerate(convs)))
        self.images = x = images_of(
            rows, LEAST[torch.float32], height, width
        )  # that the image's channels are padded to
        self.stages: list[Stage] = []
        for conv in convs:
            self.stages.append(Stage(conv, x, scratch))
            x = self.stages[-1].y

    def forward(self, images: Tensor) -> Tensor:
        """The last convolution's pooled result (N, channels, height, width), which the next call overwrites."""
        ops.widen_channels(images, self.images)
        for stage in self.stages:
            stage.forward()
        return self.stages[-1].y

    def backward(self, dy: Tensor) -> None:
        """Set the layers' gradients, from that by the result."""
        self.stages[-1].dy.copy_(dy)
        for number, stage in reversed(list(enumerate(self.stages))):
            stage.backward(self.stages[number - 1].dy if number else None)


class Batch:
    """The memory of batches of images of one shape (N, C, H, W), and the kernels' calls on it."""

    def __init__(self, convs: list[Conv], linears: list[Linear], shape: torch.Size) -> None:
        self.features = Features(convs, shape) if convs else None
        self.dense = Dense(linears, shape[0], needs_grad=bool(convs))

    @torch.no_grad()
    def gradients(self, images: Tensor, labels: Tensor, rate: float | None = None) -> tuple[Tensor, Tensor]:
        """As `Dense.gradients`; a `rate` is for networks without convolutions."""
        if not self.features:
            self.dense.input.copy_(images.flatten(1))
            return self.dense.gradients(labels, rate)
        features = self.features.forward(images)
        self.dense.input.view(features.shape).copy_(features)  # in torch's order: channels before rows and columns
        result = self.dense.gradients(labels)
        self.features.backward(self.dense.input_grad.view(features.shape))
        return result


class Stage:
    """A convolution of x with bias, ReLU and 2x2 max-pooling into y; dy is the gradient by y.

    What lies between convolution and bias, and its gradient, share the memory of all stages, `scratch`: the backward
    pass needs only the places of the maxima.
    """

    def __init__(self, conv: Conv, x: Tensor, scratch: Tensor) -> None:
        rows, _, height, width = x.shape
        self.conv, self.x = conv, x
        count = rows * conv.out * height * width
        self.z = scratch[:count].view(rows, height, width, conv.out).permute(0, 3, 1, 2)
        self.y, self.dy = (images_of(rows, conv.out, height // 2, width // 2) for _ in range(2))
        bias, size = conv.layer.bias, (rows, height, width, conv.out)
        assert bias is not None
        place = torch.empty(self.y.numel(), dtype=torch.uint8)  # of each window's maximum
        self.pool = ops.bind("relu_pool_forward", self.z, bias, self.y, place, *size)
        partial = torch.empty(rows, conv.out)
        self.pool_backward = ops.bind("relu_pool_backward", self.dy, place, self.z, bias.grad, partial, *size)

    def forward(self) -> None:
        self.conv.pack()
        self.conv.forward(self.x, None, self.z)
        self.pool()

    def backward(self, dx: Tensor | None) -> None:
        """Set the layer's gradients, and dx, unless it is None, to the gradient by x."""
        self.pool_backward()
        self.conv.backward_weights(self.z, self.x)
        if dx is not None:
            self.conv.backward_input(self.z, None, dx)


def images_of(rows: int, channels: int, height: int, width: int) -> Tensor:
    return torch.empty(rows, channels, height, width, memory_format=torch.channels_last)
