"""Runs side by side, each in its own worker process."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from repro.run.launch.task import Ending, Event, Task, carry_out
from repro.train.loop import Settings, Stop


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: Task
    cores: list[int]


def pool(tasks: Sequence[Task], settings: Settings, stop: Stop, jobs: int) -> Iterator[Event]:
    """Up to `jobs` runs at a time, each in a worker process that takes the next run when it has finished one.

    If a worker dies, for example for lack of memory, only its run fails, and a new worker replaces it. Workers are
    pinned to separate cores if there are enough for all.
    """
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    waiting = deque(tasks)
    workers: list[_Worker] = []
    core_sets = split_cores(jobs, settings.threads or settings.default_threads or 1)

    def start_worker() -> None:
        ours, theirs = context.Pipe()
        cores = next(cores for cores in core_sets if all(cores is not w.cores for w in workers))
        process = context.Process(target=_work, args=(theirs, settings, stop.deadline, cores), daemon=True)
        process.start()
        theirs.close()
        workers.append(_Worker(process, ours, waiting.popleft(), cores))
        _send(workers[-1], workers[-1].task)

    stop_sent = False
    try:
        while workers or (waiting and not stop.requested()):
            while waiting and len(workers) < jobs and not stop.requested():
                start_worker()
            for pipe in wait([w.pipe for w in workers], timeout=0.2):
                worker = next(w for w in workers if w.pipe is pipe)
                try:
                    event = worker.pipe.recv()
                except (EOFError, ConnectionResetError):  # reset: it died before it had read its task
                    workers.remove(worker)
                    worker.process.join()
                    message = f"its worker process died with exit code {worker.process.exitcode}"
                    yield worker.task, Ending("failed", message)  # without a log: it had no time to write one
                    continue
                yield worker.task, event
                if isinstance(event, Ending):
                    if waiting and not stop.requested():
                        worker.task = waiting.popleft()
                        _send(worker, worker.task)
                    else:
                        _send(worker, None)
                        workers.remove(worker)
                        worker.process.join()
            if stop.requested() and not stop_sent:
                stop_sent = True
                for worker in workers:
                    _send(worker, stop.reason)
    finally:
        for worker in workers:  # some are left only if an error or a second Ctrl-C ended the loop above
            worker.process.terminate()


def split_cores(jobs: int, threads: int) -> list[list[int]]:
    """The cores each job is pinned to; empty lists (no pinning) if there are too few, or the system cannot pin."""
    if not hasattr(os, "sched_getaffinity"):
        return [[] for _ in range(jobs)]
    cores = sorted(os.sched_getaffinity(0))
    if jobs * threads > len(cores):
        return [[] for _ in range(jobs)]
    return [cores[job * threads : (job + 1) * threads] for job in range(jobs)]


def _send(worker: _Worker, message: Task | str | None) -> None:
    """Send the next task, the reason to stop, or None to exit. A dead worker is noticed when its pipe is read."""
    with suppress(BrokenPipeError):
        worker.pipe.send(message)


@dataclass
class RemoteStop(Stop):
    """A worker's stop: its own deadline, or a message from the parent."""

    pipe: Connection = field(kw_only=True)

    def requested(self) -> str:
        try:
            if not self.reason and self.pipe.poll():
                self.reason = self.pipe.recv() or "stopped"
        except (EOFError, OSError):
            self.reason = "the parent process is gone"
        return super().requested()


def _work(pipe: Connection, settings: Settings, deadline: float, cores: list[int]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and sends a stop through the pipe
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(EOFError, BrokenPipeError):  # the parent is gone
        while (task := pipe.recv()) is not None and isinstance(task, Task):
            for _, event in carry_out(task, settings, RemoteStop(deadline, pipe=pipe)):
                with suppress(BrokenPipeError):
                    pipe.send(event)
