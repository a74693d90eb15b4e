"""How fast training is: this project's loop beside the loop that public repositories run, in turns, in one process.

The reference loop is what a reader would write: torchvision transforms in a DataLoader (the best of 0, 2 and 4
workers), eager fp32, `.item()` each step. It gets the same network, optimizer, batch and threads. The floor is what
the counted operations and bytes would take at the rates measured in the same run.
"""

import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from torchvision import transforms

from repro import optim, provenance, spec
from repro.errors import UserError
from repro.learner import Learner
from repro.spec import Run
from repro.train import Settings, prepare

WORKERS = (0, 2, 4)
ROUNDS = 5  # turns of each loop; the median counts, and the first iterations of each turn do not


@dataclass(frozen=True)
class Speed:
    """Iterations/s over the rounds, and images/s at the median."""

    iterations_per_second: float
    minimum: float
    maximum: float
    images_per_second: float


@dataclass(frozen=True)
class Bench:
    """`ratio`: median over the rounds of fast / reference. `floor`: seconds an iteration cannot go below."""

    arm: str
    hardware: str
    threads: int
    precision: str
    reference: Speed
    reference_workers: int
    fast: Speed
    ratio: float
    floor: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def text(self) -> str:
        f = self.floor
        lines = [
            f"{self.arm} on {self.hardware}, threads: {self.threads}, {self.precision}",
            f"median of {ROUNDS} turns (min to max)",
            f"  reference  {_words(self.reference)}, DataLoader with {self.reference_workers} workers",
            f"  repro      {_words(self.fast)}",
            f"  ratio      {self.ratio:.2f}",
            f"  floor      {1e3 * f['seconds']:.1f} ms an iteration: {f['operations'] / 1e9:.1f} Gop at "
            f"{f['operations_per_second'] / 1e9:.0f} Gop/s, {f['bytes'] / 1e6:.0f} MB at "
            f"{f['bytes_per_second'] / 1e9:.1f} GB/s; {100 * f['reached']:.0f} % of it reached",
        ]
        return "\n".join(lines)


def _words(speed: Speed) -> str:
    spread = f"({speed.minimum:.2f} to {speed.maximum:.2f})"
    return f"{speed.iterations_per_second:7.2f} it/s {spread}, {speed.images_per_second:,.0f} images/s"


def bench(root: Path, arm: str, settings: Settings, seconds: float = 8.0) -> Bench:
    """Time an arm of resnet-depth on CIFAR-10; `seconds` a turn of each loop. UserError for an unknown arm."""
    experiment = spec.load("resnet-depth", root)
    if arm not in (names := [a.name for a in experiment.arms]):
        raise UserError(f"--model {arm} is not known; allowed: {', '.join(names)}")
    run = spec.resolve(experiment, [0], arms=[arm])[0]
    device = prepare(settings)
    learner = Learner(run, device, settings.data_dir, settings.precision, settings.step)
    workers = max(WORKERS, key=lambda count: _turn(reference_loop(run, learner, count), device, seconds / 4))
    reference, fast = [], []
    for _ in range(ROUNDS):  # in turns, so that a slow minute slows both
        reference.append(_turn(reference_loop(run, learner, workers), device, seconds))
        fast.append(_turn(fast_loop(learner), device, seconds))
    size = run.recipe.batch_size
    own = _speed(fast, size)
    return Bench(
        arm=arm,
        hardware=provenance.hardware(device),
        threads=torch.get_num_threads(),
        precision=learner.method.precision,
        reference=_speed(reference, size),
        reference_workers=workers,
        fast=own,
        ratio=statistics.median(f / r for f, r in zip(fast, reference, strict=True)),
        floor=floor(learner, 1 / own.iterations_per_second),
    )


def reference_loop(run: Run, learner: Learner, workers: int) -> Iterator[None]:
    """One update an item, as public CIFAR repositories write it; a network of its own."""
    device, recipe = learner.device, run.recipe
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    steps = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
    transform = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(mean, std)])
    dataset = _InMemory(learner, transform)
    loader: DataLoader[Any] = DataLoader(
        dataset, recipe.batch_size, shuffle=True, num_workers=workers, pin_memory=device.type == "cuda", drop_last=True
    )
    warnings.filterwarnings(
        "ignore", message="This DataLoader will create"
    )  # more workers than cores: it loses, fairly
    model = Learner.build_model(run, learner.splits, learner.dropout).to(device)
    optimizer = optim.build(recipe, model)
    total = 0.0
    while True:
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()
            yield


class _InMemory(torchvision.datasets.VisionDataset):  # type: ignore[misc]
    """torchvision's CIFAR10 without its files: PIL images from the tensors that are held already."""

    def __init__(self, learner: Learner, transform: Callable[[Any], torch.Tensor]) -> None:
        super().__init__(root="", transform=transform)
        self.pixels = learner.splits.train.pixels.permute(0, 2, 3, 1).cpu().numpy()
        self.labels = learner.splits.train.labels.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        assert self.transform is not None
        image = transforms.functional.to_pil_image(self.pixels[index])
        return self.transform(image), self.labels[index]


def fast_loop(learner: Learner) -> Iterator[None]:
    """One update an item, as `train` makes them."""
    while True:
        learner.iterate()
        yield


def _turn(loop: Iterator[None], device: torch.device, seconds: float) -> float:
    """Iterations/s of `loop` over about `seconds`, after three to warm up."""
    for _ in range(3):
        next(loop)
    _wait(device)
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds or count < 5:
        next(loop)
        count += 1
    _wait(device)
    return count / (time.perf_counter() - begin)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _speed(rates: list[float], batch_size: int) -> Speed:
    middle = statistics.median(rates)
    return Speed(middle, min(rates), max(rates), middle * batch_size)


def floor(learner: Learner, seconds: float) -> dict[str, float]:
    """The larger of operations over the matrix rate and bytes over the bandwidth, both measured here.

    Operations: forward and backward, as torch counts them. Bytes: every convolution's input and output, moved once in
    the forward pass and once for each of its two gradients; all else is taken to be fused into these passes.
    """
    images = torch.randn(
        learner.run.recipe.batch_size, *learner.splits.train.pixels.shape[1:], device=learner.device
    ).contiguous(memory_format=torch.channels_last)
    moved = 0

    def count(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal moved
        moved += 3 * (inputs[0].nbytes + output.nbytes)

    hooks = [m.register_forward_hook(count) for m in learner.model.modules() if isinstance(m, torch.nn.Conv2d)]
    with FlopCounterMode(display=False) as counter:
        learner.model(images).sum().backward()
    for hook in hooks:
        hook.remove()
    operations = float(counter.get_total_flops())
    rate, bandwidth = matrix_rate(learner.device), copy_bandwidth(learner.device)
    least = max(operations / rate, moved / bandwidth)
    return {
        "seconds": least,
        "operations": operations,
        "operations_per_second": rate,
        "bytes": float(moved),
        "bytes_per_second": bandwidth,
        "reached": least / seconds,
    }


def matrix_rate(device: torch.device, side: int = 2048) -> float:
    """Operations/s of a product of fp32 matrices, the best of ten."""
    a, b = (torch.randn(side, side, device=device) for _ in range(2))
    return 2 * side**3 / _best(lambda: a @ b, device)


def copy_bandwidth(device: torch.device, megabytes: int = 256) -> float:
    """Bytes/s of a copy, read and written both counted, the best of ten."""
    source = torch.randn(megabytes * 2**18, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _best(lambda: target.copy_(source), device)


def _best(work: Callable[[], object], device: torch.device) -> float:
    times = []
    for _ in range(10):
        _wait(device)
        begin = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - begin)
    return min(times)
