"""One `repro run`: choose device and launcher, train what is not done yet, show it, and sum up how it ended."""

import os
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

import torch

from repro import durations, launch, records
from repro.data import catalog
from repro.errors import UserError
from repro.launch import Outcome, Task
from repro.plan import Planned
from repro.progress import Display
from repro.spec import Scale
from repro.tracking.mirror import mirrored
from repro.train import Settings, Stop

WORTH_MEASURING = 2000  # iterations of all runs together


@dataclass
class Ended:
    """How the runs of one invocation ended; `exit_code` as the CLI documents it."""

    stop: Stop
    command: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    not_begun: int = 0

    @property
    def exit_code(self) -> int:
        if self.stop.reason and self.stop.reason != "time limit":
            return 130
        ends = {outcome.status for outcome in self.outcomes.values()}
        if ends & {"failed", "busy"}:
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
            if outcome.status in ("failed", "busy", "refused") or outcome.message:
                log = f"; log: {outcome.log}" if outcome.log else ""
                lines.append(f"{name} {outcome.status}: {outcome.message}{log}")
        if self.stop.reason and self._left:
            runs = f"{self._left} run{'s' * (self._left > 1)}"
            lines.append(f"Stopped ({self.stop.reason}) with {runs} to go. To go on: {self.command}")
        return "\n".join(lines)

    def summary(self) -> dict[str, Any]:
        runs = {n: {"status": o.status, "message": o.message} for n, o in self.outcomes.items()}
        return {
            "exit_code": self.exit_code,
            "stopped": self.stop.reason,
            "not_begun": self.not_begun,
            "runs": runs,
        }


def run(root: Path, planned: list[Planned], options: dict[str, Any]) -> Ended:
    """Train what of `planned` is not done. UserError before anything is trained where it cannot begin."""
    limit = options["time_limit"]
    stop = Stop() if limit is None else Stop(time.monotonic() + durations.parse(limit))
    ended = Ended(stop, shlex.join(["repro", *sys.argv[1:]]))
    todo = [p for p in planned if p.state.kind not in records.FINISHED]
    for p in planned:
        if p.state.kind in records.FINISHED:
            ended.outcomes[p.run.name] = Outcome(p.state.kind, _other_precision(p, options["precision"]))
    if not todo:
        return ended
    device = device_of(options["device"])
    for scale in {p.run.scale for p in todo}:
        records.check_writable(records.results_folder(root, scale))
    for name in {p.run.recipe.dataset for p in todo}:
        catalog.require(catalog.describe(name), catalog.data_dir())
    settings = Settings(
        device=device,
        threads=options["threads"],
        data_dir=catalog.data_dir(),
        precision=options["precision"],
        step=options["step"],
        root=root,
    )
    if every := options["checkpoint_every"]:
        settings = replace(settings, checkpoint_every=every, checkpoint_seconds=0.0)
    with (
        Display(len(todo)) as display,
        mirrored(root, todo, options["wandb"], display.say),
        stopping_on_signals(stop, display),
    ):
        tasks = [_prepare(p, display) for p in todo]
        jobs, settings = share_out(planned, todo, options["jobs"], settings, display)
        trained, refusal = False, ""
        for task, event in launched(tasks, settings, stop, jobs):
            if isinstance(event, Outcome):
                if event.status == "refused" and not trained:  # wrong from the beginning: nothing else is begun
                    refusal, stop.reason = event.message, stop.reason or "refused"
                    continue
                ended.outcomes[task.run.name] = event
                display.end(task.run, event.status, event.message)
            else:
                trained = trained or event.iteration > 0
                display.show(task.run, event)
    if refusal:
        raise UserError(refusal)
    ended.not_begun = len(planned) - len(ended.outcomes)
    return ended


def _other_precision(planned: Planned, asked: str) -> str:
    """What a user who asked for another precision than a finished run's should know; "" for all others."""
    assert planned.state.record  # it is finished
    precision = records.precision_of(planned.state.record)
    if asked in ("auto", precision):
        return ""
    return f"in {precision}, so nothing was trained in {asked}: a seed has one record"


def _prepare(planned: Planned, display: Display) -> Task:
    if planned.state.kind == "stale" and planned.state.record:
        with records.locked(planned.folder):
            pass  # nobody is at work on it
        aside = records.set_aside(planned.folder, planned.state.record["fingerprint"])
        display.say(f"{planned.run.name} is stale ({planned.state.reason}): kept as {aside.name}, trained anew")
    return Task(planned.run, planned.folder)


@contextmanager
def stopping_on_signals(stop: Stop, display: Display) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks for a checkpoint and a clean end; a second Ctrl-C breaks off at once."""

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.reason and stop.reason != "time limit":
            raise KeyboardInterrupt
        stop.reason = signal.Signals(number).name
        display.say("Stopping at the next iteration, with a checkpoint; once more to break off.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def device_of(name: str) -> str:
    """ "auto" -> "cuda" where there is one, else "cpu". UserError for a device that is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type == "cpu" or (device.type == "cuda" and (device.index or 0) < gpus):
        return name
    numbers = "".join(f", cuda:{number}" for number in range(gpus))
    there = f"cpu, cuda{numbers}" if gpus else "cpu (no CUDA device is here)"
    raise UserError(f"--device {name} is not available; allowed: auto, {there}")


def share_out(
    planned: list[Planned], todo: list[Planned], jobs: int | str, settings: Settings, display: Display
) -> tuple[int, Settings]:
    """How many runs at a time, and the settings with each one's share of the threads. "auto" is measured where it pays.

    The share does not depend on what of `planned` is done already: the same command trains to the same bits.
    """
    if jobs == "auto" and worth_measuring(todo):
        jobs, share, told = launch.tune.best(todo[0].run, settings, cores(), len(todo))
        if told:
            display.say(told)
        return jobs, replace(settings, share=share)
    if jobs == "auto":
        jobs = cores() if settings.device == "cpu" else 1
    share = threads_for(todo[0].run.scale, min(int(jobs), len(planned)))
    return min(int(jobs), len(todo)), replace(settings, share=share)


def worth_measuring(todo: list[Planned]) -> bool:
    enough = sum(p.run.recipe.schedule.iterations for p in todo) >= WORTH_MEASURING
    return enough and not todo[0].run.scale.is_demo


def launched(tasks: list[Task], settings: Settings, stop: Stop, jobs: int) -> Iterator[launch.Event]:
    if jobs == 1:
        return launch.in_process(tasks, settings, stop)
    if settings.device.startswith("cuda"):
        return launch.interleaved(tasks, settings, stop, jobs)
    return launch.pool(tasks, settings, stop, jobs)


def threads_for(scale: Scale, jobs: int) -> int:
    """The cores shared out; one for a demo, whose small networks only wait for each other on several."""
    return 1 if scale.is_demo else max(1, cores() // jobs)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
