"""A run's state on disk, compared with today's spec, data and RECIPE_VERSION."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro import spec
from repro.records.checks import faults
from repro.records.fault import Fault
from repro.records.folder import check_location, read_run, run_folder
from repro.records.record import Record
from repro.spec import RECIPE_VERSION, Run


@dataclass(frozen=True)
class State:
    """A run's state on disk: `kind` is new, resume, done, diverged, stale or damaged; `reason` explains it.

    harmed: of a damaged record, whether training the run again is a remedy.
    """

    kind: str
    reason: str
    record: Record | None = None
    harmed: bool = True


@dataclass(frozen=True)
class Planned:
    """A run that a command asks for, with its folder, its state on disk, and the file of its experiment."""

    run: Run
    folder: Path
    state: State
    spec: Path


def state(root: Path, run: Run, checksum: str) -> State:
    """Compare the run's record with today's spec, data and RECIPE_VERSION."""
    folder = run_folder(root, run)
    try:
        record = read_run(folder)
        if record is None:
            return State("new", "no record")
        check_location(folder, record, run.scale)
    except Fault as fault:
        return State("damaged", str(fault), harmed=fault.harmed)
    if record.fingerprint not in spec.fingerprints(run, checksum):
        return State("stale", difference(record, run, checksum), record)
    if wrong := faults(folder, record):
        return State("damaged", "; ".join(map(str, wrong)), record)
    if record.is_finished:
        return State(record.status, f"finished {record.finished} in {record.precision}", record)
    end = run.recipe.schedule.iterations
    return State("resume", f"{record.status} at iteration {record.iteration} of {end}", record)


def difference(record: Record, run: Run, checksum: str) -> str:
    """Why a record is stale: the first three recipe keys that differ, else the recipe version or the data checksum."""
    run = spec.in_precision(run, record.precision)
    if record.recipe_version != RECIPE_VERSION:
        return f"recipe version {record.recipe_version}, today {RECIPE_VERSION}"
    old, new = _recipes(record.run.model_dump(mode="json")), _recipes(run.model_dump(mode="json"))
    keys = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    if keys:
        changes = [f"{key} {json.dumps(old.get(key))}, today {json.dumps(new.get(key))}" for key in keys[:3]]
        return "; ".join(changes) + (f"; and {len(keys) - 3} more" if len(keys) > 3 else "")
    return f"data checksum {record.data_checksum}, today {checksum}"


def _recipes(run: dict[str, Any]) -> dict[str, Any]:
    """A run's recipe, flattened, and that of the run it starts from."""
    source = run.get("source")
    if not isinstance(source, dict):  # None, or damaged
        return flatten(run["recipe"])
    recipe = source.get("recipe")
    return flatten(run["recipe"]) | {
        **flatten(recipe if isinstance(recipe, dict) else {"recipe": recipe}, "source."),
        "source.seed": source.get("seed"),
    }


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"model": {"depth": 20}} -> {"model.depth": 20}"""
    result: dict[str, Any] = {}
    for key, value in table.items():
        result |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return result
