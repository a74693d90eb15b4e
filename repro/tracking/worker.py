"""The worker process: reads a job from standard input, does it, and writes messages to standard output.

The job `follow` mirrors runs while they are trained, by watching their folders; `sync` sends records; `review` makes
the review run and the W&B Report. Only `process.Worker` starts it, as `python -m repro.tracking.worker`.
"""

import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from repro import records, spec
from repro.errors import UserError
from repro.records.record import Record
from repro.spec import Experiment
from repro.tracking import content, mirror

if TYPE_CHECKING:
    import wandb

    from repro.tracking.client import Destination

POLL = 1.0  # seconds between checks of the folders
EXIT_GRACE_SECONDS = 60.0  # that the worker may continue after the end of its input
NICENESS = 10  # training has priority; with a higher value a busy machine would not finish runs in time


class Problem(Exception):
    """An error to report to the user; it ends the job."""


def main() -> None:
    """Do the job in the first line of the input. On an error, report it and kill the whole process group."""
    send_message = _message_sender()
    line = sys.stdin.buffer.readline()
    if not line:  # the parent ended before it sent a job
        return
    job = json.loads(line)
    if job["task"] == "follow" and hasattr(os, "nice"):
        os.nice(NICENESS)
    over = threading.Event()
    threading.Thread(target=_await_end, args=(over,), daemon=True).start()
    try:
        _do(job, over, send_message)
    except Exception as error:  # every error is reported to the parent
        send_message({"problem": _reason(error)})
        _kill_process()


def _message_sender() -> Any:
    """A function that sends a message to the parent. Everything else printed to standard output is discarded."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def send_message(message: dict[str, Any]) -> None:
        try:
            out.write(json.dumps(message).encode() + b"\n")
        except BrokenPipeError:
            pass  # the parent has ended

    return send_message


def _await_end(over: threading.Event) -> None:
    while os.read(0, 1024):  # not sys.stdin, whose lock would be held at interpreter exit
        pass
    over.set()
    watch = threading.Timer(EXIT_GRACE_SECONDS, _kill_process)
    watch.daemon = True
    watch.start()


def _kill_process() -> None:
    """Kill this process and those it started, without running wandb's exit hooks, which could wait for a network."""
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _reason(error: Exception) -> str:
    """The error in one line, without a full stop."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot write to {error.filename or 'its folder'}: {error.strerror}"
    text = " ".join(str(error).split()).rstrip(".").replace("<no message>", "") or "no reason given"
    return text if isinstance(error, Problem | UserError) else f"{type(error).__name__}: {text}"


def _do(job: dict[str, Any], over: threading.Event, send_message: Any) -> None:
    if not mirror.installed("wandb"):
        raise Problem("wandb is not installed")
    from repro.tracking import client

    client.isolate_process()
    root, options = Path(job["root"]), job["destination"]
    destination = client.Destination(**options | {"folder": Path(options["folder"])})
    if job["task"] == "follow":
        experiments = {name: spec.load(name, root) for name in {run["experiment"] for run in job["runs"]}}
        follow([_followed(run, experiments[run["experiment"]], destination) for run in job["runs"]], over)
    elif job["task"] == "sync":
        for folder in map(Path, job["folders"]):
            send_message({"sent": send(folder, root, job["specs"], destination)})
    else:
        assert job["task"] == "review"
        from repro.records.results import Results
        from repro.tracking import review

        results = Results.load(root, job["experiment"], spec.Scale.parse(job["scale"]))
        send_message({"reviewed": review.make(results, destination, job["address"], send_message)})


def _followed(run: dict[str, Any], experiment: Experiment, destination: "Destination") -> "FollowedRun":
    return FollowedRun(Path(run["folder"]), run["sessions"], run.get("stale", ""), experiment, destination)


# --- runs ------------------------------------------------------------------------------------------------------------


@dataclass
class FollowedRun:
    """A run that is being trained. Sends each row up to its record's iteration once, then the end of the run."""

    folder: Path
    sessions: int  # number of sessions before this one
    stale: str  # the fingerprint of the stale record that this run replaces; "" if there is none
    experiment: Experiment
    destination: "Destination"
    lock: filelock.BaseFileLock | None = None
    run: "wandb.Run | None" = None
    over: bool = False
    sent: int = 0  # number of rows
    seen: int = -1  # modification time of run.json when last read

    def send_new(self, last: bool = False) -> None:
        """Send new rows. `last`: the session is over, so finish the W&B run even if training is incomplete."""
        from repro.tracking import client

        changed = _changed(self.folder / "run.json")
        if self.over or (changed == self.seen and not last):
            return
        record = records.read_run(self.folder) if changed else None
        if record is None or len(record.sessions) <= self.sessions or record.fingerprint == self.stale:
            return  # not started in this session
        self.lock = self.lock or client.lock_run(content.run_id(record), self.destination)
        if self.lock is None:
            return  # another `repro run` mirrors it
        self.seen = changed
        if self.run is None:
            self.run = client.start_training_run(content.run_info(record, self.experiment), self.destination)
            self.sent = self.run.starting_step
        rows = content.history(self.folder, record, self.experiment)
        client.log(self.run, rows[self.sent :])
        self.sent = max(self.sent, len(rows))
        if last or record.status != "running":
            self.over = True
            _finish(self.run, record, rows, self.experiment)
            self.lock.release()


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def follow(runs: list[FollowedRun], over: threading.Event) -> None:
    """Send new rows of the runs until the input ends, and once more after that."""
    while any(not run.over for run in runs):
        last = over.wait(POLL)
        for run in runs:
            run.send_new(last)
        if last:
            return


def send(folder: Path, root: Path, specs: dict[str, str], destination: "Destination") -> dict[str, Any]:
    """Send the rows of a record that W&B lacks; return their numbers and destination, or why none were sent.

    `specs`: experiment -> its file.
    """
    from repro.tracking import client

    try:
        record = records.read_run(folder)
        assert record, f"no record in {folder}"
        experiment = spec.load(specs[record.experiment], root)
        rows = content.history(folder, record, experiment)
    except UserError as error:  # damaged since it was listed; the others are sent
        return {"folder": str(folder), "error": str(error)}
    lock = client.lock_run(content.run_id(record), destination)
    if lock is None:
        return {"folder": str(folder), "skip_reason": "another process is sending it"}
    run = client.start_training_run(content.run_info(record, experiment), destination)
    before, url = run.starting_step, run.url
    client.log(run, rows[before:])
    _finish(run, record, rows, experiment)
    lock.release()
    counts = {"rows_sent": max(0, len(rows) - before), "rows_before": before, "rows_recorded": len(rows)}
    where = url or str(next(client.segments(destination, content.run_id(record))))
    return {"folder": str(folder), **counts, "where": where}


def _finish(run: "wandb.Run", record: Record, rows: list[content.Row], experiment: Experiment) -> None:
    """Finish the W&B run with the record's summary and status."""
    from repro.tracking import client

    summary = content.summary(record, rows, experiment)
    client.finish(run, summary, failed=not record.is_finished)


if __name__ == "__main__":
    main()
