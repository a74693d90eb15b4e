"""Runs that differ in their names alone: where two experiments share a recipe, its runs are trained once.

A run's fingerprint leaves names out, so a record with the same one is this run but for rounding, if the same method
computed it on the same hardware. It is copied under this run's names, and says in `trained_as` where it comes from.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from repro import freeze, records

METHOD = ("device", "hardware", "precision", "step")  # of every session; on the CPU the threads too
OWN = ("experiment", "arm", "run")  # what a record says of its names


def take_over(folder: Path, record: dict[str, Any], root: Path | None) -> dict[str, Any] | None:
    """The record of a finished twin of the run about to begin in `folder`, copied there; None where there is none.

    Both must come from committed code. The claims in force are those of this run's experiment when the twin began.
    """
    for source, twin in records.beside(folder, record):
        if _same(twin, record) and records.is_whole(source):
            taken = twin | {key: record[key] for key in OWN}
            begun = datetime.fromisoformat(twin["sessions"][0]["started"])
            taken["frozen"] = freeze.Registry(root).in_force(record["experiment"], begun) if root else None
            taken["trained_as"] = twin.get("trained_as") or "/".join(source.parts[-3:])
            records.copy_results(source, folder)
            records.write_run(folder, taken)
            return taken
    return None


def _same(twin: dict[str, Any], record: dict[str, Any]) -> bool:
    (begun,) = record["sessions"]
    method = METHOD if begun["device"] == "cuda" else (*METHOD, "threads")
    return (
        twin["fingerprint"] == record["fingerprint"]
        and twin["status"] in records.FINISHED
        and all(s["commit"] and not s["dirty"] for s in [*twin["sessions"], begun])
        and all(s.get(key) == begun[key] for s in twin["sessions"] for key in method)
    )
