"""What lies around the iterations: evaluation and checkpoints, memory, start-up, runs side by side."""

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
from repro.train.learner import Learner
from repro.train.loop import Settings, prepare

GPU_JOBS = 5  # the seeds of an arm


@dataclass(frozen=True)
class Outside:
    """Seconds of one evaluation and of one checkpoint, and their share (%) of a run's time."""

    evaluation_seconds: float
    checkpoint_seconds: float
    share: float


def outside(learner: Learner, seconds: float, settings: Settings) -> Outside:
    """What evaluations and checkpoints, as often as the run has them, add to iterations of `seconds`."""
    learner.test()  # once before: a device's libraries choose, and its memory is taken
    begin = time.perf_counter()
    learner.test()
    evaluation = time.perf_counter() - begin
    with TemporaryDirectory() as folder:
        begin = time.perf_counter()
        checkpoint.save(Path(folder), {"fingerprint": "", "learner": learner.state()})
        saving = time.perf_counter() - begin
    between = max(settings.checkpoint_every, settings.checkpoint_seconds / seconds)  # iterations
    extra = evaluation / learner.run.recipe.evaluate_every + saving / between
    return Outside(evaluation, saving, 100 * extra / (extra + seconds))


def megabytes(device: torch.device) -> float:
    """That this process holds: of a GPU's memory, or resident; NaN where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device) / 1e6
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


@dataclass(frozen=True)
class SideBySide:
    """Iterations/s of one run alone and of `jobs` in all, each with `threads`, measured one after the other."""

    jobs: int
    threads: int
    alone: float
    together: float


def side_by_side(run: Run, settings: Settings, cores: int) -> SideBySide | None:
    """On the CPU a run a core; on a GPU five. None on a single core."""
    cuda = settings.device.startswith("cuda")
    jobs, alone = (GPU_JOBS, 1) if cuda else (cores, cores)  # runs, and threads of one that is alone
    if jobs == 1:
        return None
    rates = [tune.rate(run, settings, *way).iterations_per_second for way in ((1, alone), (jobs, 1))]
    return SideBySide(jobs, 1, *rates)


def start_up(run: Run, settings: Settings) -> float:
    """Seconds from a new process to the end of its first iteration, with data and kernels on disk."""
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
        raise RuntimeError(f"the process that was to start up ended with exit code {process.exitcode}") from None
    seconds = time.perf_counter() - begin
    process.join()
    return seconds


def _first_iteration(pipe: Connection, run: Run, settings: Settings) -> None:
    learner = Learner(run, prepare(settings), settings.data_dir, settings.precision, settings.step)
    learner.iterate()
    if learner.device.type == "cuda":
        torch.cuda.synchronize(learner.device)
    pipe.send("done")
