"""How fast runs train side by side, measured for some seconds on the spot; with it, what `--jobs auto` takes.

`repro.bench.ways` finds the fastest step too.
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

from repro.errors import UserError
from repro.run.launch.interleaved import stream_of
from repro.run.launch.made_up import made_up
from repro.run.launch.pool import share_cores
from repro.spec import Run
from repro.train.learner import Learner
from repro.train.loop import Settings, prepare, resume_settings

SECONDS = 4.0  # of each way
WARM_UP = 3  # iterations
TURN = 20  # iterations a turn on a GPU
GPU_JOBS = (1, 2, 4, 8)


class Rate(NamedTuple):
    """The speed of all runs together, and the precision they computed in."""

    iterations_per_second: float
    precision: str


def candidates(device: str, cores: int, runs: int, threads: int | None = None) -> list[tuple[int, int]]:
    """Ways (jobs, threads a run) worth measuring for `runs` runs; on the CPU those that share out all cores.

    `threads`: what each run has been told to have; then those that need no more than all cores.
    """
    if device.startswith("cuda"):
        return [(jobs, threads or 1) for jobs in GPU_JOBS if jobs <= runs]
    most = max(1, cores // (threads or 1))
    ways = [jobs for jobs in (1, 2, 4, most) if jobs <= min(most, runs) and (threads or cores % jobs == 0)]
    return [(jobs, threads or cores // jobs) for jobs in dict.fromkeys(ways)]


def best(run: Run, settings: Settings, cores: int, runs: int) -> tuple[int, int, str]:
    """The fastest way (jobs, threads a run) for runs like `run`; and what was measured, in words."""
    ways = candidates(settings.device, cores, runs, settings.threads)
    if len(ways) == 1:
        return *ways[0], ""
    rates = {}
    for way in ways:
        try:
            rates[way] = rate(run, settings, *way).iterations_per_second
        except (torch.OutOfMemoryError, EOFError):  # EOFError: a process ended, for lack of memory most likely
            if not rates:
                return *way, ""
            break  # more at a time would need more
        finally:
            let_go()
    jobs, threads = max(rates, key=lambda way: rates[way])
    told = ", ".join(f"{j} at a time {r:.1f} it/s in all" for (j, _), r in rates.items())
    return jobs, threads, f"--jobs auto takes {jobs}: {told}"


def rate(
    run: Run, settings: Settings, jobs: int, threads: int, seconds: float = SECONDS, made_up_data: bool = False
) -> Rate:
    """The speed of `jobs` copies of `run` trained together for `seconds` as a session would train them: on a GPU in
    this process, on the CPU each in its own, with `threads` threads.

    UserError where they cannot be trained so, torch.OutOfMemoryError, EOFError where a process of theirs died.
    """
    if settings.device.startswith("cuda"):
        return _interleaved(run, settings, jobs, seconds, made_up_data)
    return _in_processes(run, settings, jobs, threads, seconds, made_up_data)


def let_go() -> None:
    """A measured learner and its graph refer to each other: without this they would stay in the GPU's memory."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _interleaved(run: Run, settings: Settings, jobs: int, seconds: float, made_up_data: bool) -> Rate:
    """Each run on a stream of its own."""
    device = prepare(settings)
    turns = []
    for _ in range(jobs):
        with (on := stream_of(settings.device)):
            turns.append((on, _learner(run, device, settings, made_up_data)))
    count, begin = 0, 0.0
    while not begin or time.perf_counter() - begin < seconds:
        for on, learner in turns:
            with on:
                for _ in range(TURN):
                    learner.iterate()
                count += TURN
        if not begin:  # that was the warm-up
            _wait(turns)
            count, begin = 0, time.perf_counter()
    _wait(turns)
    return Rate(count / (time.perf_counter() - begin), learner.method.precision)


def _in_processes(run: Run, settings: Settings, jobs: int, threads: int, seconds: float, made_up_data: bool) -> Rate:
    """Each run on cores of its own."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for cores in share_cores(jobs, threads):
        ours, theirs = context.Pipe()
        arguments = (theirs, run, replace(settings, threads=threads), cores, made_up_data)
        process = context.Process(target=_iterate, args=arguments, daemon=True)
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        precisions = [_answer(pipe) for pipe in pipes]  # they are warm
        for pipe in pipes:
            pipe.send(seconds)
        return Rate(sum(_answer(pipe) for pipe in pipes), precisions[0])
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _answer(pipe: Connection) -> Any:
    answer = pipe.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _iterate(pipe: Connection, run: Run, settings: Settings, cores: list[int], made_up_data: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        learner = _learner(run, prepare(settings), settings, made_up_data)
    except UserError as error:
        pipe.send(error)
        return
    for _ in range(WARM_UP):
        learner.iterate()
    learner.meters.read()
    pipe.send(learner.method.precision)
    seconds = pipe.recv()
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        learner.iterate()
        count += 1
    learner.meters.read()
    pipe.send(count / (time.perf_counter() - begin))


def _learner(run: Run, device: torch.device, settings: Settings, made_up_data: bool) -> Learner:
    settings = resume_settings(run, settings, None)
    splits = made_up(run.recipe, device) if made_up_data else None
    return Learner(run, device, settings.data_dir, settings.precision, settings.step, splits)


def _wait(turns: list[tuple[AbstractContextManager[Any], Learner]]) -> None:
    for on, learner in turns:
        with on:
            learner.meters.read()
