"""`--jobs auto`: how many runs side by side give the most iterations in all, measured for some seconds on the spot."""

import gc
import multiprocessing
import os
import signal
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import torch

from repro.errors import UserError
from repro.launch.interleaved import stream_of
from repro.launch.local import share_cores
from repro.learner import Learner
from repro.spec import Run
from repro.train import Settings, going_on, prepare

SECONDS = 4.0  # of each way
WARM_UP = 3  # iterations
TURN = 20  # iterations a turn on a GPU
GPU_JOBS = (1, 2, 4, 8)


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
    measure = rate_interleaved if settings.device.startswith("cuda") else rate
    rates = {}
    for way in ways:
        try:
            rates[way] = measure(run, settings, *way)
        except (torch.OutOfMemoryError, EOFError):  # EOFError: a process ended, for lack of memory most likely
            if not rates:
                return *way, ""
            break  # more at a time would need more
        finally:
            _let_go()
    jobs, threads = max(rates, key=lambda way: rates[way])
    told = ", ".join(f"{j} at a time {r:.1f} it/s in all" for (j, _), r in rates.items())
    return jobs, threads, f"--jobs auto takes {jobs}: {told}"


def rate_interleaved(run: Run, settings: Settings, jobs: int, threads: int) -> float:
    """Iterations/s of `jobs` copies of `run` together in this process, each on a stream of its own."""
    device = prepare(settings)
    turns = []
    for _ in range(jobs):
        with (on := stream_of(settings.device)):
            turns.append((on, _learner(run, device, settings)))
    count, begin = 0, 0.0
    while not begin or time.perf_counter() - begin < SECONDS:
        for on, learner in turns:
            with on:
                for _ in range(TURN):
                    learner.iterate()
                count += TURN
        if not begin:  # that was the warm-up
            _wait(turns)
            count, begin = 0, time.perf_counter()
    _wait(turns)
    return count / (time.perf_counter() - begin)


def rate(run: Run, settings: Settings, jobs: int, threads: int) -> float:
    """Iterations/s of `jobs` copies of `run` together, each in a process with `threads` threads on cores of its own."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for cores in share_cores(jobs, threads):
        ours, theirs = context.Pipe()
        process = context.Process(target=_iterate, args=(theirs, run, settings, threads, cores), daemon=True)
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        for pipe in pipes:
            _answer(pipe)  # it is warm
        for pipe in pipes:
            pipe.send(SECONDS)
        return sum(_answer(pipe) for pipe in pipes)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _answer(pipe: Connection) -> float:
    answer = pipe.recv()
    if isinstance(answer, Exception):
        raise answer
    return float(answer)


def _iterate(pipe: Connection, run: Run, settings: Settings, threads: int, cores: list[int]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        learner = _learner(run, prepare(replace(settings, threads=threads)), settings)
    except UserError as error:
        pipe.send(error)
        return
    for _ in range(WARM_UP):
        learner.iterate()
    learner.meters.read()
    pipe.send(0)
    seconds = pipe.recv()
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        learner.iterate()
        count += 1
    learner.meters.read()
    pipe.send(count / (time.perf_counter() - begin))


def _learner(run: Run, device: torch.device, settings: Settings) -> Learner:
    settings = going_on(run, settings, None)
    return Learner(run, device, settings.data_dir, settings.precision, settings.step)


def _let_go() -> None:
    """A measured learner and its graph refer to each other: without this they would stay in the GPU's memory."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _wait(turns: list[tuple[AbstractContextManager[Any], Learner]]) -> None:
    for on, learner in turns:
        with on:
            learner.meters.read()
