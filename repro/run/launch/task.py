"""One run, from lock to `Ending`: errors are caught, logged and reported, so that the other runs continue."""

import traceback
from collections.abc import Iterator
from contextlib import suppress
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
    """How a run ended: done, diverged, interrupted, failed, or not begun because it is busy, refused or damaged.

    failed: with `message`, and a traceback in `log` unless that could not be written. busy: another process is training
    it. refused: it cannot be trained with these options; damaged: its record is. `message` says why.
    """

    status: Literal[Status, "busy", "refused", "damaged"]
    message: str = ""
    log: Path | None = None


Event = tuple[Task, Progress | Ending]


def carry_out(task: Task, settings: Settings, stop: Stop) -> Iterator[Event]:
    """Train the task's run in this process. An error ends this run only; its traceback goes into run.log."""
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
    except Exception as error:  # any error is logged and reported, and the other runs continue
        logged = _write_log(log, error)
        _record_failure(task.folder, error)
        yield task, Ending("failed", f"{type(error).__name__}: {error}", log if logged else None)


def _write_log(log: Path, error: Exception) -> bool:
    """Append the traceback to the log. Return whether there is something in it; no empty log is left."""
    with suppress(OSError):  # most likely the disk is full, which is then the error being reported
        with log.open("a", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))
    with suppress(OSError):
        if log.stat().st_size:
            return True
        log.unlink()
    return False


def _record_failure(folder: Path, error: Exception) -> None:
    """Write the reason to the record. Records are published, so no file path goes in."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    try:
        if record := records.read_run(folder):
            records.write_run(folder, record.replace(status="failed", reason=f"{type(error).__name__}: {reason}"))
    except (OSError, UserError):  # UserError: run.json cannot be read
        pass  # the error being reported is then the same one
