"""One run carried out whatever happens: locked, trained, and told how it ended."""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from repro import records
from repro.errors import UserError
from repro.records.record import Status
from repro.spec import Run
from repro.train.loop import Progress, Settings, Stop, train


@dataclass(frozen=True)
class Task:
    run: Run
    folder: Path


@dataclass(frozen=True)
class Ending:
    """How a run ended: done, diverged, interrupted, failed (then `message`, and a traceback in `log`), busy or refused.

    Refused is what cannot be trained as it was asked for; `message` says what is allowed.
    """

    status: Literal[Status, "busy", "refused"]
    message: str = ""
    log: Path | None = None


Event = tuple[Task, Progress | Ending]


def carry_out(task: Task, settings: Settings, stop: Stop) -> Iterator[Event]:
    """Train the task's run in this process. An error ends this run alone: its traceback goes into run.log."""
    log = task.folder / "run.log"
    try:
        with records.locked(task.folder):
            status: Status = "failed"
            for progress in train(task.run, task.folder, settings, stop):
                status = progress.status
                yield task, progress
            yield task, Ending(status, stop.reason if status == "interrupted" else "")
    except records.Busy as error:
        yield task, Ending("busy", str(error))
    except UserError as error:
        yield task, Ending("refused", str(error))
    except Exception as error:  # whatever it is, it is told, kept in the log, and the other runs go on
        _note_failure(task.folder, log, error)
        yield task, Ending("failed", f"{type(error).__name__}: {error}", log)


def _note_failure(folder: Path, log: Path, error: Exception) -> None:
    """The traceback into the log, and the reason into the record, which is published: without a file's path."""
    told = error.strerror if isinstance(error, OSError) and error.strerror else error
    try:
        with log.open("a", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))
        if record := records.read_run(folder):
            records.write_run(folder, record.but(status="failed", reason=f"{type(error).__name__}: {told}"))
    except (OSError, UserError):  # UserError: run.json itself cannot be read
        pass  # a full disk is most likely what the message is about already
