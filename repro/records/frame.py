"""All records of an experiment at one scale, as one pandas frame."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from repro import spec
from repro.data import catalog
from repro.records.checks import faults
from repro.records.fault import Fault
from repro.records.folder import SEED, check_location, read_run, results_folder
from repro.records.record import Record
from repro.records.states import difference
from repro.spec import Recipe, Run, Scale


def load(root: Path, experiment: spec.Experiment, scale: Scale = spec.FULL) -> tuple[pd.DataFrame, tuple[Fault, ...]]:
    """One row per recorded run of an arm or of another reading of one, sorted by arm and seed; and what is damaged.

    Errors are in %, times in seconds of wall time. `stale` says why the fingerprint is not today's, "" if it is.
    `status` is "damaged" if the run's files contradict each other. A run counts if `status` is done or diverged and
    `stale` is empty. A record that cannot be read, or is not in its own folder, has no row.
    """
    rows, damaged = [], []
    for path in sorted(results_folder(root, scale).glob(f"{experiment.name}/*/seed-*/run.json")):
        folder = path.parent
        if not SEED.fullmatch(folder.name):
            continue
        try:
            if record := read_run(folder):
                check_location(folder, record, scale)
                row, wrong = _row(record, experiment), faults(folder, record)
                rows.append(row | {"status": "damaged"} if wrong else row)
                damaged += wrong
        except Fault as fault:
            damaged.append(fault)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values(["arm", "seed"], ignore_index=True), tuple(damaged)


def seconds_trained(frame: pd.DataFrame) -> float:
    """Wall time of the frame's runs, without those copied from another experiment."""
    return float(frame.wall_seconds[frame.trained_as == ""].sum())


def _staleness(record: Record, experiment: spec.Experiment) -> str:
    if record.arm not in [each.name for each in experiment.trained]:
        return f"the spec no longer has {'a reading' if spec.is_reading(record.arm) else 'an arm'} {record.arm!r}"
    try:
        run = _run_today(record, experiment)
    except ValidationError:
        return "its recipe is not valid today"
    dataset = catalog.built_in(run.recipe.dataset)
    checksum = dataset.checksum if dataset else record.data_checksum  # an image folder may be absent
    return "" if record.fingerprint in spec.fingerprints(run, checksum) else difference(record, run, checksum)


def _run_today(record: Record, experiment: spec.Experiment) -> Run:
    """The record's run by today's spec.

    If an image folder is absent, epochs cannot be converted to iterations; the recorded iterations are then used.
    """
    try:
        return spec.resolve(experiment, [record.seed], arms=[record.arm], scale=record.scale)[0]
    except catalog.Absent:
        then = record.run.recipe.model_dump(mode="json", include={"schedule", "evaluate_every"})
        fields = dict(spec.stated_recipe(experiment, experiment.trained_as(record.arm), record.scale)) | then
        recipe = Recipe.model_validate(fields)
        return Run(
            experiment=experiment.name,
            arm=record.arm,
            seed=record.seed,
            scale=record.scale,
            recipe=recipe,
            source=spec.source_of(experiment, recipe, record.seed, record.scale),
        )


COLUMNS = (
    "experiment", "arm", "seed", "scale", "status", "stale", "fingerprint", "iteration", "iterations", "parameters",
    "test_error", "test_error_fp32", "train_error", "gap", "best_test_error", "best_iteration", "peek_bias",
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
        "gap": final and final.test_error - final.train_error,
        "best_test_error": best and best.test_error,
        "best_iteration": best and best.iteration,
        "peek_bias": best.test_error - final.test_error if final and best else None,
        "validated_test_error": validated and validated.test_error,
        "started": sessions[0].started,
        "finished": record.finished or "",
        "device": sessions[-1].device,
        **{key: _joined(getattr(s, key) for s in sessions) for key in ("hardware", "threads", "commit", "numerics")},
        "precision": record.precision,
        "dirty": any(s.dirty for s in sessions),
        "sessions": len(sessions),
        "frozen": record.frozen or "",  # "": no claims were frozen when the run started
    }


def _joined(values: Iterable[object]) -> str | None:
    """The distinct values of a run's sessions, in order: "1 then 2". None if no session has one."""
    return " then ".join(dict.fromkeys(str(value) for value in values if value is not None)) or None


def trained_recipe(folder: Path) -> Recipe:
    """The recipe of the run recorded in `folder`, as it was trained. Fault if it is not valid today."""
    record = read_run(folder)
    assert record, folder
    try:
        return Recipe.model_validate(record.run.recipe.model_dump(mode="json"))
    except ValidationError as error:
        raise Fault(folder / "run.json", f"has a recipe that is not valid today: {error.errors()[0]['msg']}") from error
