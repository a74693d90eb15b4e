"""The floor: a lower bound on the time of an iteration, from rates measured on this machine."""

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from repro.train.learner import Learner

SIDE = {"cpu": 2048, "cuda": 8192}  # of the matrices: large enough to make the cost of a call negligible
MEGABYTES = 256  # to copy


def wait(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def floor(learner: Learner, seconds: float) -> dict[str, float]:
    """The larger of operations / matrix rate and bytes / bandwidth, with both rates measured here.

    Operations: those of the forward and backward pass as torch counts them, at the rate of matrix products in the
    learner's precision. Bytes: input and output of every convolution, moved once in the forward pass and once for each
    of its two gradients; everything else is assumed to be fused into these passes. `seconds`: the measured iteration.
    """
    dtype = torch.bfloat16 if learner.method.precision == "bf16" else torch.float32
    images = torch.randn(
        learner.run.recipe.batch_size, *learner.splits.train.pixels.shape[1:], device=learner.device
    ).contiguous(memory_format=torch.channels_last)
    moved = 0

    def count(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal moved
        moved += 3 * (inputs[0].numel() + output.numel()) * dtype.itemsize

    hooks = [m.register_forward_hook(count) for m in learner.model.modules() if isinstance(m, torch.nn.Conv2d)]
    with FlopCounterMode(display=False) as counter, torch.compiler.set_stance("force_eager"):
        learner.model(images).sum().backward()
    for hook in hooks:
        hook.remove()
    operations = float(counter.get_total_flops())
    rate, bandwidth = matrix_rate(learner.device, dtype), copy_bandwidth(learner.device)
    least = max(operations / rate, moved / bandwidth)
    return {
        "seconds": least,
        "operations": operations,
        "operations_per_second": rate,
        "bytes": float(moved),
        "bytes_per_second": bandwidth,
        "reached": least / seconds,
    }


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations/s of a matrix product, best of ten."""
    side = SIDE[device.type]
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / _best(lambda: a @ b, device)


def copy_bandwidth(device: torch.device) -> float:
    """Bytes/s of a copy, counting both reads and writes, best of ten."""
    source = torch.randn(MEGABYTES * 2**18, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _best(lambda: target.copy_(source), device)


def _best(work: Callable[[], object], device: torch.device) -> float:
    times = []
    for _ in range(10):
        wait(device)
        begin = time.perf_counter()
        work()
        wait(device)
        times.append(time.perf_counter() - begin)
    return min(times)
