"""Runs that differ in their names alone: where two experiments share a recipe, its runs are trained once.

A run's fingerprint leaves names out, so a record with the same one is this run, if the same method computed it on the
same hardware. It is copied under this run's names and says in `trained_as` where it comes from.
"""

import shutil
from pathlib import Path
from typing import Any

from repro import records

METHOD = ("device", "hardware", "precision", "step")  # of every session
NAMES = ("experiment", "arm", "run")  # of a record


def find(folder: Path, record: dict[str, Any]) -> Path | None:
    """The folder of a finished run that is the one about to begin in `folder`: its scale, and committed code."""
    if folder.parts[-3:] != (record["experiment"], record["arm"], f"seed-{record['seed']}"):
        return None  # not among results
    for path in sorted(folder.parents[2].glob(f"*/*/seed-{record['seed']}/run.json")):
        twin = records.read_run(path.parent)
        if path.parent != folder and twin and _same(twin, record):
            return path.parent
    return None


def take_over(twin: Path, folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Copy the finished run in `twin` into `folder`, under the names of `record`; the new record."""
    theirs = records.read_run(twin)
    assert theirs is not None
    ours = theirs | {key: record[key] for key in NAMES}
    ours["trained_as"] = theirs.get("trained_as") or "/".join(twin.parts[-3:])
    for name in ("metrics.csv", "predictions.npz"):
        shutil.copyfile(twin / name, folder / name)
    records.write_run(folder, ours)
    return ours


def _same(twin: dict[str, Any], record: dict[str, Any]) -> bool:
    method = {key: record["sessions"][0][key] for key in METHOD}
    return (
        twin["fingerprint"] == record["fingerprint"]
        and twin["status"] in records.FINISHED
        and all(not s["dirty"] for s in twin["sessions"])
        and all({key: s.get(key) for key in METHOD} == method for s in twin["sessions"])
    )
