"""Mirrors one `repro run`: decides whether W&B is on, starts a worker, ends it in bounded time. Imports no wandb."""

import importlib.util
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repro.errors import UserError
from repro.records.states import Planned
from repro.spec import Scale
from repro.tracking.process import Message, Worker

MODES = ("offline", "online", "off")
MODE_OF = {  # WANDB_MODE -> one of MODES
    **{"offline": "offline", "dryrun": "offline", "disabled": "off", "off": "off"},
    **{"online": "online", "run": "online", "shared": "online"},
}
LEAST_WAIT, MOST_WAIT = 10.0, 60.0  # bounds in seconds of the wait for the worker at the end of a session
SHARE = 0.02  # that wait as a share of the session's duration, within the bounds


def choose(wanted: str | None, scale: Scale) -> str:
    """One of MODES: `wanted`, else WANDB_MODE, else off in demos or without wandb, else offline; off for tries."""
    if scale.scratch:
        if wanted in ("offline", "online"):
            raise UserError(f"--wandb {wanted}: quick tries (--scratch, --set) are not sent to W&B; allowed: off")
        return "off"
    if wanted:
        return wanted
    if mode := from_environment():
        return mode
    return "off" if scale.is_demo or not installed("wandb") else "offline"


def from_environment() -> str | None:
    """WANDB_MODE as one of MODES; None if unset. UserError if W&B has no such mode."""
    if not (mode := os.environ.get("WANDB_MODE")):
        return None
    if mode.lower() not in MODE_OF:
        raise UserError(f"WANDB_MODE is {mode!r}; allowed: online, offline, disabled")
    return MODE_OF[mode.lower()]


def folder(root: Path) -> Path:
    """The folder in which wandb creates its folder wandb/: by default next to results/, ignored by git."""
    return Path(os.environ.get("WANDB_DIR") or root).resolve()


def installed(package: str) -> bool:
    """Whether a package is installed. Without the check of `origin`, wandb's data folder wandb/ would count as one."""
    found = importlib.util.find_spec(package)
    return found is not None and found.origin is not None


def job(task: str, root: Path, mode: str, **more: Any) -> dict[str, Any]:
    """A worker's job. The source code is sent only if WANDB_SAVE_CODE is set."""
    code = os.environ.get("WANDB_SAVE_CODE", "").lower() in ("1", "true", "yes")
    pid = os.getpid() if task == "follow" else None
    destination = {"folder": str(folder(root)), "mode": mode, "pid": pid, "code": code}
    return {"task": task, "root": str(root.resolve()), "destination": destination, **more}


def sync_command(experiment: str, scale: Scale) -> str:
    """The command that sends the records later."""
    return f"repro wandb sync {experiment}{scale.flag}"


@contextmanager
def mirrored(
    root: Path, planned: Sequence[Planned], wanted: str | None, print_line: Callable[[str], None]
) -> Iterator[None]:
    """Mirror the runs to W&B while the `with` block trains them. A failure only prints one warning."""
    first = planned[0].run
    mode = choose(wanted, first.scale)
    if mode == "off":
        yield
        return
    warned = False
    commands = dict.fromkeys(sync_command(p.run.experiment, p.run.scale) for p in planned)

    def warn(problem: str) -> None:
        nonlocal warned
        if not warned:
            warned = True
            print_line(f"W&B: {problem}. The runs are not affected. To send them later: {' && '.join(commands)}")

    def on_message(message: Message) -> None:
        if problem := message.get("problem"):
            warn(problem)

    runs = [
        {
            "folder": str(p.folder.resolve()),
            "experiment": str(p.spec.resolve()),
            "sessions": _sessions(p),
            "stale": _stale(p),
        }
        for p in planned
    ]
    try:
        worker = Worker(job("follow", root, mode, runs=runs), on_message)
    except OSError as error:
        warn(f"cannot start its process: {error}")
        yield
        return
    began = time.monotonic()
    try:
        yield
    except BaseException:
        worker.close()  # it finishes on its own
        raise
    seconds = min(MOST_WAIT, max(LEAST_WAIT, SHARE * (time.monotonic() - began)))
    try:
        code = worker.end(seconds)
    except KeyboardInterrupt:  # the runs are complete; this only cuts the wait short
        worker.kill()
        warn("interrupted while uploading")
        return
    if code is None:
        warn(f"its process did not end within {seconds:.0f} s")
    elif code:
        warn(f"its process ended with exit code {code}")


def _sessions(planned: Planned) -> int:
    """The number of sessions that the record has before this one."""
    record = planned.state.record if planned.state.kind == "resume" else None
    return len(record.sessions) if record else 0


def _stale(planned: Planned) -> str:
    """The fingerprint of the stale record that this run sets aside when it starts; "" if there is none."""
    record = planned.state.record if planned.state.kind == "stale" else None
    return record.fingerprint if record else ""
