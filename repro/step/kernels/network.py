"""The forward and backward pass of a CIFAR ResNet by the kernels, in place of autograd: `FastNetwork`.

Weights, gradients and running statistics stay in the modules that `repro.models` built, so optimizer, checkpoints and
evaluation are unchanged. Each operation records its backward step on a tape. All activations live in buffers that are
reused every iteration.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from repro.models.layers import GhostBatchNorm2d
from repro.models.residual import Block
from repro.spec import Model
from repro.step.kernels import build, ops
from repro.step.kernels.ops import CHANNELS, LEAST, Conv, Norm, Normed
from repro.step.kernels.tape import Tape, Value
from repro.step.plain import Step


def refusal(model: Model, image: tuple[int, int, int]) -> str:
    """Why the kernels cannot be used for a spec's model on images (channels, height, width); "" if they can."""
    if "kernels" not in model.steps:
        return f"the kernels support only ResNets of width {CHANNELS[0]}"
    channels, height, width = image
    if channels > LEAST[torch.float32]:
        return f"the kernels support images of up to {LEAST[torch.float32]} channels, not {channels}"
    if height % 32 or width % 32:
        return f"the kernels support only images whose sides are multiples of 32 pixels, not {height}x{width}"
    return ""


class FastNetwork(Step):
    """The step (repro.step.plain.Step) of a resnet-cifar in "fp32" or "bf16". `refusal` says which are supported."""

    def __init__(self, network: nn.Sequential, precision: str) -> None:
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
        if dtype == torch.bfloat16 and not ops.matrix_units():
            raise build.Unavailable("the processor has no bf16 matrix units that this process may use")
        self.network, self.dtype = network, dtype
        self.norms: dict[nn.Module, Norm] = {}
        self.convs: dict[nn.Module, Conv] = {}
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                self.norms[module] = Norm(module, module.group if isinstance(module, GhostBatchNorm2d) else None)
            elif isinstance(module, nn.Conv2d):
                self.convs[module] = Conv(module, dtype)
        self.tape = Tape(dtype)

    def gradients(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss (nats) and logits (N, classes) of float32 images (N, C, H, W). Sets every gradient, accumulates none."""
        self.tape.recording = True
        features = self._features(images)
        pooled = ops.pool_forward(features.data).requires_grad_()
        logits = self._linear(pooled)
        loss = F.cross_entropy(logits, labels)
        for parameter in self._linear.parameters():
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        assert pooled.grad is not None
        features.set(self.tape.buffers.take(tuple(features.data.shape)))
        ops.pool_backward(pooled.grad, features.known)
        self.tape.play()
        return loss.detach(), logits.detach()

    def logits(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of float32 images, by the running statistics."""
        self.tape.recording = False
        logits: Tensor = self._linear(ops.pool_forward(self._features(images).data))
        self.tape.clear()
        return logits

    @property
    def _linear(self) -> nn.Module:
        return self.network.get_submodule("linear")

    @torch.no_grad()
    def _features(self, images: Tensor) -> Value:
        for conv in self.convs.values():
            conv.pack()
        x = self._input(images)
        body = [m for name, m in self.network.named_children() if name not in ("pool", "linear")]
        return self._chain(body, x)

    def _input(self, images: Tensor) -> Value:
        x = self.tape.new((len(images), LEAST[self.dtype], *images.shape[2:]))
        x.needs_grad = False
        ops.widen_channels(images, x.data)
        return x

    # Traversal of the network: decides which layers become one fused operation

    def _chain(self, layers: list[nn.Module], x: Value, add: Value | None = None, relu: bool = False) -> Value:
        """The layers in sequence; `add` and `relu`, which follow them, are fused into the last layer's operation."""
        at = 0
        while at < len(layers):
            layer, fused, end = layers[at], False, at + 1
            if isinstance(layer, nn.BatchNorm2d) and end < len(layers) and isinstance(layers[end], nn.ReLU):
                fused, end = True, end + 1
            after = layers[end] if end < len(layers) else None
            reads = isinstance(layer, nn.BatchNorm2d) and isinstance(after, nn.Conv2d) and self.convs[after].normalises
            if reads:
                end += 1
            last = end == len(layers)
            plus = add if last and (reads or not fused) else None  # an addition after a ReLU cannot be fused: see below
            if isinstance(layer, nn.Sequential):
                x = self._chain(list(layer), x)
            elif isinstance(layer, Block):
                x = self._block(layer, x)
            elif isinstance(layer, nn.BatchNorm2d) and isinstance(after, nn.Conv2d) and reads:
                x = self._conv(after, x, plus, Normed(self.norms[layer], fused))
            elif isinstance(layer, nn.BatchNorm2d):
                x = self._norm(layer, x, plus, fused or (last and relu and plus is not None))
            elif isinstance(layer, nn.Conv2d):
                x = self._conv(layer, x, plus)
            else:
                assert isinstance(layer, nn.ReLU), type(layer)
                x = self._relu(x)
            if last and add is not None and plus is None:
                x = self._add(add, x)
            at = end
        return x

    def _block(self, block: Block, x: Value) -> Value:
        residual, after = list(block.residual), list(block.after)
        if not block.has_shortcut:
            return self._chain([*residual, *after], x)  # a block of a plain net
        add = self._shortcut(block, x)
        fused = isinstance(residual[-1], nn.BatchNorm2d) and bool(after) and isinstance(after[0], nn.ReLU)
        y = self._chain(after[1:] if fused else after, self._chain(residual, x, add, relu=fused))
        if not self.tape.recording:
            self.tape.clear(keep=y)
        return y

    # Operations: each computes its value and records its backward step on the tape

    def _norm(self, layer: nn.BatchNorm2d, x: Value, add: Value | None, relu: bool) -> Value:
        norm, y = self.norms[layer], self.tape.new(tuple(x.data.shape))
        plus = add.data if add else None
        self._take_statistics(norm, x)
        norm.apply(x.data, plus, relu, y.data)

        def backward() -> None:
            dy = y.known
            assert add is None or add.grad is None, "what is added has no other use after it"
            dadd = self.tape.target(add, over=y)[0] if add and relu else None
            dx, into = self.tape.target(x, over=None if add else y)
            norm.backward(dy, x.data, y.data if plus is not None else None, relu, into, dx, dadd)
            x.set(dx)
            if add and dadd is not None:
                add.set(dadd)
            elif add:
                y.hand_on(add)
            self.tape.done(y)

        self.tape.record(backward)
        return y

    def _take_statistics(self, norm: Norm, x: Value) -> None:
        if self.tape.recording:
            norm.measure(x.data)
        else:
            norm.recall()

    def _conv(self, layer: nn.Conv2d, x: Value, add: Value | None, normed: Normed | None = None) -> Value:
        conv, (height, width) = self.convs[layer], x.data.shape[2:]
        y = self.tape.new((len(x.data), conv.out, height // conv.stride, width // conv.stride))
        if normed:
            self._take_statistics(normed.norm, x)
        conv.forward(x.data, add.data if add else None, y.data, normed)

        def backward() -> None:
            dy = y.known
            conv.backward_weights(dy, x.data, normed)
            if normed:
                read = Value(x.data, grad=self.tape.buffers.take(tuple(x.data.shape)))  # what the convolution read
                conv.backward_input(dy, None, read.known)
                dread = read.known
                dx, into = self.tape.target(x, over=read)
                normed.norm.backward(dread, x.data, None, normed.relu, into, dx, None)
                x.set(dx)
                if read.grad is not None:
                    self.tape.buffers.give(read.grad)
            elif x.needs_grad:
                dx, into = self.tape.target(x)
                conv.backward_input(dy, into, dx)
                x.set(dx)
            if add:
                y.hand_on(add)
            self.tape.done(y)

        self.tape.record(backward)
        return y

    def _relu(self, x: Value) -> Value:
        y = self.tape.new(tuple(x.data.shape))
        ops.relu_forward(x.data, y.data)

        def backward() -> None:
            dx, into = self.tape.target(x)
            ops.relu_backward(y.known, y.data, into, dx)
            x.set(dx)
            self.tape.done(y)

        self.tape.record(backward)
        return y

    def _add(self, a: Value, b: Value) -> Value:
        """a + b, where `b` was computed last: its backward step then reads the shared gradient before `a` reuses it."""
        y = self.tape.new(tuple(a.data.shape))
        torch.add(a.data, b.data, out=y.data)

        def backward() -> None:
            y.lend(b)
            y.hand_on(a)
            self.tape.done(y)

        self.tape.record(backward)
        return y

    def _shortcut(self, block: Block, x: Value) -> Value:
        """Option A: every second pixel where the block has stride 2, zeros for the channels it adds."""
        images, channels, height, width = x.data.shape
        step, before = block.stride, block.zeros_before
        if step == 1 and before + block.zeros_after == 0:
            return x
        y = self.tape.new((images, before + channels + block.zeros_after, height // step, width // step))
        ops.shortcut_forward(x.data, y.data, before, step)

        def backward() -> None:
            ops.shortcut_backward(y.known, x.known, before, step)  # x.grad was set by the block's first operation
            self.tape.done(y)

        self.tape.record(backward)
        return y
