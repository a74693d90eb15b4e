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
from pathlib import Path

from repro import interrupts
from repro.run.launch.task import Event, Task, carry_out, record_death
from repro.run.result import Ending
from repro.train.control import Progress, Settings, Stop

EXIT_SECONDS = 10.0  # that a worker may take to end before it is killed


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: Task
    cores: list[int]


def pool(tasks: Sequence[Task], settings: Settings, stop: Stop, jobs: int) -> Iterator[Event]:
    """Up to `jobs` runs at a time, each in a worker process that takes the next run when it has finished one.

    If a worker dies, for example for lack of memory, a new one takes its run; if that one dies too, the run has
    failed, and the others continue. Workers are pinned to separate cores if there are enough for all.
    """
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    waiting, started_again = deque(tasks), set[Path]()
    workers: list[_Worker] = []
    core_sets = split_cores(jobs, settings.threads or settings.default_threads or 1)

    def start_worker(task: Task) -> None:
        """OSError if the system does not start another process."""
        ours, theirs = context.Pipe()
        cores = next(cores for cores in core_sets if all(cores is not w.cores for w in workers))
        process = context.Process(target=_work, args=(theirs, settings, stop.deadline, cores), daemon=True)
        with theirs, interrupts.blocked():
            process.start()
        workers.append(_Worker(process, ours, task, cores))
        _send(workers[-1], task)

    def lost(task: Task, reason: str) -> Event:
        """The worker of a run has died."""
        if task.folder in started_again or stop.requested():
            return task, Ending("failed", reason, record_death(task, reason))
        started_again.add(task.folder)
        waiting.appendleft(task)
        return task, Progress(0, task.run.recipe.schedule.iterations, note=f"{reason}; starting another one")

    stop_sent = False
    try:
        while workers or (waiting and not stop.requested()):
            while waiting and len(workers) < jobs and not stop.requested():
                task = waiting.popleft()
                try:
                    start_worker(task)
                except OSError as error:
                    yield lost(task, f"cannot start a worker process: {error.strerror}")
            for pipe in wait([w.pipe for w in workers], timeout=0.2):
                worker = next(w for w in workers if w.pipe is pipe)
                try:
                    event = worker.pipe.recv()
                except (EOFError, OSError):  # OSError: it died before it had read its task, or within a message
                    workers.remove(worker)
                    yield lost(worker.task, f"its worker process died{_end(worker)}")
                    continue
                yield worker.task, event
                if isinstance(event, Ending):
                    if waiting and not stop.requested():
                        worker.task = waiting.popleft()
                        _send(worker, worker.task)
                    else:
                        _send(worker, None)
                        workers.remove(worker)
                        _end(worker)
            if stop.requested() and not stop_sent:
                stop_sent = True
                for worker in workers:
                    _send(worker, stop.reason)
        for task in waiting:  # not reached again before the stop
            if task.folder in started_again:
                yield task, Ending("interrupted", stop.reason)
    finally:
        for worker in workers:  # some are left only if an error or a second Ctrl-C ended the loop above
            worker.process.terminate()
        for worker in workers:
            _end(worker)


def _end(worker: _Worker) -> str:
    """Wait for a worker that is ending, or kill it; its exit code in words."""
    worker.process.join(EXIT_SECONDS)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.pipe.close()
    code = worker.process.exitcode or 0
    return f" of {signal.Signals(-code).name}" if code < 0 else f" with exit code {code}"


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
    with suppress(OSError):
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
    with suppress(EOFError, OSError):  # the parent is gone
        while (task := pipe.recv()) is not None and isinstance(task, Task):
            for _, event in carry_out(task, settings, RemoteStop(deadline, pipe=pipe)):
                with suppress(OSError):
                    pipe.send(event)
