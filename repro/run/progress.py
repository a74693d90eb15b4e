"""What the user sees while runs train: progress bars on a terminal, plain lines elsewhere. NO_COLOR is respected."""

import math
import sys
import time
from datetime import datetime, timedelta
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from repro.durations import duration
from repro.spec import Run
from repro.train.loop import Progress

LINE_EVERY_SECONDS = 30.0  # between the plain lines of a run
LONG_RUN_SECONDS = 12 * 3600.0  # for a run longer than this, a reduced scale is suggested


class Display:
    """Shows the progress of runs; use as a context manager."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self.console = Console(file=stream or sys.stderr)
        self.total, self.ended = total, 0
        self.live = self.console.is_terminal
        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self.console,
            disable=not self.live,
        )
        self.tasks: dict[str, TaskID] = {}
        self.last_line: dict[str, float] = {}  # run -> time.monotonic() of its last plain line
        self.hinted = False

    def __enter__(self) -> "Display":
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def print(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def show(self, run: Run, progress: Progress) -> None:
        if progress.note:
            self.print(f"{run.name}: {progress.note}")
        if not self.hinted and (hint := _hint(run, progress)):
            self.hinted = True
            self.print(hint)
        if self.live:
            if run.name not in self.tasks:
                self.tasks[run.name] = self.bars.add_task(run.name, total=progress.iterations, numbers="")
            numbers = {"numbers": text} if (text := _numbers(progress)) else {}
            self.bars.update(self.tasks[run.name], completed=progress.iteration, **numbers)  # type: ignore[arg-type]
        elif not math.isnan(progress.iterations_per_second) and self._due(run.name):
            left = (progress.iterations - progress.iteration) / progress.iterations_per_second
            self.print(
                f"{run.name}: {progress.iteration}/{progress.iterations} {_numbers(progress)}, {duration(left)} left"
            )

    def end(self, run: Run, status: str, message: str = "") -> None:
        self.ended += 1
        if run.name in self.tasks:
            self.bars.remove_task(self.tasks.pop(run.name))
        self.print(f"[{self.ended}/{self.total}] {run.name}: {status}{': ' + message if message else ''}")

    def _due(self, name: str) -> bool:
        now = time.monotonic()
        if now - self.last_line.setdefault(name, now) < LINE_EVERY_SECONDS:
            return False
        self.last_line[name] = now
        return True


def _hint(run: Run, progress: Progress) -> str:
    """For a long run: when it will finish at its present speed, and the scale at which it would take about an hour."""
    left = (progress.iterations - progress.iteration) / progress.iterations_per_second
    if run.scale.fraction is None or not left > LONG_RUN_SECONDS:  # NaN: no speed yet
        return ""
    done = datetime.now() + timedelta(seconds=left)
    hour = run.scale.fraction / math.ceil(progress.iterations / progress.iterations_per_second / 3600)
    return (
        f"{run.name} trains at {progress.iterations_per_second:.2g} it/s and will finish on {done:%d %B at %H:%M}, "
        f"in {duration(left)}. `--scale {hour}` would shorten its schedule to about an hour."
    )


def _numbers(progress: Progress) -> str:
    known = {
        "{:.1f} it/s": progress.iterations_per_second,
        "loss {:.3f}": progress.loss,
        "test error {:.2f} %": progress.test_error,
    }
    return ", ".join(form.format(value) for form, value in known.items() if not math.isnan(value))
