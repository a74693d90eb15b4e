"""One run carried out whatever happens: locked, trained, and told how it ended."""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from repro import records
from repro.errors import UserError
from repro.spec import Run
from repro.train import Progress, Settings, Stop, train


@dataclass(frozen=True)
class Task:
    run: Run
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """How a run ended: done, diverged, interrupted, failed (then `message`, and a traceback in `log`) or busy."""

    status: str
    message: str = ""
    log: Path | None = None


Event = tuple[Task, Progress | Outcome]


def carry_out(task: Task, settings: Settings, stop: Stop) -> Iterator[Event]:
    """Train the task's run in this process. An error ends this run alone: its traceback goes into run.log."""
    log = task.folder / "run.log"
    try:
        with records.locked(task.folder):
            status = "failed"
            for progress in train(task.run, task.folder, settings, stop):
                status = progress.status
                yield task, progress
            yield task, Outcome(status, stop.reason if status == "interrupted" else "")
    except records.Busy as error:
        yield task, Outcome("busy", str(error))
    except UserError:
        raise  # a missing data set, say: the same for every run
    except Exception as error:  # whatever it is, it is told, kept in the log, and the other runs go on
        message = f"{type(error).__name__}: {error}"
        _note_failure(task.folder, log, message, traceback.format_exc())
        yield task, Outcome("failed", message, log)


def _note_failure(folder: Path, log: Path, message: str, trace: str) -> None:
    try:
        with log.open("a", encoding="utf-8") as file:
            file.write(trace)
        if record := records.read_run(folder):
            records.write_run(folder, record | {"status": "failed", "reason": message})
    except (OSError, UserError):  # UserError: run.json itself cannot be read
        pass  # a full disk is most likely what the message is about already
