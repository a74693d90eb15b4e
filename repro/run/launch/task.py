"""One run, from lock to `Ending`: errors are caught, logged and reported, so that the other runs continue."""

import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from repro import records, spec
from repro.errors import UserError
from repro.records.fault import printable
from repro.records.record import Record, Status
from repro.run.result import Ending
from repro.spec import Run
from repro.train.control import Progress, Settings, Stop
from repro.train.loop import train


@dataclass(frozen=True)
class Task:
    run: Run
    folder: Path


Event = tuple[Task, Progress | Ending]


def carry_out(task: Task, settings: Settings, stop: Stop) -> Iterator[Event]:
    """Train the task's run in this process. An error ends this run only; its traceback goes into run.log."""
    try:
        with records.locked(task.folder):
            yield from _with_lock(task, settings, stop)
    except records.Busy as error:
        yield task, Ending("busy", str(error))
    except OSError as error:  # the folder cannot be made or locked
        yield task, Ending("failed", f"{type(error).__name__}: {error}")


def _with_lock(task: Task, settings: Settings, stop: Stop) -> Iterator[Event]:
    try:
        status: Status = "failed"
        for progress in train(task.run, task.folder, settings, stop):
            status = progress.status
            yield task, progress
        yield task, Ending(status, stop.reason if status == "interrupted" else "")
    except records.Fault as error:
        yield task, Ending("damaged", str(error))
    except UserError as error:
        yield task, Ending("refused", str(error))
    except Exception as error:  # any error is logged and reported, and the other runs continue
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        told = f"{type(error).__name__}: {reason}"
        log = _record_failure(task, "".join(traceback.format_exception(error)), told.replace(str(task.folder), ""))
        yield task, Ending("failed", f"{type(error).__name__}: {error}", log)


def record_death(task: Task, reason: str) -> Path | None:
    """Log that the process which trained the task's run has died; the log, or None if it cannot be written."""
    try:
        with records.locked(task.folder):
            return _record_failure(task, f"{datetime.now(UTC).isoformat(timespec='seconds')} {reason}\n", reason)
    except (OSError, UserError):  # UserError: another process trains the run by now
        return None


def _record_failure(task: Task, text: str, reason: str) -> Path | None:
    """Write `text` to the log and `reason` to the record, which is published; return the log.

    A finished or stale record stays as it is: the run was to replace it. Most likely the disk is full if this fails,
    which is then the error being reported.
    """
    log = task.folder / "run.log"
    logged = _append(log, text)
    with suppress(OSError, UserError):  # UserError: run.json cannot be read
        if (record := records.read_run(task.folder)) and _is_of(record, task.run):
            records.write_run(task.folder, record.replace(status="failed", reason=printable(reason)))
    return log if logged else None


def _is_of(record: Record, run: Run) -> bool:
    """Whether it is the unfinished record of this run, not a stale one."""
    return not record.is_finished and record.fingerprint in spec.fingerprints(run, record.data_checksum)


def _append(log: Path, text: str) -> bool:
    """Append to the log. Return whether there is something in it; no empty log is left."""
    with suppress(OSError):
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    with suppress(OSError):
        if log.stat().st_size:
            return True
        log.unlink()
    return False
