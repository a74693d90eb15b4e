"""Launchers: train runs in this process, one by one or side by side, or in a pool of processes.

They take tasks and yield events. A new launcher is one file and one line in LAUNCHERS.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from repro.run.launch import tune
from repro.run.launch.in_process import in_process
from repro.run.launch.interleaved import interleaved
from repro.run.launch.pool import pool
from repro.run.launch.task import Event, Task, carry_out
from repro.run.result import Ending
from repro.train.control import Settings, Stop

__all__ = ["LAUNCHERS", "Ending", "Event", "Launcher", "Task", "carry_out", "choose", "tune"]


class Launcher(Protocol):
    """Trains tasks, up to `jobs` of them at a time.

    Each task that is started yields exactly one `Ending`, whatever happens. After a stop, no further task is started.
    """

    def __call__(self, tasks: Sequence[Task], settings: Settings, stop: Stop, jobs: int) -> Iterator[Event]: ...


LAUNCHERS: dict[str, Launcher] = {"in-process": in_process, "interleaved": interleaved, "pool": pool}


def choose(device: str, jobs: int) -> str:
    """The launcher's name for `jobs` runs at a time on `device`. On a GPU, streams are faster than processes."""
    if jobs == 1:
        return "in-process"
    return "interleaved" if device.startswith("cuda") else "pool"
