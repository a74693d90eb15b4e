"""A run's folder: its layout, its lock, and its run.json.

results/[scale-1-200/|demo/]<experiment>/<arm>/seed-<s>/
    run.json          what was trained, where, and how it ended; the final `status` is written last
    metrics.csv       one row per evaluation
    predictions.npz   what the final network predicts for every test image
    checkpoint.pt, run.log, .lock: not committed

Training writes here and reports read here; they share nothing else. Imports no torch.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
from pydantic_core import from_json

from repro.errors import UserError
from repro.files import remove_parts, write_atomically
from repro.records import migrate
from repro.records.checks import RESULTS, digests, faults
from repro.records.fault import Fault
from repro.records.record import SCHEMA, Record, parse_record
from repro.spec import Run, Scale

LOCK, CHECKPOINT = ".lock", "checkpoint.pt"
SEED = re.compile(r"seed-\d+")
ASIDE = re.compile(r"seed-\d+\.stale-.+")  # see `set_aside`


class Busy(UserError):
    """Another process is training this run."""


# --- layout ----------------------------------------------------------------------------------------------------------


def results_folder(root: Path, scale: Scale) -> Path:
    """The folder with the records of a scale."""
    return root / "results" / scale.folder


def run_folder(root: Path, run: Run) -> Path:
    return folder_of(root, run.scale, run.experiment, run.arm, run.seed)


def folder_of(root: Path, scale: Scale, experiment: str, arm: str, seed: int) -> Path:
    return results_folder(root, scale) / experiment / arm / f"seed-{seed}"


# --- writing ---------------------------------------------------------------------------------------------------------


def check_writable(folder: Path) -> None:
    """UserError if files cannot be written in `folder`: better to find out before hours of training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\n")  # on a full disk files can be created, but not written
            file.flush()
    except OSError as error:
        raise UserError(f"cannot write results to {folder}: {error.strerror}; nothing was trained") from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's lock. Busy if another process has it. The system releases it when a process dies.

    Whoever gets the lock removes the temporary files that killed processes left in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / LOCK, blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise Busy(f"{folder} is being trained by another process") from None
    try:
        remove_parts(folder)
        yield
    finally:
        lock.release()


def write_run(folder: Path, record: Record) -> None:
    _write_json(folder, record.as_json())


def _write_json(folder: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, allow_nan=False)
    write_atomically(folder / "run.json", text.encode() + b"\n")


def copy_results(source: Path, folder: Path) -> None:
    """Copy a run's files other than run.json from one folder to another."""
    for name in RESULTS:
        write_atomically(folder / name, (source / name).read_bytes())


def set_aside(folder: Path, fingerprint: str) -> Path:
    """Move a stale run's files, except the lock, into a new folder beside its own. Nothing is deleted.

    run.json is moved last, so that the run is still stale if the process is killed midway.
    """
    aside = folder.with_name(f"{folder.name}.stale-{fingerprint}")
    serial = 1
    while aside.exists():
        serial += 1
        aside = folder.with_name(f"{folder.name}.stale-{fingerprint}-{serial}")
    aside.mkdir()
    for path in sorted(folder.iterdir(), key=lambda path: path.name == "run.json"):
        if path.name != LOCK:
            path.replace(aside / path.name)
    return aside


# --- reading ---------------------------------------------------------------------------------------------------------


def read_run(folder: Path) -> Record | None:
    """The folder's run.json, or None if there is none. Fault if it is damaged or has a newer schema."""
    path = folder / "run.json"
    try:
        content = from_json(path.read_bytes())  # unlike json, refuses deep nesting and lone surrogates
        json.dumps(content, allow_nan=False)  # refuses numbers such as 1e999
        schema = int(content["schema"])
        if schema < SCHEMA:
            content = migrate.upgraded(content)
    except (FileNotFoundError, NotADirectoryError):  # check_writable reports a file called results
        return None
    except OSError as error:
        raise Fault(path, f"cannot be read as a record: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise Fault(path, f"cannot be read as a record: {reason}") from error
    if schema > SCHEMA:
        raise Fault(
            path, f"has record schema {schema}; this version of repro reads up to {SCHEMA}: upgrade repro", False
        )
    return parse_record(content, path)


def migrate_all(root: Path) -> tuple[list[Path], list[Fault]]:
    """Rewrite every record of an older schema in today's, and add digests to those of finished runs that have none.

    Returns their folders, and what is damaged, which is left as it is. Busy if a run is being trained.
    """
    written, damaged = [], list[Fault]()
    for folder in sorted(path.parent for path in (root / "results").rglob("run.json")):
        with locked(folder):
            try:
                if _migrate(folder, damaged):
                    written.append(folder)
            except Fault as fault:
                damaged.append(fault)
    return written, damaged


def _migrate(folder: Path, damaged: list[Fault]) -> bool:
    """Return whether the record was rewritten. Adds to `damaged` what is wrong with its files."""
    record = read_run(folder)
    assert record, folder
    if wrong := faults(folder, record):
        damaged += wrong
        return False
    content: dict[str, Any] = json.loads((folder / "run.json").read_bytes())
    today = content if content["schema"] == SCHEMA else record.as_json()
    if record.is_finished and not record.digests:
        today = today | {"digests": digests(folder)}
    if today is not content:
        _write_json(folder, today)
    return today is not content


def sibling_runs(folder: Path, record: Record) -> Iterator[tuple[Path, Record]]:
    """The other folders of the record's scale and seed, in all experiments, with their records.

    Damaged ones are skipped; they are reported when their experiment is loaded.
    """
    if folder.parts[-3:] != (record.experiment, record.arm, f"seed-{record.seed}"):
        return  # not in a results folder
    for path in sorted(folder.parents[2].glob(f"*/*/{folder.name}/run.json")):
        try:
            other = read_run(path.parent)
        except Fault:
            continue
        if other and path.parent != folder:
            yield path.parent, other


def check_location(folder: Path, record: Record, scale: Scale) -> None:
    """Fault for a record in another run's folder, where a copy would count as another seed."""
    own = (record.experiment, record.arm, f"seed-{record.seed}")
    if folder.parts[-3:] != own or record.scale != scale:
        name = "/".join(own)
        reason = f"is the record of {name} at scale {record.scale}: move it to its own folder"
        raise Fault(folder / "run.json", reason, False)
