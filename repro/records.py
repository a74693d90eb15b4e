"""A run's folder: its layout, writing it safely, and reading every record into one pandas frame.

results/[scale-1-200/|demo/]<experiment>/<arm>/seed-<s>/
    run.json          what was run, where, and how it ended; `status` gets its final value last
    metrics.csv       a row an evaluation
    predictions.npz   `top1` and `label` of every test image after the last iteration, uint8
    checkpoint.pt, run.log, .lock: not committed

Disk is the interface: training writes here, tables read here. Imports no torch; statistics stay out.
"""

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd

from repro import migrate, spec
from repro.data import catalog
from repro.errors import UserError
from repro.files import write_atomically
from repro.record import SCHEMA, Record, parsed
from repro.spec import RECIPE_VERSION, Recipe, Run, Scale

METRICS = (
    "iteration",
    "lr",
    "train_loss",  # nats; mean over the batches since the row before, augmented, dropout on
    "train_accuracy",  # %; over the same batches
    "test_loss",
    "test_error",  # %
    "validation_loss",
    "validation_error",
    "images_per_second",  # of training, evaluations not counted
)
RESULTS = ("metrics.csv", "predictions.npz")
LOCK = ".lock"


class Busy(UserError):
    """Another process is at work on this run."""


# --- layout ----------------------------------------------------------------------------------------------------------


def results_folder(root: Path, scale: Scale) -> Path:
    """Where the records of a scale lie."""
    return root / "results" / scale.folder


def run_folder(root: Path, run: Run) -> Path:
    return folder_of(root, run.scale, run.experiment, run.arm, run.seed)


def folder_of(root: Path, scale: Scale, experiment: str, arm: str, seed: int) -> Path:
    return results_folder(root, scale) / experiment / arm / f"seed-{seed}"


def trained_recipe(folder: Path) -> Recipe:
    """The recipe of the run recorded in `folder`, as it was trained."""
    record = read_run(folder)
    assert record, folder
    return Recipe.model_validate(record.run.recipe.model_dump(mode="json"))


def scales(root: Path) -> list[Scale]:
    """The scales that have records: full scale, then the reduced ones, the largest first, then the demo."""
    folders = [path.name for path in (root / "results").glob("scale-*") if path.is_dir()]
    reduced = [Scale.of(name.removeprefix("scale-").replace("-", "/")) for name in folders]
    reduced.sort(key=lambda scale: scale.fraction or 0, reverse=True)
    return [spec.FULL, *reduced, *[spec.DEMO] * results_folder(root, spec.DEMO).is_dir()]


# --- writing ---------------------------------------------------------------------------------------------------------


def check_writable(folder: Path) -> None:
    """Raise a UserError unless files can be made in `folder`, before hours are spent on them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"cannot write results to {folder}: {error.strerror}; nothing was trained") from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's lock; Busy where another process has it. The system frees it when a process dies."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / LOCK, blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise Busy(f"{folder} is being trained by another process") from None
    try:
        yield
    finally:
        lock.release()


def write_run(folder: Path, record: Record) -> None:
    text = json.dumps(record.as_json(), indent=1, allow_nan=False)
    write_atomically(folder / "run.json", text.encode() + b"\n")


def write_metrics(folder: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, METRICS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_atomically(folder / "metrics.csv", text.getvalue().encode())


def write_predictions(folder: Path, top1: np.ndarray, label: np.ndarray) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, top1=top1.astype(np.uint8), label=label.astype(np.uint8))
    write_atomically(folder / "predictions.npz", content.getvalue())


def copy_results(source: Path, folder: Path) -> None:
    """What a run leaves beside its run.json, from one folder into another."""
    for name in RESULTS:
        write_atomically(folder / name, (source / name).read_bytes())


def set_aside(folder: Path, fingerprint: str) -> Path:
    """Move what a stale run's folder holds into one beside it, but for the lock; nothing is deleted.

    The record goes last: killed on the way, the run is still stale.
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
    """The folder's run.json; None where there is none. UserError where it is damaged or of a newer schema."""
    path = folder / "run.json"
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        schema = int(content["schema"])
    except (FileNotFoundError, NotADirectoryError):  # a file in the place of results/ is told by check_writable
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise UserError(f"{path} cannot be read as a record: {error}") from error
    if schema > SCHEMA:
        raise UserError(f"{path} has record schema {schema}; this version of repro reads up to {SCHEMA}: upgrade repro")
    return parsed(migrate.upgraded(content) if schema < SCHEMA else content, str(path))


def read_metrics(folder: Path) -> pd.DataFrame:
    """A row an evaluation, the columns METRICS. UserError where the file is missing or damaged."""
    path = folder / "metrics.csv"
    try:
        rows = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if missing := [name for name in METRICS if name not in rows]:
        raise UserError(f"{path} cannot be read: no column {', '.join(missing)}")
    if len(rows) and (words := [name for name in METRICS if not pd.api.types.is_numeric_dtype(rows[name])]):
        raise UserError(f"{path} cannot be read: {', '.join(words)}: not all numbers")
    return rows


def read_predictions(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(top1, label): uint8 (N,) each, in the order of the test set. UserError as `read_metrics`."""
    path = folder / "predictions.npz"
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            top1, label = arrays["top1"], arrays["label"]
    except Exception as error:  # a damaged archive fails in many ways: in its directory, an inflation, a header
        raise UserError(f"{path} cannot be read: {error}") from error
    if not (top1.dtype == label.dtype == np.uint8 and top1.shape == label.shape and top1.ndim == 1):
        raise UserError(
            f"{path} cannot be read: top1 is {top1.dtype} {top1.shape} and label {label.dtype} {label.shape}, "
            "which must be uint8 (N,) both"
        )
    return top1, label


def migrate_all(root: Path) -> list[Path]:
    """Write every record of an older schema as today's; the folders of those. Busy where one is being trained."""
    written = []
    for folder in sorted(path.parent for path in (root / "results").rglob("run.json")):
        with locked(folder):
            record = read_run(folder)
            if record and json.loads((folder / "run.json").read_bytes())["schema"] < SCHEMA:
                write_run(folder, record)
                written.append(folder)
    return written


def beside(folder: Path, record: Record) -> Iterator[tuple[Path, Record]]:
    """The other folders of the record's scale and seed, with their records; a damaged one is its experiment's worry."""
    if folder.parts[-3:] != (record.experiment, record.arm, f"seed-{record.seed}"):
        return  # not among results
    for path in sorted(folder.parents[2].glob(f"*/*/{folder.name}/run.json")):
        try:
            other = read_run(path.parent)
        except UserError:
            continue
        if other and path.parent != folder:
            yield path.parent, other


def is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in RESULTS)


@dataclass(frozen=True)
class State:
    """What stands on disk for a run: `kind` is new, resume, done, diverged or stale; `reason` says why."""

    kind: str
    reason: str
    record: Record | None = None


def state(root: Path, run: Run, checksum: str) -> State:
    """Hold the run's folder against today's spec, data and RECIPE_VERSION."""
    folder = run_folder(root, run)
    record = read_run(folder)
    if record is None:
        return State("new", "no record")
    _check_place(folder, record, run.scale)
    if record.fingerprint not in spec.fingerprints(run, checksum):
        return State("stale", difference(record, run, checksum), record)
    if record.is_finished:
        return State(record.status, f"finished {record.finished} in {record.precision}", record)
    end = run.recipe.schedule.iterations
    return State("resume", f"{record.status} at iteration {record.iteration} of {end}", record)


def difference(record: Record, run: Run, checksum: str) -> str:
    """What makes a record stale, in words: the first few of the recipe's keys that differ, or what else does."""
    run = spec.in_precision(run, record.precision)
    if record.recipe_version != RECIPE_VERSION:
        return f"recipe version {record.recipe_version}, today {RECIPE_VERSION}"
    then, now = flat(record.run.recipe.model_dump(mode="json")), flat(run.recipe.model_dump(mode="json"))
    keys = [key for key in sorted(then.keys() | now.keys()) if then.get(key) != now.get(key)]
    if keys:
        changes = [f"{key} {json.dumps(then.get(key))}, today {json.dumps(now.get(key))}" for key in keys[:3]]
        return "; ".join(changes) + (f"; and {len(keys) - 3} more" if len(keys) > 3 else "")
    return f"data checksum {record.data_checksum}, today {checksum}"


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"model": {"depth": 20}} -> {"model.depth": 20}"""
    result: dict[str, Any] = {}
    for key, value in table.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return result


def load(root: Path, experiment: spec.Experiment, scale: Scale = spec.FULL) -> pd.DataFrame:
    """A row a recorded run, in order of arm and seed.

    Errors in %, seconds of wall time, `stale` = why its fingerprint is not today's ("" where it is). A run counts
    where `status` is done or diverged and `stale` is empty.
    """
    rows = []
    for path in results_folder(root, scale).glob(f"{experiment.name}/*/seed-*/run.json"):
        folder = path.parent
        if re.fullmatch(r"seed-\d+", folder.name) and (record := read_run(folder)):
            _check_place(folder, record, scale)
            rows.append(_row(record, experiment))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values(["arm", "seed"], ignore_index=True)


def _check_place(folder: Path, record: Record, scale: Scale) -> None:
    """UserError for a record in another run's folder: a copy would count as a seed of its own."""
    of = (record.experiment, record.arm, f"seed-{record.seed}")
    if folder.parts[-3:] != of or record.scale != scale:
        raise UserError(f"{folder / 'run.json'} is the record of {'/'.join(of)} at scale {record.scale}: move it there")


def seconds_trained(frame: pd.DataFrame) -> float:
    """Wall time of the runs of `load`, without those that are copies of another experiment's."""
    return float(frame.wall_seconds[frame.trained_as == ""].sum())


def _staleness(record: Record, experiment: spec.Experiment) -> str:
    if record.arm not in [arm.name for arm in experiment.arms]:
        return f"the spec has no arm {record.arm!r} any more"
    run = _run_today(record, experiment)
    dataset = catalog.BUILT_IN.get(run.recipe.dataset)
    checksum = dataset.checksum if dataset else record.data_checksum  # a folder of images may not be here
    return "" if record.fingerprint in spec.fingerprints(run, checksum) else difference(record, run, checksum)


def _run_today(record: Record, experiment: spec.Experiment) -> Run:
    """The record's run by today's spec; as many iterations as recorded where an image folder's epochs have no length.

    That is where the folder is not here.
    """
    try:
        return spec.resolve(experiment, [record.seed], arms=[record.arm], scale=record.scale)[0]
    except catalog.Absent:
        then = record.run.recipe.model_dump(mode="json")
        recorded = {key: then[key] for key in ("schedule", "evaluate_every")}
        fields = dict(spec.stated(experiment, experiment.arm(record.arm), record.scale)) | recorded
        recipe = Recipe.model_validate(fields)
        return Run(experiment=experiment.name, arm=record.arm, seed=record.seed, scale=record.scale, recipe=recipe)


COLUMNS = (
    "experiment", "arm", "seed", "scale", "status", "stale", "fingerprint", "iteration", "iterations", "parameters",
    "test_error", "test_error_fp32", "train_error", "best_test_error", "best_iteration", "peek_bias",
    "validated_test_error", "wall_seconds", "started", "finished", "device", "hardware", "precision", "threads",
    "commit", "dirty", "sessions", "trained_as", "frozen", "numerics",
)  # fmt: skip


def _row(record: Record, experiment: spec.Experiment) -> dict[str, Any]:
    final, best, validated, sessions = record.final, record.best, record.best_on_validation, record.sessions
    return record.model_dump(include=set(COLUMNS)) | {
        "stale": _staleness(record, experiment),
        "iterations": record.run.recipe.schedule.iterations,
        "test_error": final and final.test_error,
        "test_error_fp32": final and final.test_error_fp32,
        "train_error": final and final.train_error,
        "best_test_error": best and best.test_error,
        "best_iteration": best and best.iteration,
        "peek_bias": best.test_error - final.test_error if final and best else None,
        "validated_test_error": validated and validated.test_error,
        "started": sessions[0].started,
        "finished": record.finished or "",
        "device": sessions[-1].device,
        # a run that was resumed elsewhere says so
        **{key: _in_turn(getattr(s, key) for s in sessions) for key in ("hardware", "threads", "commit", "numerics")},
        "precision": record.precision,
        # and is clean only where every session of it was
        "dirty": any(s.dirty for s in sessions),
        "sessions": len(sessions),
        "frozen": record.frozen or "",  # "" before any
    }


def _in_turn(values: Iterable[object]) -> str | None:
    """What the sessions say, one after another: "1 then 2"; None where none says anything."""
    return " then ".join(dict.fromkeys(str(value) for value in values if value is not None)) or None
