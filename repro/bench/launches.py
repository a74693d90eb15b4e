"""A model of the GPU kernels of an update: `python -m repro.bench.launches [--step graph|triton] [--precision bf16]`.

Prints how many kernels an update of ResNet-20, batch 128, launches on a GPU, and how many bytes they read and write. It
needs no GPU: torch's operations run on the CPU and are counted where torch dispatches them, and this project's Triton
kernels are counted and not run. The counts in docs/performance.md come from it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from math import prod
from typing import Any
from unittest import mock

import click
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from repro.models import build
from repro.step.plain import Meters, PlainStep

IMAGES = 128
# Kernels per operation, where it is not one: both gradients of a convolution, and the passes of torch's batch norm.
KERNELS = {"convolution_backward": 2, "native_batch_norm": 2, "native_batch_norm_backward": 2}
REREAD = {"native_batch_norm": 1, "native_batch_norm_backward": 2, "convolution_backward": 1}  # large inputs, once more
# Operations that only describe memory.
FREE = {"view", "_unsafe_view", "t", "transpose", "permute", "expand", "detach", "alias", "slice", "narrow", "select"}
FREE |= {
    "empty",
    "empty_like",
    "empty_strided",
    "new_empty",
    "as_strided",
    "unsqueeze",
    "squeeze",
    "reshape",
    "view_as",
}
FREE |= {"new_empty_strided", "lift_fresh", "_record_function_enter_new", "_record_function_exit"}


class Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts kernels and bytes of what runs inside; every tensor that an operation is given or returns counts once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kernels: Counter[str] = Counter()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name not in FREE:
            self.kernels[name] += KERNELS.get(name, 1)
            tensors = list(_tensors((args, kwargs, result)))
            self.bytes += sum({t.data_ptr(): _bytes(t) for t in tensors}.values())
            self.bytes += sum(_bytes(t) for t in list(_tensors(args))[: REREAD.get(name, 0)])
        return result

    def launch(self, kernel: Any, grid: Any) -> Callable[..., None]:
        """In place of a Triton kernel's `kernel[grid]`: counts the call and runs nothing."""

        def counting(*arguments: Any, **_: Any) -> None:
            self.kernels[f"triton {kernel.__name__}"] += 1
            self.bytes += sum({t.data_ptr(): _bytes(t) for t in _tensors(arguments)}.values())

        return counting

    def clear(self) -> None:
        self.kernels.clear()
        self.bytes = 0


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)


def _bytes(tensor: torch.Tensor) -> int:
    """Of the values that exist in memory: an expanded dimension has one."""
    return prod(n for n, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride) * tensor.element_size()


def count(step_name: str, precision: str, images: int = IMAGES) -> Counted:
    """An update of ResNet-20 and of the meters, from normalised images on, by the plain step or the Triton step."""
    model = build("resnet-cifar", depth=20).to(memory_format=torch.channels_last)
    batch = torch.randn(images, 3, 32, 32), torch.randint(0, 10, (images,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, fused=True)
    device, counted = torch.device("cpu"), Counted()
    meters, step = Meters(device), PlainStep(model, precision)
    with ExitStack() as stack:
        if step_name == "triton":
            from triton.runtime.jit import KernelInterface

            from repro.step.triton.batch import TritonMeters
            from repro.step.triton.network import TritonStep

            meters, step = TritonMeters(device), TritonStep(model, precision)
            stack.enter_context(mock.patch.object(KernelInterface, "__getitem__", lambda *call: counted.launch(*call)))
        for _ in range(2):  # the optimizer's first step makes its state
            counted.clear()
            with counted:
                loss, logits = step.update(*batch, optimizer)
                meters.add(loss, logits, batch[1])
    return counted


@click.command()
@click.option("--step", default="triton", type=click.Choice(["graph", "triton"]))
@click.option("--precision", default="bf16", type=click.Choice(["fp32", "bf16"]))
def main(step: str, precision: str) -> None:
    counted = count(step, precision)
    click.echo(f"{counted.kernels.total()} kernels, {counted.bytes / 1e6:.0f} MB")
    for name, kernels in counted.kernels.most_common():
        click.echo(f"{kernels:5}  {name}")


if __name__ == "__main__":
    main()
