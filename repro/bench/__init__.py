"""The speed of training: this project's loop, the loop of public repositories and a minimal one, timed in turns.

All are timed in one process.

The floor is the time that the counted operations and bytes would take at the rates measured in the same run. Compare
ratios within a run, not speeds between runs: on a shared machine these vary.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from repro import spec
from repro.bench.limits import floor, wait
from repro.bench.overhead import Overhead, SideBySide, measure_overhead, megabytes, side_by_side, start_up
from repro.bench.reference import WORKERS, minimal_loop, reference_loop, torch_defaults
from repro.errors import UserError
from repro.spec import Run
from repro.step import method
from repro.train import provenance
from repro.train.control import Settings
from repro.train.learner import Learner
from repro.train.loop import prepare, resume_settings

ROUNDS = 5  # in each round every loop is timed once; results are medians over rounds
MIN_ITERATIONS = 5  # per turn, however slow
WARM_UP = 3  # untimed iterations before each turn


@dataclass(frozen=True)
class Speed:
    """Median, minimum and maximum of iterations/s over the rounds, and images/s at the median."""

    iterations_per_second: float
    minimum: float
    maximum: float
    images_per_second: float

    def text(self) -> str:
        rates = (self.iterations_per_second, self.minimum, self.maximum)
        return "".join(f"{rate:10.2f}" for rate in rates) + f"{self.images_per_second:10,.0f}"


@dataclass(frozen=True)
class Row:
    """One method. `floor`: see `limits.floor`.

    `ratio` and `ratio_to_minimal`: medians over rounds of its speed / that of the reference or the minimal loop.
    """

    precision: str
    step: str
    speed: Speed
    ratio: float
    ratio_to_minimal: float
    floor: dict[str, float]

    def text(self) -> str:
        f, name = self.floor, f"{self.precision}, {self.step}"
        return (
            f"  {name:18} {self.speed.text()} {self.ratio:11.2f} {self.ratio_to_minimal:9.2f}\n"
            f"    floor {1e3 * f['seconds']:.3g} ms per iteration ({f['operations'] / 1e9:.3g} Gop at "
            f"{f['operations_per_second'] / 1e9:.0f} Gop/s, {f['bytes'] / 1e6:.0f} MB at "
            f"{f['bytes_per_second'] / 1e9:.1f} GB/s), {100 * f['reached']:.0f} % of it reached"
        )


@dataclass
class Memory:
    """Memory of the process before the first round, and its growth over `iterations` of this project's loops."""

    megabytes: float
    growth: float = 0.0
    iterations: int = 0


@dataclass(frozen=True)
class Bench:
    """`rows`: the method that a run would use, the same step in fp32, and on a GPU the steps that `auto` skips."""

    model: str
    hardware: str
    threads: int
    reference: Speed
    reference_workers: int
    minimal: Speed
    minimal_ratio: float  # to the reference
    rows: list[Row]
    overhead: Overhead
    memory: Memory
    start_up_seconds: float
    side_by_side: SideBySide | None
    skipped: str = ""  # why one of these has no row

    def as_dict(self) -> dict[str, Any]:
        """All fields, and those of the first row as `fast`, `ratio` and `floor`."""
        first = self.rows[0]
        return asdict(self) | {"fast": asdict(first.speed), "ratio": first.ratio, "floor": first.floor}

    def text(self) -> str:
        lines = [
            f"{self.model} on {self.hardware}, threads: {self.threads}; median of {ROUNDS} rounds (min to max)",
            f"  {'':18} {'it/s':>10}{'min':>10}{'max':>10}{'images/s':>10} {'x reference':>11} {'x minimal':>9}",
            f"  {'reference':18} {self.reference.text()}    (DataLoader, workers: {self.reference_workers})",
            f"  {'minimal torch loop':18} {self.minimal.text()} {self.minimal_ratio:11.2f}",
            *(row.text() for row in self.rows),
            f"  overhead {self.overhead.share:.1f} % of a run: evaluation {self.overhead.evaluation_seconds:.1f} s, "
            f"checkpoint {self.overhead.checkpoint_seconds:.2f} s",
            f"  memory {self.memory.megabytes:.0f} MB, grew by {self.memory.growth:.1f} MB in "
            f"{self.memory.iterations} iterations",
            f"  start-up {self.start_up_seconds:.1f} s from a new process to the end of the first iteration",
        ]
        if self.skipped:
            lines.append(f"  skipped: {self.skipped}")
        if s := self.side_by_side:
            lines.append(
                f"  side by side {s.jobs} runs with {s.threads} thread each: {s.together:.2f} it/s in total, one run "
                f"alone {s.alone:.2f} it/s; ratio {s.together / s.alone:.2f}"
            )
        return "\n".join(lines)


def bench(root: Path, model: str, settings: Settings, seconds: float = 8.0) -> Bench:
    """Time an arm, each loop for `seconds` per round. UserError for an unknown arm."""
    run = run_of(root, model)
    settings = resume_settings(run, settings, None)  # the recipe may require a precision
    device = prepare(settings)
    learners = [Learner(run, device, settings.data_dir, settings.precision, settings.step)]
    if settings.precision == "auto" and learners[0].method.precision != "fp32":
        learners.append(Learner(run, device, settings.data_dir, "fp32", settings.step))
    skipped = []
    for step in method.UNMEASURED if settings.step == "auto" and device.type == "cuda" else ():
        try:
            learners.append(Learner(run, device, settings.data_dir, settings.precision, step))
        except UserError as error:
            skipped.append(str(error))
    first = learners[0]
    with torch_defaults():
        workers = max(WORKERS, key=lambda count: turn(reference_loop(run, first, count), device, seconds / 4))
    reference: list[float] = []
    minimal: list[float] = []
    rates: list[list[float]] = [[] for _ in learners]
    memory = Memory(megabytes(device))
    for _ in range(ROUNDS):  # in turns, so that a slow minute affects all
        with torch_defaults():
            reference.append(turn(reference_loop(run, first, workers), device, seconds))
            minimal.append(turn(minimal_loop(run, first), device, seconds))
        for learner, found in zip(learners, rates, strict=True):
            memory_before, iteration_before = megabytes(device), learner.iteration
            found.append(turn(our_loop(learner), device, seconds))
            if len(found) > 1:  # the first turn allocates the buffers
                memory.growth += megabytes(device) - memory_before
                memory.iterations += learner.iteration - iteration_before
    size = run.recipe.batch_size
    rows = [row(learner, found, reference, minimal) for learner, found in zip(learners, rates, strict=True)]
    return Bench(
        model=model,
        hardware=provenance.hardware(device),
        threads=torch.get_num_threads(),
        reference=speed(reference, size),
        reference_workers=workers,
        minimal=speed(minimal, size),
        minimal_ratio=ratio(minimal, reference),
        rows=rows,
        overhead=measure_overhead(first, 1 / rows[0].speed.iterations_per_second, settings),
        memory=memory,
        start_up_seconds=start_up(run, settings),
        side_by_side=side_by_side(run, settings, settings.threads or 1),
        skipped="; ".join(skipped),
    )


def run_of(root: Path, model: str) -> Run:
    """Seed 0 at full scale of `model`: an arm of resnet-depth, or EXPERIMENT/ARM."""
    name, _, arm = model.rpartition("/")
    experiment = spec.load(name or "resnet-depth", root)
    return spec.resolve(experiment, [0], arms=[arm])[0]


def row(learner: Learner, rates: list[float], reference: list[float], minimal: list[float]) -> Row:
    measured = speed(rates, learner.run.recipe.batch_size)
    return Row(
        learner.method.precision,
        learner.method.step,
        measured,
        ratio(rates, reference),
        ratio(rates, minimal),
        floor(learner, 1 / measured.iterations_per_second),
    )


def ratio(rates: list[float], others: list[float]) -> float:
    """The median over rounds."""
    return statistics.median(rate / other for rate, other in zip(rates, others, strict=True))


def speed(rates: list[float], batch_size: int) -> Speed:
    middle = statistics.median(rates)
    return Speed(middle, min(rates), max(rates), middle * batch_size)


def our_loop(learner: Learner) -> Iterator[None]:
    """One update per item, as in `train`."""
    while True:
        learner.iterate()
        yield


def turn(loop: Iterator[None], device: torch.device, seconds: float) -> float:
    """Iterations/s of `loop` over about `seconds`, after a warm-up."""
    for _ in range(WARM_UP):
        next(loop)
    wait(device)
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds or count < MIN_ITERATIONS:
        next(loop)
        count += 1
    wait(device)
    return count / (time.perf_counter() - begin)
