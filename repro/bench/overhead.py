"""What a run costs besides its iterations: evaluation and checkpoints, memory, start-up; and runs side by side."""

import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from repro.run.launch import tune
from repro.spec import Run
from repro.train import checkpoint
from repro.train.control import Settings
from repro.train.learner import Learner
from repro.train.loop import prepare

GPU_JOBS = 5  # the seeds of an arm


@dataclass(frozen=True)
class Overhead:
    """Seconds per evaluation and per checkpoint, and the share (%) of a run's time that they take together."""

    evaluation_seconds: float
    checkpoint_seconds: float
    share: float


def measure_overhead(learner: Learner, iteration_seconds: float, settings: Settings) -> Overhead:
    """Measure an evaluation and a checkpoint; their share follows from how often the run has them."""
    learner.test()  # warm up: libraries choose algorithms and allocate memory
    begin = time.perf_counter()
    learner.test()
    evaluation = time.perf_counter() - begin
    with TemporaryDirectory() as folder:
        begin = time.perf_counter()
        checkpoint.save(Path(folder), {"fingerprint": "", "learner": learner.state()})
        saving = time.perf_counter() - begin
    between = max(settings.checkpoint_every, settings.checkpoint_seconds / iteration_seconds)  # iterations
    extra = evaluation / learner.run.recipe.evaluate_every + saving / between
    return Overhead(evaluation, saving, 100 * extra / (extra + iteration_seconds))


def megabytes(device: torch.device) -> float:
    """Memory of this process: reserved on the GPU, or resident on the CPU; NaN if unknown."""
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device) / 1e6
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


@dataclass(frozen=True)
class SideBySide:
    """Iterations/s of one run alone, and in total of `jobs` runs at once with `threads` each."""

    jobs: int
    threads: int
    alone: float
    together: float


def side_by_side(run: Run, settings: Settings, cores: int) -> SideBySide | None:
    """On the CPU one run per core, on a GPU five. None on a single core."""
    cuda = settings.device.startswith("cuda")
    jobs, threads_alone = (GPU_JOBS, 1) if cuda else (cores, cores)
    if jobs == 1:
        return None
    rates = [tune.rate(run, settings, *way).iterations_per_second for way in ((1, threads_alone), (jobs, 1))]
    return SideBySide(jobs, 1, *rates)


def start_up(run: Run, settings: Settings) -> float:
    """Seconds from starting a process to the end of its first iteration, with data and kernels on disk."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    begin = time.perf_counter()
    process = context.Process(target=_first_iteration, args=(theirs, run, settings), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"the start-up process ended with exit code {process.exitcode}") from None
    seconds = time.perf_counter() - begin
    process.join()
    return seconds


def _first_iteration(pipe: Connection, run: Run, settings: Settings) -> None:
    learner = Learner(run, prepare(settings), settings.data_dir, settings.precision, settings.step)
    learner.iterate()
    if learner.device.type == "cuda":
        torch.cuda.synchronize(learner.device)
    pipe.send("done")
