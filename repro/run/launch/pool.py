"""Runs side by side, each in a worker process of its own."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
    """Up to `jobs` runs at a time, each in a process that takes the next run when it is done.

    A worker that dies (out of memory, say) costs its run alone; another takes its place. Where there are cores enough
    for all, each worker keeps to its own.
    """
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    waiting = deque(tasks)
    workers: list[_Worker] = []
    shares = share_cores(jobs, settings.threads or settings.share or 1)

    def hire() -> None:
        ours, theirs = context.Pipe()
        cores = next(share for share in shares if all(share is not w.cores for w in workers))
        process = context.Process(target=_work, args=(theirs, settings, stop.deadline, cores), daemon=True)
        process.start()
        theirs.close()
        task = waiting.popleft()
        ours.send(task)
        workers.append(_Worker(process, ours, task, cores))

    told = False
    try:
        while workers or (waiting and not stop.requested()):
            while waiting and len(workers) < jobs and not stop.requested():
                hire()
            for pipe in wait([w.pipe for w in workers], timeout=0.2):
                worker = next(w for w in workers if w.pipe is pipe)
                try:
                    event = worker.pipe.recv()
                except EOFError:
                    workers.remove(worker)
                    worker.process.join()
                    message = f"its process died with exit code {worker.process.exitcode}"
                    yield worker.task, Ending("failed", message, worker.task.folder / "run.log")
                    continue
                yield worker.task, event
                if isinstance(event, Ending):
                    if waiting and not stop.requested():
                        worker.task = waiting.popleft()
                        _tell(worker, worker.task)
                    else:
                        _tell(worker, None)
                        workers.remove(worker)
                        worker.process.join()
            if stop.requested() and not told:
                told = True
                for worker in workers:
                    _tell(worker, stop.reason)
    finally:
        for worker in workers:  # only where an error or a second interrupt broke off the loop above
            worker.process.terminate()


def share_cores(jobs: int, threads: int) -> list[list[int]]:
    """For each job the cores it may use; empty lists, for any of them, where there are too few or no telling."""
    if not hasattr(os, "sched_getaffinity"):
        return [[] for _ in range(jobs)]
    cores = sorted(os.sched_getaffinity(0))
    if jobs * threads > len(cores):
        return [[] for _ in range(jobs)]
    return [cores[job * threads : (job + 1) * threads] for job in range(jobs)]


def _tell(worker: _Worker, word: Task | str | None) -> None:
    """Send the next task, a reason to stop, or None: go. A worker that has gone already shows in its pipe."""
    with suppress(BrokenPipeError):
        worker.pipe.send(word)


class _RemoteStop(Stop):
    """A worker's stop: its own deadline, or a word from the parent."""

    pipe: Connection

    def requested(self) -> str:
        try:
            if not self.reason and self.pipe.poll():
                self.reason = self.pipe.recv() or "stopped"
        except (EOFError, OSError):
            self.reason = "the process that began it is gone"
        return super().requested()


def _work(pipe: Connection, settings: Settings, deadline: float, cores: list[int]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and says so through the pipe
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(EOFError, BrokenPipeError):  # nobody waits for it any more
        while (task := pipe.recv()) is not None and isinstance(task, Task):
            stop = _RemoteStop(deadline)
            stop.pipe = pipe
            for _, event in carry_out(task, settings, stop):
                with suppress(BrokenPipeError):
                    pipe.send(event)
