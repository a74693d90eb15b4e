"""Starts what a command asks for: which runs are left, whether they can be trained at all. Then `session` trains them.

Imports torch only if there is something to train: it takes seconds.
"""

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from repro import durations
from repro.data import catalog
from repro.records.folder import CHECKPOINT
from repro.records.record import FINISHED
from repro.records.states import Planned
from repro.run.result import Ending, Options, Result
from repro.train.control import Stop
from repro.wording import plural


def run(root: Path, planned: list[Planned], options: Options) -> Result:
    """Train the runs of `planned` that are not done. UserError, before anything is trained, if they cannot be.

    A run whose record is damaged is left as it is: only the user knows whether its files can be restored.
    """
    stop = Stop() if options.time_limit is None else Stop(time.monotonic() + durations.parse(options.time_limit))
    result = Result(stop, shlex.join(["repro", *sys.argv[1:]]))
    for p in planned:
        if p.state.kind in FINISHED:
            result.outcomes[p.run.name] = Ending(p.state.kind, _other_precision(p, options.precision))
        elif p.state.kind == "damaged":
            result.outcomes[p.run.name] = Ending("damaged", _remedy(p))
    todo = [p for p in planned if p.run.name not in result.outcomes]
    if not todo:
        return result
    for name in {p.run.recipe.dataset for p in todo}:
        catalog.require(catalog.describe(name), catalog.data_dir())
    click.echo(_announcement(todo, planned), err=True)
    from repro.run import session

    return session.run(root, planned, todo, options, result)


def _announcement(todo: Sequence[Planned], planned: Sequence[Planned]) -> str:
    """Such as "Training 3 of 18 runs; 15 are done."."""
    if len(todo) == len(planned):
        return f"Training {plural(len(todo), 'run')}."
    done = sum(p.state.kind in FINISHED for p in planned)
    return f"Training {len(todo)} of {plural(len(planned), 'run')}; {done} {'is' if done == 1 else 'are'} done."


def _remedy(planned: Planned) -> str:
    """What is wrong with a run's record, and what the user can do."""
    folder = planned.folder
    if not planned.state.harmed:  # the reason says what to do
        return f"{planned.state.reason}. Nothing was trained or changed"
    again = f"remove {folder} to train the run again"
    if (folder / CHECKPOINT).exists():
        again = f"remove {folder / 'run.json'} to write them again from {CHECKPOINT}"
    restore = shlex.join(["git", "restore", str(folder)])
    return f"{planned.state.reason}. Nothing was trained or changed. Restore its files (`{restore}`), or {again}"


def _other_precision(planned: Planned, asked: str) -> str:
    """A message if the user asked for another precision than that of a finished run, else ""."""
    assert planned.state.record  # a finished run has a record
    precision = planned.state.record.precision
    if asked in ("auto", precision):
        return ""
    return f"already trained in {precision}, so not trained in {asked}: each seed has one record"
