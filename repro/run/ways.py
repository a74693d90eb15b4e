"""Every way of training on a device, measured: which step, and how many runs at a time.

A process per step, which measures one number of runs after another, so that starting and compiling are paid for once.
It is killed where a way takes too long, and one way's failure costs no other its measurement.
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

from repro.errors import UserError
from repro.run.launch import tune
from repro.spec import Run
from repro.step import method
from repro.train.loop import Settings

SECONDS = 3.0  # of each way
BUDGET = 100.0  # seconds for all ways together, and 10 times those of one
FIRST = 90.0  # seconds that a process has to start, to compile and to measure its first way
NEXT = 45.0  # and each way after it
ON_A_GPU = (4, 8, 2, 1)  # runs at a time, the most promising first, as far as time suffices
NO_TIME = "no time left"
NEAR = 0.96  # of the fastest way's speed: a way with fewer runs at a time ends each of them sooner


@dataclass(frozen=True)
class Way:
    """A step and how many runs at a time, each with `threads`.

    `rate`: iterations/s of all of them together; 0 where it was not measured, and `error` says why.
    """

    step: str
    jobs: int
    threads: int
    precision: str | None = None
    rate: float = 0.0
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        found = {"error": self.error} if self.error else {"rate": round(self.rate, 3)}
        return {"step": self.step, "jobs": self.jobs, "precision": self.precision} | found

    def text(self) -> str:
        """A line of up to 80 columns."""
        why = " ".join(self.error.removeprefix(f"--step {self.step}: ").split())
        found = f"{self.precision} {self.rate:9.2f} it/s in all" if self.rate else why
        line = f"{self.step:8} {self.jobs:2} at a time  {found}"
        return line if len(line) <= 80 else line[:77] + "..."


def ways(settings: Settings, cores: int, runs: int | None = None) -> list[Way]:
    """Those worth measuring for `runs` runs, the most promising first; of one step alone, where `settings` name it."""
    kind = torch.device(settings.device).type
    steps = (*method.STEPS[kind], "plain") if settings.step == "auto" else (settings.step,)
    shares = tune.candidates(settings.device, cores, runs or max(cores, *ON_A_GPU), settings.threads)
    if kind == "cuda":
        shares.sort(key=lambda share: ON_A_GPU.index(share[0]))
    return [Way(step, *share) for step in steps for share in shares]


def measure(
    run: Run, settings: Settings, ways: list[Way], seconds: float, made_up_data: bool, limit: float = math.inf
) -> Iterator[Way]:
    """Each of `ways` as soon as it is measured, or as it is known why not; all of them within `limit` seconds."""
    until = time.monotonic() + min(limit, BUDGET + 10 * seconds)
    for step in dict.fromkeys(way.step for way in ways):
        waiting = deque(way for way in ways if way.step == step)
        while waiting:
            if time.monotonic() < until:
                yield from _in_a_process(run, settings, waiting, seconds, made_up_data, until)
            else:
                yield replace(waiting.popleft(), error=NO_TIME)


def best(ways: list[Way]) -> Way | None:
    """The fastest, or one nearly as fast with fewer runs at a time; None where none was measured."""
    most = max((way.rate for way in ways), default=0.0)
    near = [way for way in ways if way.rate and way.rate >= NEAR * most]
    return min(near, key=lambda way: (way.jobs, -way.rate), default=None)


def lines(measured: Iterable[Way], as_json: bool) -> Iterator[str]:
    """A line for each way, then again the best one's. UserError where there is none."""
    found = []
    for way in measured:
        found.append(way)
        yield json.dumps(way.as_dict()) if as_json else way.text()
    fastest = best(found)
    if not fastest:
        raise UserError("no way of training could be measured; the lines above say why")
    yield json.dumps(fastest.as_dict() | {"best": True}) if as_json else f"best: {fastest.text()}"


def _in_a_process(
    run: Run, settings: Settings, waiting: deque[Way], seconds: float, made_up_data: bool, until: float
) -> Iterator[Way]:
    """Take from `waiting`, and measure, as many ways as one process can."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (theirs, run, settings, list(waiting), seconds, made_up_data)
    process = context.Process(target=_measure, args=arguments)
    process.start()
    theirs.close()
    patience = FIRST + seconds
    try:
        while waiting:
            left = until - time.monotonic()
            if not ours.poll(max(0.0, min(patience, left))):
                why = f"stopped, no figure after {patience:.0f} s" if patience < left else NO_TIME
                yield replace(waiting.popleft(), error=why)
                return
            try:
                way = ours.recv()
            except EOFError:
                process.join()
                if process.exitcode:  # otherwise it has answered, and wants another to go on
                    yield replace(waiting.popleft(), error=f"its process died, exit code {process.exitcode}")
                return
            waiting.popleft()
            yield way
            patience = NEXT + seconds
    finally:
        assert process.pid
        with suppress(ProcessLookupError):  # it has ended, or has no group of its own yet
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()


def _measure(
    pipe: Connection, run: Run, settings: Settings, ways: list[Way], seconds: float, made_up_data: bool
) -> None:
    """Send each of `ways`, measured; after an error that may have left the device unusable, no more of them."""
    os.setsid()  # a group of its own, to be killed as a whole; and the terminal's Ctrl-C is for the parent
    os.dup2(2, 1)  # what a library prints does not belong among the results
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    for number, way in enumerate(ways):
        fatal = False
        try:
            asked = replace(settings, step=way.step, threads=way.threads)
            rate, precision = tune.rate(run, asked, way.jobs, way.threads, seconds, made_up_data)
            answers = [replace(way, rate=rate, precision=precision)]
        except UserError as error:  # the step cannot train this run, however many at a time
            answers = [replace(each, error=str(error)) for each in ways[number:]]
            fatal = True
        except (torch.OutOfMemoryError, EOFError):  # EOFError: one of the processes of this way died
            answers = [replace(way, error="not enough memory, most likely")]
        except Exception as error:  # it is reported; the other ways are measured in another process
            answers = [replace(way, error=f"{type(error).__name__}: {error}")]
            fatal = True
        for answer in answers:
            pipe.send(answer)
        if fatal:
            return
        tune.let_go()


def _end_with_parent(pipe: Connection) -> None:
    """Nothing is ever sent here: the pipe ends when the parent does, however that was killed."""
    with suppress(EOFError, OSError):
        pipe.recv()
    os.killpg(0, signal.SIGKILL)
