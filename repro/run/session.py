"""One `repro run`: train the runs that are not done, show their progress, and summarize how they ended."""

import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from repro import durations, records
from repro.data import catalog
from repro.errors import UserError
from repro.records.record import FINISHED
from repro.records.states import Planned
from repro.run import launch, resources
from repro.run.launch import Ending, Task
from repro.run.progress import Display
from repro.tracking.mirror import mirrored
from repro.train import checkpoint, weights
from repro.train.loop import Progress, Settings, Stop
from repro.wording import plural


@dataclass(frozen=True)
class Options:
    """The options of `repro run` that do not choose runs; see its help for each."""

    device: str = "auto"
    jobs: int | str = 1  # a number or "auto"
    threads: int | None = None
    precision: str = "auto"
    step: str = "auto"
    ways: str | None = None
    time_limit: str | None = None
    checkpoint_every: int | None = None
    wandb: str | None = None


@dataclass
class Result:
    """How the runs of one command ended. `exit_code` is documented in `repro --help`."""

    stop: Stop
    command: str
    outcomes: dict[str, Ending] = field(default_factory=dict)
    not_begun: int = 0

    @property
    def exit_code(self) -> int:
        if self.stop.reason and self.stop.reason != "time limit":
            return 130
        ends = {outcome.status for outcome in self.outcomes.values()}
        if ends & {"failed", "busy", "damaged"}:
            return 1
        if "refused" in ends:
            return 2
        return 4 if self.stop.reason and self._left else 0

    @property
    def _left(self) -> int:
        return self.not_begun + sum(outcome.status == "interrupted" for outcome in self.outcomes.values())

    def message(self) -> str:
        lines = []
        for name, outcome in self.outcomes.items():
            if outcome.status in ("failed", "busy", "refused", "damaged") or outcome.message:
                log = f"; log: {outcome.log}" if outcome.log else ""
                lines.append(f"{name} {outcome.status}: {outcome.message}{log}")
        if self.stop.reason and self._left:
            runs = plural(self._left, "run")
            lines.append(f"Stopped ({self.stop.reason}) with {runs} left. To resume: {self.command}")
        return "\n".join(lines)

    def summary(self) -> dict[str, Any]:
        runs = {n: {"status": o.status, "message": o.message} for n, o in self.outcomes.items()}
        return {
            "exit_code": self.exit_code,
            "stopped": self.stop.reason,
            "not_begun": self.not_begun,
            "runs": runs,
        }


def run(root: Path, planned: list[Planned], options: Options) -> Result:
    """Train the runs of `planned` that are not done. UserError, before anything is trained, if they cannot be.

    A run whose record is damaged is left as it is: only the user knows whether its files can be restored.
    """
    stop = Stop() if options.time_limit is None else Stop(time.monotonic() + durations.parse(options.time_limit))
    result = Result(stop, shlex.join(["repro", *sys.argv[1:]]))
    todo = [p for p in planned if p.state.kind not in (*FINISHED, "damaged")]
    for p in planned:
        if p.state.kind in FINISHED:
            result.outcomes[p.run.name] = Ending(p.state.kind, _other_precision(p, options.precision))
        elif p.state.kind == "damaged":
            result.outcomes[p.run.name] = Ending("damaged", _remedy(p))
    if not todo:
        return result
    device = resources.resolve_device(options.device)
    for scale in {p.run.scale for p in todo}:
        records.check_writable(records.results_folder(root, scale))
    for name in {p.run.recipe.dataset for p in todo}:
        catalog.require(catalog.describe(name), catalog.data_dir())
    names = {p.run.name for p in todo}
    for p in todo:
        if p.run.source and p.run.source.name not in names:
            weights.check_source(p.run, root)
    settings = Settings(
        device=device,
        threads=options.threads,
        data_dir=catalog.data_dir(),
        precision=options.precision,
        step=options.step,
        root=root,
    )
    if every := options.checkpoint_every:
        settings = replace(settings, checkpoint_every=every, checkpoint_seconds=0.0)
    display, jobs = Display(len(todo)), options.jobs
    if options.ways:
        jobs, settings = resources.choose_fastest(todo, settings, stop, display)
    with (
        display,
        mirrored(root, todo, options.wandb, display.print),
        stopping_on_signals(stop, display),
    ):
        jobs, settings = resources.allocate(planned, todo, jobs, settings, display)
        trained, refusal = False, ""
        for task, event in _launch(todo, settings, stop, jobs):
            if isinstance(event, Ending):
                if event.status == "refused" and not trained:  # wrong options: start no other run
                    refusal, stop.reason = event.message, stop.reason or "refused"
                    continue
                result.outcomes[task.run.name] = event
                display.end(task.run, event.status, event.message)
            else:
                trained = trained or event.iteration > 0
                display.show(task.run, event)
    if refusal:
        raise UserError(refusal)
    result.not_begun = len(planned) - len(result.outcomes)
    return result


def _launch(todo: list[Planned], settings: Settings, stop: Stop, jobs: int) -> Iterator[tuple[Task, Ending | Progress]]:
    """Train the runs; those that start from the weights of others among them after those have ended."""
    launcher, names = launch.LAUNCHERS[launch.choose(settings.device, jobs)], {p.run.name for p in todo}
    later = [p for p in todo if p.run.source and p.run.source.name in names]
    for wave in ([p for p in todo if p not in later], later):
        if wave and not stop.reason:
            yield from launcher([Task(p.run, p.folder) for p in wave], settings, stop, jobs)


def _remedy(planned: Planned) -> str:
    """What is wrong with a run's record, and what the user can do."""
    folder = planned.folder
    if not planned.state.harmed:  # the reason says what to do
        return f"{planned.state.reason}. Nothing was trained or changed"
    again = f"remove {folder} to train the run again"
    if (folder / checkpoint.CURRENT).exists():
        again = f"remove {folder / 'run.json'} to write them again from {checkpoint.CURRENT}"
    restore = shlex.join(["git", "restore", str(folder)])
    return f"{planned.state.reason}. Nothing was trained or changed. Restore its files (`{restore}`), or {again}"


def _other_precision(planned: Planned, asked: str) -> str:
    """A message if the user asked for another precision than that of a finished run, else ""."""
    assert planned.state.record  # a finished run has a record
    precision = planned.state.record.precision
    if asked in ("auto", precision):
        return ""
    return f"already trained in {precision}, so not trained in {asked}: each seed has one record"


@contextmanager
def stopping_on_signals(stop: Stop, display: Display) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM saves a checkpoint and stops; the second aborts at once."""

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.reason and stop.reason != "time limit":
            raise KeyboardInterrupt
        stop.reason = signal.Signals(number).name
        display.print("Saving a checkpoint and stopping. Press Ctrl-C again to abort.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
