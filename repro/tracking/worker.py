"""The worker's process, from inside: reads its job, does it, and says on its standard output what must be known.

`follow` mirrors runs while they are trained, from their folders; `sync` sends records; `review` makes the report run
and the W&B Report. Run as `python -m repro.tracking.worker`, by `process.Worker` alone.
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

    from repro.tracking.client import Place

POLL = 1.0  # seconds between looks at the folders
EXIT_GRACE_SECONDS = 60.0  # until the worker is killed, counted from the end of its input
NICENESS = 10  # training comes first; more, and on a busy machine the end of a run would not be written in time


class Problem(Exception):
    """What the user must know; the job ends with it."""


def main() -> None:
    """Do the job that the first line of the input tells. Exit at once, and everything with it, on a problem."""
    say = _speaker()
    line = sys.stdin.buffer.readline()
    if not line:  # whoever began this process ended before saying what for
        return
    job = json.loads(line)
    if job["task"] == "follow" and hasattr(os, "nice"):
        os.nice(NICENESS)
    over = threading.Event()
    threading.Thread(target=_await_end, args=(over,), daemon=True).start()
    try:
        _do(job, over, say)
    except Exception as error:  # whatever it is, it is told
        say({"problem": _reason(error)})
        _break_off()


def _speaker() -> Any:
    """A function that sends a message; whatever else is printed goes nowhere."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def say(message: dict[str, Any]) -> None:
        try:
            out.write(json.dumps(message).encode() + b"\n")
        except BrokenPipeError:
            pass  # nobody listens any more

    return say


def _await_end(over: threading.Event) -> None:
    while os.read(0, 1024):  # not sys.stdin: its lock would be held at the interpreter's end
        pass
    over.set()
    watch = threading.Timer(EXIT_GRACE_SECONDS, _break_off)
    watch.daemon = True
    watch.start()


def _break_off() -> None:
    """End this process and all it started: wandb's hooks at the exit could wait for a network."""
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _reason(error: Exception) -> str:
    """One line, without its full stop."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot write to {error.filename or 'its folder'}: {error.strerror}"
    text = " ".join(str(error).split()).rstrip(".").replace("<no message>", "") or "no reason given"
    return text if isinstance(error, Problem | UserError) else f"{type(error).__name__}: {text}"


def _do(job: dict[str, Any], over: threading.Event, say: Any) -> None:
    if not mirror.installed("wandb"):
        raise Problem("wandb is not installed")
    from repro.tracking import client

    client.settle_in()
    root, place = Path(job["root"]), client.Place(**job["place"] | {"folder": Path(job["place"]["folder"])})
    if job["task"] == "follow":
        experiments = {name: spec.load(name, root) for name in {run["experiment"] for run in job["runs"]}}
        runs = [
            Followed(Path(run["folder"]), run["sessions"], run.get("stale", ""), experiments[run["experiment"]], place)
            for run in job["runs"]
        ]
        follow(runs, over)
    elif job["task"] == "sync":
        for folder in map(Path, job["folders"]):
            say({"sent": send(folder, root, place)})
    else:
        assert job["task"] == "review"
        from repro.records.results import Results
        from repro.tracking import review

        results = Results.load(root, job["experiment"], spec.Scale.parse(job["scale"]))
        say({"reviewed": review.make(results, place, job["address"], say)})


# --- runs ------------------------------------------------------------------------------------------------------------


@dataclass
class Followed:
    """A run's folder while it is trained: each row that its record vouches for is sent once, the end with it."""

    folder: Path
    sessions: int  # before this one
    stale: str  # the fingerprint of a record that is not this run's
    experiment: Experiment
    place: "Place"
    claim: filelock.BaseFileLock | None = None
    run: "wandb.Run | None" = None
    over: bool = False
    sent: int = 0  # rows
    seen: int = -1  # the time of change of run.json

    def look(self, last: bool = False) -> None:
        """Send what is new. `last`: no more will come, so a run that was not ended is ended here."""
        from repro.tracking import client

        changed = _changed(self.folder / "run.json")
        if self.over or (changed == self.seen and not last):
            return
        record = records.read_run(self.folder) if changed else None
        if record is None or len(record.sessions) <= self.sessions or record.fingerprint == self.stale:
            return  # not begun in this session
        self.claim = self.claim or client.claim(content.run_id(record), self.place)
        if self.claim is None:
            return  # another `repro run` mirrors it, and may train it too
        self.seen = changed
        if self.run is None:
            self.run = client.begin_run(content.telling(record, self.experiment), self.place)
            self.sent = self.run.starting_step
        rows = content.history(self.folder, record, self.experiment)
        client.log(self.run, rows[self.sent :])
        self.sent = max(self.sent, len(rows))
        if last or record.status != "running":
            self.over = True
            _finish(self.run, record, rows, self.experiment)
            self.claim.release()


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def follow(runs: list[Followed], over: threading.Event) -> None:
    """Look at the runs' folders until the input ends, and once more then."""
    while any(not run.over for run in runs):
        last = over.wait(POLL)
        for run in runs:
            run.look(last)
        if last:
            return


def send(folder: Path, root: Path, place: "Place") -> dict[str, Any]:
    """What W&B lacks of a record; how many rows that was, of how many, and where they went; or why none did."""
    from repro.tracking import client

    record = records.read_run(folder)
    assert record, f"no record in {folder}"
    experiment = spec.load(record.experiment, root)
    claim = client.claim(content.run_id(record), place)
    if claim is None:
        return {"folder": str(folder), "why_not": "another process is sending it"}
    run = client.begin_run(content.telling(record, experiment), place)
    had, url = run.starting_step, run.url
    rows = content.history(folder, record, experiment)
    client.log(run, rows[had:])
    _finish(run, record, rows, experiment)
    claim.release()
    where = url or str(next(client.segments(place, content.run_id(record))))
    return {"folder": str(folder), "rows": max(0, len(rows) - had), "had": had, "of": len(rows), "where": where}


def _finish(run: "wandb.Run", record: Record, rows: list[content.Row], experiment: Experiment) -> None:
    """End the run as its record says."""
    from repro.tracking import client

    summary = content.summary(record, rows, experiment)
    client.finish(run, summary, failed=not record.is_finished)


if __name__ == "__main__":
    main()
