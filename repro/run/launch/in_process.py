"""Runs one after another in this process."""

from collections.abc import Iterator, Sequence

from repro.run.launch.task import Event, Task, carry_out
from repro.train.control import Settings, Stop


def in_process(tasks: Sequence[Task], settings: Settings, stop: Stop, jobs: int = 1) -> Iterator[Event]:
    """Train one run after another; `jobs` is ignored. After a stop the rest are not started."""
    for task in tasks:
        if stop.requested():
            return
        yield from carry_out(task, settings, stop)
