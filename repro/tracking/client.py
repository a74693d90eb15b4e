"""The calls of wandb that make a run, with settings for privacy, time limits and no terminal output.

Imported in the worker process only. About the machine, only what the record contains and the system metrics are sent:
no host name, user, path, environment variable, command line, package list, git state, console output or code.
"""

import io
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import wandb

from repro.files import write_atomically
from repro.tracking.content import Row, WandbRunInfo

# the WANDB_* variables that are kept: credentials and locations. Others (WANDB_RUN_ID, WANDB_RESUME, ...) change runs
KEPT = ("API_KEY", "BASE_URL", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR", "DIR", "ENTITY", "IDENTITY_TOKEN_FILE")
START_SECONDS = 30.0  # time limit for starting a run
FINISH_SECONDS = 120.0  # time limit for uploading the rest at the end of a run
PROBE = 64 * 1024  # bytes of free space that the folder must have
GAVE_UP = "Fatal error while uploading"  # wandb reports this only on standard error
wandb_output = io.StringIO()  # captures wandb's standard error
SOURCE = Path(__file__).resolve().parents[1]


class Refused(Exception):
    """W&B did not accept a run's data, and wandb gave up uploading."""


@dataclass(frozen=True)
class Destination:
    """Where runs are sent.

    mode: online or offline. code: whether the source code is sent too, only at the user's request.
    pid: the training process, for the system metrics; None if nothing is being trained.
    """

    folder: Path  # wandb creates its folder wandb/ in it
    mode: str
    pid: int | None
    code: bool = False


def isolate_process() -> None:
    """Capture wandb's output, and remove environment variables that would change a run's name or destination."""
    sys.stderr = wandb_output
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        if name.removeprefix("WANDB_") not in KEPT:
            del os.environ[name]


def check_room(destination: Destination) -> None:
    """OSError if the folder is not writable or full: wandb would silently use another folder or write incompletely."""
    folder = destination.folder / "wandb"
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".room"
    write_atomically(probe, bytes(PROBE))
    probe.unlink(missing_ok=True)  # another process may have written and removed it too


def segments(destination: Destination, run_id: str) -> Iterator[Path]:
    """The folders of the run's offline segments."""
    yield from sorted((destination.folder / "wandb").glob(f"offline-run-*-{run_id}"))


def lock_run(run_id: str, destination: Destination) -> filelock.BaseFileLock | None:
    """A lock for mirroring a run, held until released or until this process ends; None if another process holds it."""
    (destination.folder / "wandb").mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(destination.folder / "wandb" / f".{run_id}.lock", blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        return None
    return lock


def start_run(info: WandbRunInfo, destination: Destination) -> "wandb.Run":
    """Start or resume a W&B run; several may be open. W&B already has `run.starting_step` of its rows.

    Online, the run continues after the rows that W&B has, since the client can only append. Offline, a new segment
    gets the whole history, and older segments of the run are removed. OSError or wandb.Error if it cannot start.
    """
    check_room(destination)
    for old in list(segments(destination, info.id)):
        shutil.rmtree(old)
    settings = wandb.Settings(
        mode=destination.mode,
        root_dir=str(destination.folder),
        project=info.project,
        run_id=info.id,
        run_group=info.group,
        run_job_type=info.job_type,
        run_name=info.name,
        run_tags=info.tags,
        resume="allow" if destination.mode == "online" else None,
        reinit="create_new",
        stop_fn=_no_stop,
        init_timeout=START_SECONDS,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
        quiet=True,
        console="off",
        disable_git=True,
        disable_code=not destination.code,
        save_code=destination.code,
        x_disable_meta=True,
        x_save_requirements=False,
        x_disable_stats=destination.pid is None,
        x_stats_pid=destination.pid or os.getpid(),
        program="repro",
        program_abspath="",
        program_relpath="",
        host="",
        username="",
        email="",
    )
    run = wandb.init(settings=settings)
    run.config.update(info.config, allow_val_change=True)  # type: ignore[no-untyped-call]
    if destination.code:
        run.log_code(str(SOURCE), name="source")
    return run


def _no_stop() -> None:
    """Ignore W&B's stop button."""


def start_training_run(info: WandbRunInfo, destination: Destination) -> "wandb.Run":
    """`start_run` for a training run: its metrics are plotted against the iteration."""
    run = start_run(info, destination)
    run.define_metric("iteration")
    run.define_metric("*", step_metric="iteration")
    return run


def log(run: "wandb.Run", rows: list[Row]) -> None:
    for row in rows:
        run.log(row)


def finish(run: "wandb.Run", summary: Mapping[str, Any], failed: bool) -> None:
    """End the run. TimeoutError if the upload exceeds its time limit, Refused if W&B does not accept the data."""
    run.summary.update(dict(summary))
    run.finish(exit_code=int(failed))
    if GAVE_UP in wandb_output.getvalue():
        raise Refused("W&B did not accept all data")
