"""Several runs side by side in this process, for a GPU that one run cannot fill."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from repro.run.launch.task import Event, Task, carry_out
from repro.train.loop import Settings, Stop


def interleaved(tasks: Sequence[Task], settings: Settings, stop: Stop, jobs: int) -> Iterator[Event]:
    """Up to `jobs` runs in turns, each on a stream of its own: while the host waits for one, the others' work goes on.

    A turn ends where a run has handed its device some fifty iterations. Each run ends with the bits of a run alone.
    """
    waiting = deque(tasks)
    running: list[tuple[Iterator[Event], AbstractContextManager[Any]]] = []
    while running or (waiting and not stop.requested()):
        while waiting and len(running) < jobs and not stop.requested():
            running.append((carry_out(waiting.popleft(), settings, stop), stream_of(settings.device)))
        for turn in list(running):
            events, stream = turn
            with stream:
                event = next(events, None)
            if event is None:
                running.remove(turn)
            else:
                yield event


def stream_of(device: str) -> AbstractContextManager[Any]:
    """A new stream, to be entered for each turn; nothing on the CPU."""
    if not device.startswith("cuda"):
        return nullcontext()
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    return torch.cuda.stream(stream)
