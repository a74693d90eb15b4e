"""Compares a finished record with the files beside it: no number of a table may rest on a file that was changed.

run.json, metrics.csv and predictions.npz each say something about the others. The SHA-256 digests in run.json, which
older records lack, show any change of the other two; the numbers that the files share show a change of run.json.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from repro.data import catalog
from repro.data.sets.image_folder import MOST_CLASSES
from repro.errors import UserError
from repro.files import read_limited
from repro.records import metrics, predictions
from repro.records.fault import Fault, reading
from repro.records.metrics import Row
from repro.records.outcome import outcome
from repro.records.record import Point, Record

T = TypeVar("T")

RESULTS = (metrics.FILE, predictions.FILE)
KEPT = "lowest-validation-loss"  # the `keep` of recipes whose predictions are not of the last network


def digests(folder: Path) -> dict[str, str]:
    """File -> SHA-256 in hex, of a run's metrics.csv and predictions.npz. OSError if one cannot be read."""
    return {name: _digest(name, (folder / name).read_bytes()) for name in RESULTS}


def _digest(name: str, content: bytes) -> str:
    """Of a text with the line ends that git stores, which a checkout may change."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n") if name == metrics.FILE else content).hexdigest()


def faults(folder: Path, record: Record) -> list[Fault]:
    """What is wrong with the files of a finished run; [] if the run is not finished, as its files still change."""
    if not record.is_finished:
        return []
    found: list[Fault] = []
    rows = _content(folder / metrics.FILE, record, metrics.parse_metrics, found)
    arrays = _content(folder / predictions.FILE, record, predictions.parse_predictions, found)
    if arrays and (reason := _impossible(record, *arrays)):
        found.append(Fault(folder / predictions.FILE, reason))
        arrays = None
    if reason := next(_differences(record, rows, arrays), ""):  # one wrong number can show in several
        found.append(Fault(folder / "run.json", reason))
    return found


def _content(path: Path, record: Record, parse: Callable[[bytes], T], found: list[Fault]) -> T | None:
    """What the file holds; None, and a fault in `found`, if it is not what training wrote."""
    try:
        with reading(path):
            content = read_limited(path)
            if record.digests and record.digests.get(path.name) != _digest(path.name, content):
                raise Fault(path, "was changed: its SHA-256 digest is not the one in run.json")
            return parse(content)
    except Fault as fault:
        found.append(fault)
        return None


def _impossible(record: Record, top1: np.ndarray, label: np.ndarray) -> str:
    """Why these cannot be predictions for the test set of the run's data set; "" if they can."""
    try:
        dataset = catalog.built_in(record.run.recipe.dataset)
    except UserError:  # classes that the data set does not have
        dataset = None
    if dataset and len(label) != dataset.test_images:
        return f"has {len(label):,} images, but the test set of {dataset.name} {dataset.test_images:,}"
    classes = len(dataset.classes) if dataset else MOST_CLASSES
    if (highest := int(max(top1.max(), label.max()))) >= classes:
        return f"has class {highest}, but {record.run.recipe.dataset} has {classes} classes, numbered from 0"
    return ""


def _differences(record: Record, rows: list[Row] | None, arrays: tuple[np.ndarray, np.ndarray] | None) -> Iterator[str]:
    """How run.json differs from metrics.csv, from predictions.npz and from itself, each in one number."""
    keep = record.run.recipe.keep
    if rows is not None and (difference := _from_metrics(record, rows, keep)):
        yield f"has {difference}"
    kept = record.best_on_validation if keep == KEPT and record.best_on_validation else record.final
    assert record.final and kept  # a finished run has them
    if arrays:
        wrong = int(np.count_nonzero(arrays[0] != arrays[1]))
        images = len(arrays[1])
        # an error is a whole number of images; another session on other hardware may have evaluated the kept network
        allowed = 0.5 if kept is record.final or len(record.sessions) == 1 else max(0.5, images / 1000)
        if abs(kept.test_error * images / 100 - wrong) > allowed + 1e-6:
            name = "final" if kept is record.final else "best_on_validation"
            yield f"has {name}.test_error {kept.test_error}, but predictions.npz gives {100 * wrong / images}"
    in_fp32 = record.final.test_error_fp32
    if record.precision == "fp32" and in_fp32 not in (None, record.final.test_error):
        yield f"has final.test_error_fp32 {in_fp32} of a run in fp32 with final.test_error {record.final.test_error}"
    end = record.run.recipe.schedule.iterations
    if record.iteration != end and (record.status == "done" or record.iteration > end):
        yield f"has iteration {record.iteration:,} of a run that is {record.status}, of {end:,} iterations"


def _from_metrics(record: Record, rows: list[Row], keep: str) -> str:
    """The first number of run.json that metrics.csv contradicts, and the one it gives; "" if there is none."""
    if not rows or record.iteration != rows[-1]["iteration"]:
        return f"iteration {record.iteration}, but metrics.csv ends at {rows[-1]['iteration'] if rows else 0}"
    for name, given in outcome(rows, None, keep).items():
        found = getattr(record, name)
        if (found is None) != (given is None):
            return f"{name} {'missing' if found is None else 'recorded'}, unlike metrics.csv"
        for key in Point.model_fields:
            own, theirs = getattr(found, key, None), getattr(given, key, None)
            if own != theirs and key != "test_error_fp32":
                return f"{name}.{key} {own}, but metrics.csv gives {theirs}"
    return ""
