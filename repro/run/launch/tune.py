"""Measures for a few seconds how fast runs train side by side, and chooses the number of jobs for `--jobs auto`.

`repro.run.ways` also finds the fastest step.
"""

import gc
import multiprocessing
import os
import signal
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch

from repro import interrupts
from repro.errors import UserError
from repro.run.launch.interleaved import stream_of
from repro.run.launch.made_up import made_up
from repro.run.launch.pool import split_cores
from repro.spec import Run
from repro.train.control import Settings
from repro.train.learner import Learner
from repro.train.loop import prepare, resume_settings
from repro.wording import plural

SECONDS_PER_WAY = 4.0
WARM_UP_ITERATIONS = 3
ITERATIONS_PER_TURN = 20  # on a GPU
GPU_JOBS = (1, 2, 4, 8)


class Rate(NamedTuple):
    """The speed of all runs together, and their precision."""

    iterations_per_second: float
    precision: str


def candidates(device: str, cores: int, runs: int, threads: int | None = None) -> list[tuple[int, int]]:
    """The pairs (jobs, threads per run) worth measuring for `runs` runs. On the CPU they use all cores.

    `threads` fixes the threads per run; the pairs are then those that need no more cores than there are.
    """
    if device.startswith("cuda"):
        return [(jobs, threads or 1) for jobs in GPU_JOBS if jobs <= runs]
    most = max(1, cores // (threads or 1))
    ways = [jobs for jobs in (1, 2, 4, most) if jobs <= min(most, runs) and (threads or cores % jobs == 0)]
    return [(jobs, threads or cores // jobs) for jobs in dict.fromkeys(ways)]


def best(run: Run, settings: Settings, cores: int, runs: int) -> tuple[int, int, str]:
    """The fastest pair (jobs, threads per run) for runs like `run`, and a message with what was measured."""
    ways = candidates(settings.device, cores, runs, settings.threads)
    if len(ways) == 1:
        return *ways[0], ""
    rates = {}
    for way in ways:
        try:
            rates[way] = rate(run, settings, *way).iterations_per_second
        except (torch.OutOfMemoryError, EOFError):  # EOFError: a process died, most likely for lack of memory
            if not rates:
                return *way, ""
            break  # more runs at a time would need more memory
        finally:
            free_memory()
    jobs, threads = max(rates, key=lambda way: rates[way])
    measured = ", ".join(f"{r:.1f} it/s in total with {plural(j, 'job')}" for (j, _), r in rates.items())
    return jobs, threads, f"--jobs auto: using {jobs} (measured {measured})"


def rate(
    run: Run, settings: Settings, jobs: int, threads: int, seconds: float = SECONDS_PER_WAY, made_up_data: bool = False
) -> Rate:
    """The speed of `jobs` copies of `run`, trained together for `seconds` as a session would train them: on a GPU in
    this process, on the CPU each in its own process with `threads` threads.

    UserError if they cannot be trained with these settings, torch.OutOfMemoryError, or EOFError if a process died.
    """
    if settings.device.startswith("cuda"):
        return rate_in_turns(run, settings, jobs, seconds, made_up_data)
    return _in_processes(run, settings, jobs, threads, seconds, made_up_data)


def free_memory() -> None:
    """Free GPU memory after a measurement: a learner and its graph form a reference cycle."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def rate_in_turns(run: Run, settings: Settings, jobs: int, seconds: float, made_up_data: bool) -> Rate:
    """`rate` of runs that take turns in this process, each on its own stream."""
    device = prepare(settings)
    runs = []
    for _ in range(jobs):
        with (stream := stream_of(settings.device)):
            runs.append((stream, _learner(run, device, settings, made_up_data)))
    count, start = 0, 0.0
    while not start or time.perf_counter() - start < seconds:
        for stream, learner in runs:
            with stream:
                for _ in range(ITERATIONS_PER_TURN):
                    learner.iterate()
                count += ITERATIONS_PER_TURN
        if not start:  # that was the warm-up
            _wait(runs)
            count, start = 0, time.perf_counter()
    _wait(runs)
    return Rate(count / (time.perf_counter() - start), learner.method.precision)


def _in_processes(run: Run, settings: Settings, jobs: int, threads: int, seconds: float, made_up_data: bool) -> Rate:
    """Each run in its own process."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    try:
        for cores in split_cores(jobs, threads):
            ours, theirs = context.Pipe()
            arguments = (theirs, run, replace(settings, threads=threads), cores, made_up_data)
            process = context.Process(target=_iterate, args=arguments, daemon=True)
            with theirs, interrupts.blocked():
                process.start()
            pipes.append(ours)
            processes.append(process)
        precisions = [_receive(pipe) for pipe in pipes]  # sent once warmed up
        for pipe in pipes:
            pipe.send(seconds)
        return Rate(sum(_receive(pipe) for pipe in pipes), precisions[0])
    except OSError as error:  # one was not started, died before it had read all, or within a message
        raise EOFError("a measuring process died") from error
    finally:
        for process in processes:
            process.terminate()
        for process, pipe in zip(processes, pipes, strict=True):
            process.join()
            pipe.close()


def _receive(pipe: Connection) -> Any:
    message = pipe.recv()
    if isinstance(message, Exception):
        raise message
    return message


def _iterate(pipe: Connection, run: Run, settings: Settings, cores: list[int], made_up_data: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        learner = _learner(run, prepare(settings), settings, made_up_data)
    except UserError as error:
        pipe.send(error)
        return
    for _ in range(WARM_UP_ITERATIONS):
        learner.iterate()
    learner.meters.read()
    pipe.send(learner.method.precision)
    try:
        seconds = pipe.recv()
    except (EOFError, OSError):  # the parent is gone
        return
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        learner.iterate()
        count += 1
    learner.meters.read()
    pipe.send(count / (time.perf_counter() - start))


def _learner(run: Run, device: torch.device, settings: Settings, made_up_data: bool) -> Learner:
    settings = resume_settings(run, settings, None)
    splits = made_up(run.recipe, device) if made_up_data else None
    return Learner(run, device, settings.data_dir, settings.precision, settings.step, splits)


def _wait(runs: list[tuple[AbstractContextManager[Any], Learner]]) -> None:
    """Synchronize: reading a learner's meters waits for its stream."""
    for stream, learner in runs:
        with stream:
            learner.meters.read()
