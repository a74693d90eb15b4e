"""Runs with the same recipe and seed in several experiments are trained once and copied to the others.

A run's fingerprint does not cover the names of its experiment and arm. A record with the same fingerprint, computed by
the same method on the same hardware, is therefore the same run. The copy gets this run's names; `trained_as` names the
original.
"""

from datetime import datetime
from pathlib import Path

from repro import records
from repro.records.record import Record
from repro.spec import freeze

EQUAL_FIELDS = ("device", "hardware", "precision", "step")  # must agree in all sessions; on the CPU `threads` too
RENAMED_FIELDS = ("experiment", "arm", "run")  # the copy has these from its own run


def copy_finished_run(folder: Path, record: Record, root: Path | None) -> Record | None:
    """Copy a finished run that equals the one about to start in `folder`; returns the copy's record, or None.

    Both must come from committed code. The copy is judged by the claims of its own experiment that were in force when
    the original started.
    """
    for source, original in records.sibling_runs(folder, record):
        if _is_same_run(original, record) and not records.faults(source, original):
            started = datetime.fromisoformat(original.sessions[0].started)
            copy = original.replace(
                **{name: getattr(record, name) for name in RENAMED_FIELDS},
                frozen=freeze.Registry(root).in_force(record.experiment, started) if root else None,
                trained_as=original.trained_as or "/".join(source.parts[-3:]),
            )
            records.copy_results(source, folder)
            records.write_run(folder, copy)
            return copy
    return None


def _is_same_run(original: Record, record: Record) -> bool:
    (session,) = record.sessions
    fields = EQUAL_FIELDS if session.device == "cuda" else (*EQUAL_FIELDS, "threads")
    return (
        original.fingerprint == record.fingerprint
        and original.is_finished
        and all(s.commit and not s.dirty for s in [*original.sessions, session])
        and all(getattr(s, name) == getattr(session, name) for s in original.sessions for name in fields)
    )
