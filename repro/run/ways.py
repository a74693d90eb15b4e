"""Measures every way of training on a device. A way is a step and a number of runs at a time.

Each step is measured in its own process, so that it starts and compiles once. The process is killed if a way takes too
long; the ways that are left are then measured in a new one.
"""

import json
import math
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import torch

from repro import interrupts
from repro.errors import UserError
from repro.run.launch import tune
from repro.spec import Run
from repro.step import method
from repro.train.control import Settings

SECONDS_PER_WAY = 3.0
TOTAL_SECONDS = 100.0  # for all ways together, plus 10 times the seconds per way
FIRST_WAY_TIMEOUT_SECONDS = 90.0  # to start a process, compile, and measure its first way
NEXT_WAY_TIMEOUT_SECONDS = 45.0  # for each later way of the same process
GPU_JOBS_BY_PROMISE = (4, 8, 2, 1)  # the most promising number of jobs first, because time may run out
NO_TIME = "no time left"
NEARLY_AS_FAST = 0.96  # of the fastest rate: with fewer runs at a time, each run finishes sooner


@dataclass(frozen=True)
class Way:
    """A step and a number of runs at a time, each with `threads`.

    `rate` is the iterations/s of all runs together; 0 if it was not measured, with the reason in `error`.
    """

    step: str
    jobs: int
    threads: int
    precision: str | None = None
    rate: float = 0.0
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        result = {"error": self.error} if self.error else {"rate": round(self.rate, 3)}
        return {"step": self.step, "jobs": self.jobs, "precision": self.precision} | result

    def text(self) -> str:
        """One line of at most 80 columns."""
        error = " ".join(self.error.removeprefix(f"--step {self.step}: ").split())
        result = f"{self.precision} {self.rate:9.2f} it/s in total" if self.rate else error
        line = f"{self.step:10} {self.jobs:2} at a time  {result}"
        return line if len(line) <= 80 else line[:77] + "..."


def ways(settings: Settings, cores: int, runs: int | None = None) -> list[Way]:
    """The ways worth measuring for `runs` runs, the most promising first; only of `settings.step` if that is set."""
    kind = torch.device(settings.device).type
    steps = (*method.STEPS[kind], "plain") if settings.step == "auto" else (settings.step,)
    pairs = tune.candidates(settings.device, cores, runs or max(cores, *GPU_JOBS_BY_PROMISE), settings.threads)
    if kind == "cuda":
        pairs.sort(key=lambda pair: GPU_JOBS_BY_PROMISE.index(pair[0]))
    return [Way(step, jobs, threads) for step in steps for jobs, threads in pairs]


def measure(
    run: Run, settings: Settings, ways: list[Way], seconds: float, made_up_data: bool, limit: float = math.inf
) -> Iterator[Way]:
    """Yield each of `ways` as soon as it is measured or has failed; all within `limit` seconds."""
    until = time.monotonic() + min(limit, TOTAL_SECONDS + 10 * seconds)
    for step in dict.fromkeys(way.step for way in ways):
        waiting = deque(way for way in ways if way.step == step)
        while waiting:
            if time.monotonic() < until:
                yield from _in_a_process(run, settings, waiting, seconds, made_up_data, until)
            else:
                yield replace(waiting.popleft(), error=NO_TIME)


def best(ways: list[Way]) -> Way | None:
    """The fastest way, or one nearly as fast with fewer runs at a time; None if none was measured."""
    highest = max((way.rate for way in ways), default=0.0)
    fast = [way for way in ways if way.rate and way.rate >= NEARLY_AS_FAST * highest]
    return min(fast, key=lambda way: (way.jobs, -way.rate), default=None)


def lines(measured: Iterable[Way], as_json: bool) -> Iterator[str]:
    """One line per way, then the best way again. UserError if none could be measured."""
    finished = []
    for way in measured:
        finished.append(way)
        yield json.dumps(way.as_dict()) if as_json else way.text()
    fastest = best(finished)
    if not fastest:
        raise UserError("no way of training could be measured; see the reasons above")
    yield json.dumps(fastest.as_dict() | {"best": True}) if as_json else f"best: {fastest.text()}"


def _in_a_process(
    run: Run, settings: Settings, waiting: deque[Way], seconds: float, made_up_data: bool, until: float
) -> Iterator[Way]:
    """Measure ways from `waiting` in one process until it ends; remove those that are measured or have failed."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (theirs, run, settings, list(waiting), seconds, made_up_data)
    process = context.Process(target=_measure, args=arguments)
    try:
        with theirs, interrupts.blocked():
            process.start()
    except OSError as failure:
        yield replace(waiting.popleft(), error=f"cannot start a process: {failure.strerror}")
        return
    timeout = FIRST_WAY_TIMEOUT_SECONDS + seconds
    try:
        while waiting:
            left = until - time.monotonic()
            if not ours.poll(max(0.0, min(timeout, left))):
                error = f"stopped: no result after {timeout:.0f} s" if timeout < left else NO_TIME
                yield replace(waiting.popleft(), error=error)
                return
            try:
                way = ours.recv()
            except (EOFError, OSError):  # OSError: it died before it had read all, or within a message
                process.join()
                if process.exitcode:  # 0: it reported a fatal error, and a new process must continue
                    yield replace(waiting.popleft(), error=f"its process died with exit code {process.exitcode}")
                return
            waiting.popleft()
            yield way
            timeout = NEXT_WAY_TIMEOUT_SECONDS + seconds
    finally:
        assert process.pid
        with suppress(ProcessLookupError):  # it has ended, or has not created its process group yet
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()


def _measure(
    pipe: Connection, run: Run, settings: Settings, ways: list[Way], seconds: float, made_up_data: bool
) -> None:
    """Measure each of `ways` and send the result; stop after an error that may have left the device unusable."""
    os.setsid()  # its own process group: killed as a whole, and not reached by the terminal's Ctrl-C
    os.dup2(2, 1)  # whatever libraries print goes to stderr, apart from the results
    threading.Thread(target=end_with_parent, args=(pipe,), daemon=True).start()
    for number, way in enumerate(ways):
        fatal = False
        try:
            own = replace(settings, step=way.step, threads=way.threads)
            rate, precision = tune.rate(run, own, way.jobs, way.threads, seconds, made_up_data)
            results = [replace(way, rate=rate, precision=precision)]
        except UserError as error:  # the step cannot train this run, with any number of jobs
            results = [replace(failed, error=str(error)) for failed in ways[number:]]
            fatal = True
        except (torch.OutOfMemoryError, EOFError):  # EOFError: one of the processes of this way died
            results = [replace(way, error="most likely out of memory")]
        except Exception as error:  # reported; the other ways are measured in a new process
            results = [replace(way, error=f"{type(error).__name__}: {error}")]
            fatal = True
        for result in results:
            pipe.send(result)
        if fatal:
            return
        tune.free_memory()


def end_with_parent(pipe: Connection) -> None:
    """Kill this process group when the parent is gone: nothing is ever sent here, so recv() returns only then."""
    with suppress(EOFError, OSError):
        pipe.recv()
    os.killpg(0, signal.SIGKILL)
