"""Where runs are trained: in this process, one by one or side by side, or in a pool of them.

Runs in, progress and finished runs out.

A launcher is any function `(tasks, settings, stop) -> Iterator[Event]`; each task ends in exactly one `Outcome`.
"""

from repro.launch import tune
from repro.launch.interleaved import interleaved
from repro.launch.local import in_process, pool
from repro.launch.task import Event, Outcome, Task, carry_out

__all__ = ["Event", "Outcome", "Task", "carry_out", "in_process", "interleaved", "pool", "tune"]
