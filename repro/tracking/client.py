"""The calls of wandb that make a run, and the settings that keep it quiet, bounded and private.

Imported in the worker's process only. Nothing of the machine is sent but what the record says and the system metrics:
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
from repro.tracking.content import Row, Telling

# of WANDB_*, what says who and where to; the rest (WANDB_RUN_ID, WANDB_RESUME, ...) would bend runs out of shape
KEPT = ("API_KEY", "BASE_URL", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR", "DIR", "ENTITY", "IDENTITY_TOKEN_FILE")
START_SECONDS = 30.0  # to begin a run
FINISH_SECONDS = 120.0  # to upload what is left at the end of one
PROBE = 64 * 1024  # bytes that must fit into the folder
GAVE_UP = "Fatal error while uploading"  # what wandb says on the terminal, and nowhere else
terminal = io.StringIO()  # what wandb says there
SOURCE = Path(__file__).resolve().parents[1]


class Refused(Exception):
    """W&B did not take a run's data, and wandb gave up on it."""


@dataclass(frozen=True)
class Place:
    """Where runs go. `mode` is online or offline; `code`: whether the source is sent too, which only the user asks for.

    `pid`: the process of the training, whose use of the machine is measured; None where nothing is trained now.
    """

    folder: Path  # wandb makes its own folder wandb/ in it
    mode: str
    pid: int | None
    code: bool = False


def settle_in() -> None:
    """Make this process wandb's: what it says is kept, and nothing in the environment bends a run's name or place."""
    sys.stderr = terminal
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        if name.removeprefix("WANDB_") not in KEPT:
            del os.environ[name]


def check_room(place: Place) -> None:
    """OSError where the folder cannot hold a run: wandb would quietly go elsewhere, or write half of it."""
    folder = place.folder / "wandb"
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".room"
    write_atomically(probe, bytes(PROBE))
    probe.unlink()


def segments(place: Place, run_id: str) -> Iterator[Path]:
    """The folders of the run's offline segments."""
    yield from sorted((place.folder / "wandb").glob(f"offline-run-*-{run_id}"))


def claim(run_id: str, place: Place) -> filelock.BaseFileLock | None:
    """The right to mirror a run, until it is released or this process ends; None where another process has it."""
    (place.folder / "wandb").mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(place.folder / "wandb" / f".{run_id}.lock", blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        return None
    return lock


def begin(telling: Telling, place: Place) -> "wandb.Run":
    """The run, beside others that are open; `run.starting_step` rows of it are in W&B already.

    Online it goes on after what W&B has: the client would append to that in any case. Offline it is a fresh segment
    for the whole history, and an older segment of the run is removed: all of it is in the new one. OSError or
    wandb.Error where the run cannot begin.
    """
    check_room(place)
    for old in list(segments(place, telling.id)):
        shutil.rmtree(old)
    settings = wandb.Settings(
        mode=place.mode,
        root_dir=str(place.folder),
        project=telling.project,
        run_id=telling.id,
        run_group=telling.group,
        run_job_type=telling.job_type,
        run_name=telling.name,
        run_tags=telling.tags,
        resume="allow" if place.mode == "online" else None,
        reinit="create_new",
        stop_fn=_no_stop,
        init_timeout=START_SECONDS,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
        quiet=True,
        console="off",
        disable_git=True,
        disable_code=not place.code,
        save_code=place.code,
        x_disable_meta=True,
        x_save_requirements=False,
        x_disable_stats=place.pid is None,
        x_stats_pid=place.pid or os.getpid(),
        program="repro",
        program_abspath="",
        program_relpath="",
        host="",
        username="",
        email="",
    )
    run = wandb.init(settings=settings)
    run.config.update(telling.config, allow_val_change=True)  # type: ignore[no-untyped-call]
    if place.code:
        run.log_code(str(SOURCE), name="source")
    return run


def _no_stop() -> None:
    """A button in the browser stops no training, and no mirror of one."""


def begin_run(telling: Telling, place: Place) -> "wandb.Run":
    """`begin`, for a run that was trained: its metrics are drawn over the iteration."""
    run = begin(telling, place)
    run.define_metric("iteration")
    run.define_metric("*", step_metric="iteration")
    return run


def log(run: "wandb.Run", rows: list[Row]) -> None:
    for row in rows:
        run.log(row)


def finish(run: "wandb.Run", summary: Mapping[str, Any], failed: bool) -> None:
    """End the run. TimeoutError where what is left could not be sent in time, Refused where W&B did not take it."""
    run.summary.update(dict(summary))
    run.finish(exit_code=int(failed))
    if GAVE_UP in terminal.getvalue():
        raise Refused("W&B did not take all of it")
