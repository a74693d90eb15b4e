"""Runs that differ in their names alone: where two experiments share a recipe, its runs are trained once.

A run's fingerprint leaves names out, so a record with the same one is this run but for rounding, if the same method
computed it on the same hardware. It is copied under this run's names, and says in `trained_as` where it comes from.
"""

from datetime import datetime
from pathlib import Path

from repro import records
from repro.records.record import Record
from repro.spec import freeze

METHOD = ("device", "hardware", "precision", "step")  # of every session; on the CPU the threads too
OWN = ("experiment", "arm", "run")  # what a record says of its names


def take_over(folder: Path, record: Record, root: Path | None) -> Record | None:
    """The record of a finished twin of the run about to begin in `folder`, copied there; None where there is none.

    Both must come from committed code. The claims in force are those of this run's experiment when the twin began.
    """
    for source, twin in records.sibling_runs(folder, record):
        if _same(twin, record) and records.is_complete(source):
            begun = datetime.fromisoformat(twin.sessions[0].started)
            taken = twin.replace(
                **{key: getattr(record, key) for key in OWN},
                frozen=freeze.Registry(root).in_force(record.experiment, begun) if root else None,
                trained_as=twin.trained_as or "/".join(source.parts[-3:]),
            )
            records.copy_results(source, folder)
            records.write_run(folder, taken)
            return taken
    return None


def _same(twin: Record, record: Record) -> bool:
    (begun,) = record.sessions
    method = METHOD if begun.device == "cuda" else (*METHOD, "threads")
    return (
        twin.fingerprint == record.fingerprint
        and twin.is_finished
        and all(s.commit and not s.dirty for s in [*twin.sessions, begun])
        and all(getattr(s, key) == getattr(begun, key) for s in twin.sessions for key in method)
    )
