"""Trains the runs of one command that are not done, and shows their progress. `start` decides what is done."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from repro import records
from repro.data import catalog
from repro.errors import UserError
from repro.records.states import Planned
from repro.run import launch, resources
from repro.run.launch import Ending, Task
from repro.run.progress import Display
from repro.run.result import Options, Result
from repro.tracking.mirror import mirrored
from repro.train import weights
from repro.train.control import Progress, Settings, Stop


def run(root: Path, planned: list[Planned], todo: list[Planned], options: Options, result: Result) -> Result:
    """Train the runs `todo` of `planned`, and add how they ended to `result`.

    UserError, before anything is trained, if they cannot be.
    """
    stop, device = result.stop, resources.resolve_device(options.device)
    for scale in {p.run.scale for p in todo}:
        records.check_writable(records.results_folder(root, scale))
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
        specs={p.run.experiment: p.spec.parent for p in todo},
    )
    if every := options.checkpoint_every:
        settings = replace(settings, checkpoint_every=every, checkpoint_seconds=0.0)
    display, jobs = Display([p.run for p in todo]), options.jobs
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
