"""The mirror of one `repro run`: whether W&B is on, the worker that follows its runs, a bounded end. No wandb here."""

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
OF_WANDB = {  # WANDB_MODE -> one of MODES
    **{"offline": "offline", "dryrun": "offline", "disabled": "off", "off": "off"},
    **{"online": "online", "run": "online", "shared": "online"},
}
LEAST_WAIT, MOST_WAIT = 10.0, 60.0  # seconds at the end of a session
SHARE = 0.02  # of the session's time that the end may wait, within those bounds


def choose(wanted: str | None, scale: Scale) -> str:
    """One of MODES: what was wanted, else WANDB_MODE, else off in demos and offline where wandb is installed."""
    if wanted:
        return wanted
    if mode := from_environment():
        return mode
    return "off" if scale.is_demo or not installed("wandb") else "offline"


def from_environment() -> str | None:
    """WANDB_MODE as one of MODES; None where it says nothing. UserError where W&B has no such mode."""
    if not (mode := os.environ.get("WANDB_MODE")):
        return None
    if mode.lower() not in OF_WANDB:
        raise UserError(f"WANDB_MODE is {mode!r}; allowed: online, offline, disabled")
    return OF_WANDB[mode.lower()]


def folder(root: Path) -> Path:
    """wandb makes its folder wandb/ in it: beside results/, ignored by git."""
    return Path(os.environ.get("WANDB_DIR") or root).resolve()


def installed(package: str) -> bool:
    """Whether there is such a package; wandb's own folder wandb/, which looks like one without files, is none."""
    found = importlib.util.find_spec(package)
    return found is not None and found.origin is not None


def job(task: str, root: Path, mode: str, **more: Any) -> dict[str, Any]:
    """What a worker is told. The code goes along only where WANDB_SAVE_CODE asks for it."""
    code = os.environ.get("WANDB_SAVE_CODE", "").lower() in ("1", "true", "yes")
    place = {"folder": str(folder(root)), "mode": mode, "pid": os.getpid() if task == "follow" else None, "code": code}
    return {"task": task, "root": str(root.resolve()), "place": place, **more}


def later(experiment: str, scale: Scale) -> str:
    """The command that sends from the records what did not get through."""
    return f"repro wandb sync {experiment}{scale.flag}"


@contextmanager
def mirrored(root: Path, planned: Sequence[Planned], wanted: str | None, say: Callable[[str], None]) -> Iterator[None]:
    """Mirror the runs to W&B while the block trains them. Whatever goes wrong is one line to `say`, and no more."""
    first = planned[0].run
    mode = choose(wanted, first.scale)
    if mode == "off":
        yield
        return
    told: list[str] = []
    commands = dict.fromkeys(later(p.run.experiment, p.run.scale) for p in planned)

    def warn(problem: str) -> None:
        if not told:
            told.append(problem)
            say(f"W&B: {problem}. The runs are not affected; to send them: {' && '.join(commands)}")

    def hear(message: Message) -> None:
        if problem := message.get("problem"):
            warn(problem)

    runs = [
        {
            "folder": str(p.folder.resolve()),
            "experiment": p.run.experiment,
            "sessions": _sessions(p),
            "stale": _stale(p),
        }
        for p in planned
    ]
    try:
        worker = Worker(job("follow", root, mode, runs=runs), hear)
    except OSError as error:  # no process to be had
        warn(f"cannot start: {error}")
        yield
        return
    began = time.monotonic()
    try:
        yield
    except BaseException:
        worker.close()  # it ends what it has, by itself: nobody waits for it
        raise
    seconds = min(MOST_WAIT, max(LEAST_WAIT, SHARE * (time.monotonic() - began)))
    try:
        code = worker.end(seconds)
    except KeyboardInterrupt:  # the runs are over: what is broken off is the wait alone
        worker.kill()
        warn("not waited for")
        return
    if code is None:
        warn(f"no end after {seconds:.0f} s")
    elif code:
        warn(f"its process ended with exit code {code}")


def _sessions(planned: Planned) -> int:
    """How many sessions of training the record has before this one."""
    record = planned.state.record if planned.state.kind == "resume" else None
    return len(record.sessions) if record else 0


def _stale(planned: Planned) -> str:
    """The fingerprint of a record that this run sets aside when it begins."""
    record = planned.state.record if planned.state.kind == "stale" else None
    return record.fingerprint if record else ""
