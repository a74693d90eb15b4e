"""What the user sees while runs train: progress bars on a terminal, plain lines elsewhere. NO_COLOR is respected."""

import math
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from repro.durations import duration
from repro.spec import Run
from repro.train.control import Progress
from repro.wording import plural

LINE_EVERY_SECONDS = 30.0  # between the plain lines of a run
LONG_RUN_SECONDS = 12 * 3600.0  # for a run longer than this, a reduced scale is suggested


@dataclass
class _Run:
    """What was seen of a run in this session."""

    begun: float  # time.monotonic()
    first: int  # the iteration at which it was begun or resumed
    latest: Progress
    last_line: float  # time.monotonic() of its last plain line


class Display:
    """Shows the progress of runs; use as a context manager."""

    def __init__(self, runs: Sequence[Run], stream: TextIO | None = None) -> None:
        self.console = Console(file=stream or sys.stderr, force_jupyter=False)
        self.iterations = {run.name: run.recipe.schedule.iterations for run in runs}
        self.live = self.console.file.isatty()  # FORCE_COLOR, which Jupyter sets, makes no terminal
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
        self.seen: dict[str, _Run] = {}
        self.ends: Counter[str] = Counter()  # status -> runs
        self.notes: set[str] = set()
        self.hinted = False
        self.begun = time.monotonic()

    def __enter__(self) -> "Display":
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()
        if ended := self.ends.total():
            kinds = ", ".join(f"{number} {status}" for status, number in self.ends.items())
            what = f"{plural(ended, 'run')} {kinds.split()[1]}" if len(self.ends) == 1 else f"{ended} runs, {kinds},"
            self.print(f"{what} in {duration(time.monotonic() - self.begun)}")

    def print(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def show(self, run: Run, progress: Progress) -> None:
        now = time.monotonic()
        seen = self.seen.setdefault(run.name, _Run(now, progress.iteration, progress, now))
        seen.latest = progress
        if progress.note and progress.note not in self.notes:  # most notes are about all runs
            self.notes.add(progress.note)
            self.print(f"{run.name}: {progress.note}")
        if not self.hinted and (hint := _hint(run, progress)):
            self.hinted = True
            self.print(hint)
        if self.live:
            if run.name not in self.tasks:
                self.tasks[run.name] = self.bars.add_task(run.name, total=progress.iterations, numbers="")
            numbers = {"numbers": text} if (text := _numbers(progress)) else {}
            self.bars.update(self.tasks[run.name], completed=progress.iteration, **numbers)  # type: ignore[arg-type]
        elif not math.isnan(progress.iterations_per_second) and now - seen.last_line >= LINE_EVERY_SECONDS:
            seen.last_line = now
            left = (progress.iterations - progress.iteration) / progress.iterations_per_second
            self.print(
                f"{run.name}: {progress.iteration}/{progress.iterations} {_numbers(progress)}, {duration(left)} left"
            )

    def end(self, run: Run, status: str, message: str = "") -> None:
        """One line: how the run ended, with its test error and time if it was trained, and the time left for all."""
        self.ends[status] += 1
        if run.name in self.tasks:
            self.bars.remove_task(self.tasks.pop(run.name))
        parts = [f"{status}: {message}" if message else status]
        seen = self.seen.get(run.name)
        if seen and not math.isnan(seen.latest.test_error):
            parts.append(f"test error {seen.latest.test_error:.2f} %")
        if seen and seen.latest.iteration > seen.first:
            parts.append(duration(time.monotonic() - seen.begun))
        total = len(self.iterations)
        left = f"; about {duration(seconds)} left" if (seconds := self._seconds_left()) else ""
        self.print(f"[{self.ends.total()}/{total}] {run.name}: {', '.join(parts)}{left}")

    def _seconds_left(self) -> float:
        """Until all runs have ended, if the others are as fast as those seen; 0 if that is not known."""
        trained = sum(seen.latest.iteration - seen.first for seen in self.seen.values())
        left = sum(self.iterations.values()) - sum(seen.latest.iteration for seen in self.seen.values())
        elapsed = time.monotonic() - min((seen.begun for seen in self.seen.values()), default=self.begun)
        return left / trained * elapsed if trained and self.ends.total() < len(self.iterations) else 0.0


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
