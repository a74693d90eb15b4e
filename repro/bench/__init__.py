"""How fast training is: this project's loop beside the loop that public repositories run, in turns, in one process.

The floor is what the counted operations and bytes would take at the rates measured in the same run. Speeds are
ratios in one run: a machine that others use too is never twice the same.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from repro import spec
from repro.bench.around import Outside, SideBySide, megabytes, outside, side_by_side, start_up
from repro.bench.limits import floor, wait
from repro.bench.reference import WORKERS, as_torch_starts, reference_loop
from repro.errors import UserError
from repro.spec import Run
from repro.train import provenance
from repro.train.learner import Learner
from repro.train.loop import Settings, prepare, resume_settings

ROUNDS = 5  # turns of each loop; the median counts, and the first iterations of each turn do not
LEAST = 5  # iterations a turn, however slow
WARM_UP = 3  # iterations before each turn


@dataclass(frozen=True)
class Speed:
    """Iterations/s over the rounds, and images/s at the median."""

    iterations_per_second: float
    minimum: float
    maximum: float
    images_per_second: float

    def text(self) -> str:
        spread = f"({self.minimum:.2f} to {self.maximum:.2f})"
        return f"{self.iterations_per_second:7.2f} it/s {spread}, {self.images_per_second:,.0f} images/s"


@dataclass(frozen=True)
class Row:
    """One way to compute. `ratio`: median over the rounds of it / reference. `floor`: seconds it cannot go below."""

    precision: str
    step: str
    speed: Speed
    ratio: float
    floor: dict[str, float]

    def text(self) -> str:
        f = self.floor
        return (
            f"  {self.precision + ', ' + self.step:14} {self.speed.text()}, {self.ratio:.2f} times the reference\n"
            f"  {'':14} floor {1e3 * f['seconds']:.1f} ms an iteration ({f['operations'] / 1e9:.1f} Gop at "
            f"{f['operations_per_second'] / 1e9:.0f} Gop/s, {f['bytes'] / 1e6:.0f} MB at "
            f"{f['bytes_per_second'] / 1e9:.1f} GB/s), {100 * f['reached']:.0f} % of it reached"
        )


@dataclass
class Memory:
    """Megabytes that the process holds, and by how many they grew in `iterations` of this project's loops."""

    megabytes: float
    growth: float = 0.0
    iterations: int = 0


@dataclass(frozen=True)
class Bench:
    """`rows`: the step a run takes, the same in fp32, and on a GPU the compiled one."""

    model: str
    hardware: str
    threads: int
    reference: Speed
    reference_workers: int
    rows: list[Row]
    outside: Outside
    memory: Memory
    start_up_seconds: float
    side_by_side: SideBySide | None
    left_out: str = ""  # why a row is missing

    def as_dict(self) -> dict[str, Any]:
        """With `fast`, `ratio` and `floor` of the first row at the top."""
        first = self.rows[0]
        return asdict(self) | {"fast": asdict(first.speed), "ratio": first.ratio, "floor": first.floor}

    def text(self) -> str:
        lines = [
            f"{self.model} on {self.hardware}, threads: {self.threads}; median of {ROUNDS} turns (min to max)",
            f"  {'reference':14} {self.reference.text()}, DataLoader with {self.reference_workers} workers",
            *(row.text() for row in self.rows),
            f"  outside the iterations {self.outside.share:.1f} % of a run: evaluation "
            f"{self.outside.evaluation_seconds:.1f} s, checkpoint {self.outside.checkpoint_seconds:.2f} s",
            f"  memory {self.memory.megabytes:.0f} MB, grown by {self.memory.growth:.1f} MB in "
            f"{self.memory.iterations} iterations",
            f"  start-up {self.start_up_seconds:.1f} s from a new process to the end of the first iteration",
        ]
        if self.left_out:
            lines.append(f"  left out: {self.left_out}")
        if s := self.side_by_side:
            lines.append(
                f"  side by side {s.jobs} runs of {s.threads} thread: {s.together:.2f} it/s in all, one run alone "
                f"{s.alone:.2f}; {s.together / s.alone:.2f} times"
            )
        return "\n".join(lines)


def bench(root: Path, model: str, settings: Settings, seconds: float = 8.0) -> Bench:
    """Time an arm on CIFAR-10; `seconds` a turn of each loop. UserError for an unknown arm, or another data set's."""
    run = run_of(root, model)
    if run.recipe.dataset != "cifar10":
        raise UserError(f"--model {model} is trained on {run.recipe.dataset}; allowed: an arm on cifar10")
    settings = resume_settings(run, settings, None)  # in the recipe's precision, where it has one
    device = prepare(settings)
    learners = [Learner(run, device, settings.data_dir, settings.precision, settings.step)]
    if settings.precision == "auto" and learners[0].method.precision != "fp32":
        learners.append(Learner(run, device, settings.data_dir, "fp32", settings.step))
    left_out = ""
    if settings.step == "auto" and device.type == "cuda":
        try:
            learners.append(Learner(run, device, settings.data_dir, settings.precision, "compiled"))
        except UserError as error:
            left_out = str(error)
    first = learners[0]
    with as_torch_starts():
        workers = max(WORKERS, key=lambda count: turn(reference_loop(run, first, count), device, seconds / 4))
    reference: list[float] = []
    rates: list[list[float]] = [[] for _ in learners]
    memory = Memory(megabytes(device))
    for _ in range(ROUNDS):  # in turns, so that a slow minute slows all
        with as_torch_starts():
            reference.append(turn(reference_loop(run, first, workers), device, seconds))
        for learner, found in zip(learners, rates, strict=True):
            before, begun = megabytes(device), learner.iteration
            found.append(turn(fast_loop(learner), device, seconds))
            if len(found) > 1:  # in the first turn every buffer is made
                memory.growth += megabytes(device) - before
                memory.iterations += learner.iteration - begun
    size = run.recipe.batch_size
    rows = [row(learner, found, reference) for learner, found in zip(learners, rates, strict=True)]
    return Bench(
        model=model,
        hardware=provenance.hardware(device),
        threads=torch.get_num_threads(),
        reference=speed(reference, size),
        reference_workers=workers,
        rows=rows,
        outside=outside(first, 1 / rows[0].speed.iterations_per_second, settings),
        memory=memory,
        start_up_seconds=start_up(run, settings),
        side_by_side=side_by_side(run, settings, settings.threads or 1),
        left_out=left_out,
    )


def run_of(root: Path, model: str) -> Run:
    """The first seed at full scale of an arm of resnet-depth, or of EXPERIMENT/ARM."""
    name, _, arm = model.rpartition("/")
    experiment = spec.load(name or "resnet-depth", root)
    return spec.resolve(experiment, [0], arms=[arm])[0]


def row(learner: Learner, rates: list[float], reference: list[float]) -> Row:
    own = speed(rates, learner.run.recipe.batch_size)
    return Row(
        learner.method.precision,
        learner.method.step,
        own,
        statistics.median(f / r for f, r in zip(rates, reference, strict=True)),
        floor(learner, 1 / own.iterations_per_second),
    )


def speed(rates: list[float], batch_size: int) -> Speed:
    middle = statistics.median(rates)
    return Speed(middle, min(rates), max(rates), middle * batch_size)


def fast_loop(learner: Learner) -> Iterator[None]:
    """One update an item, as `train` makes them."""
    while True:
        learner.iterate()
        yield


def turn(loop: Iterator[None], device: torch.device, seconds: float) -> float:
    """Iterations/s of `loop` over about `seconds`, after some to warm up."""
    for _ in range(WARM_UP):
        next(loop)
    wait(device)
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds or count < LEAST:
        next(loop)
        count += 1
    wait(device)
    return count / (time.perf_counter() - begin)
