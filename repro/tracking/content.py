"""What W&B gets of a run's record, as plain values: id, names, tags, config, history, summary. Imports no wandb."""

import hashlib
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro import records, spec
from repro.claims.protocol import mismatches
from repro.data import catalog
from repro.records.record import Record
from repro.records.results import Results
from repro.spec import Experiment, Published, Scale

TAG_LENGTH = 64  # characters; W&B rejects longer tags
TIME_FIELDS = ("started", "iteration")  # fields of a session that are not part of the config
Row = dict[str, Any]


@dataclass(frozen=True)
class WandbRunInfo:
    """What W&B gets when a run starts."""

    id: str
    project: str
    group: str
    job_type: str
    name: str
    tags: tuple[str, ...]
    config: dict[str, Any]


def run_info(record: Record, experiment: Experiment) -> WandbRunInfo:
    """The run within its paper's project: group = experiment, job type = arm, name = <arm>-s<seed>."""
    arm, seed = record.arm, record.seed
    return WandbRunInfo(
        id=run_id(record),
        project=experiment.paper,
        group=experiment.name,
        job_type=arm,
        name=f"{arm}-s{seed}",
        tags=_tags(record, experiment),
        config=config(record, experiment),
    )


def run_id(record: Record) -> str:
    """The fingerprint, a hash of experiment, arm and start time, and the seed.

    The hash distinguishes trainings of the same recipe, by two experiments or after a restart. W&B can only append to
    a history, so each training needs its own W&B run, which all its sessions share.
    """
    return _run_id(record.experiment, record.arm, record.sessions[0].started, record.fingerprint, record.seed)


def run_ids(results: Results) -> list[str]:
    """The `run_id` of each run."""
    return [
        _run_id(run["experiment"], run["arm"], run["started"] or None, run["fingerprint"], run["seed"])
        for run in results.runs.to_dict("records")
    ]


def _run_id(experiment: str, arm: str, started: str | None, fingerprint: str, seed: int) -> str:
    short = hashlib.sha256(json.dumps([experiment, arm, started]).encode()).hexdigest()[:8]
    return f"{fingerprint}-{short}-s{seed}"


def scale_tag(scale: Scale) -> str:
    """Such as full-scale, scale-1-200 or demo."""
    return scale.folder or "full-scale"


def _tags(record: Record, experiment: Experiment) -> tuple[str, ...]:
    claims = [claim.id for claim in experiment.claims if record.arm in claim.arms]
    dirty = ["dirty"] if any(session.dirty for session in record.sessions) else []
    tags = [experiment.paper, scale_tag(record.scale), *claims, *dirty]
    return tuple(dict.fromkeys(tag[:TAG_LENGTH] for tag in tags))


def config(record: Record, experiment: Experiment) -> dict[str, Any]:
    """The resolved run and its provenance, with flat keys, as W&B's filters do not support dots."""
    run = record.run.model_dump(mode="json")
    recipe = run.pop("recipe")
    session = record.sessions[-1].model_dump(mode="json", exclude=set(TIME_FIELDS))
    content = {"paper": experiment.paper, **run, **recipe, **session, "sessions": len(record.sessions)}
    content |= record.model_dump(include={"fingerprint", "recipe_version", "data_checksum", "parameters"})
    content |= {"trained_as": record.trained_as} if record.trained_as else {}
    flat = records.flatten(content)
    result = {key.replace(".", "_").replace("-", "_"): value for key, value in flat.items()}
    assert len(result) == len(flat), "two keys of the run became the same flat key"
    return result


def published(record: Record, experiment: Experiment) -> Published | None:
    """The published number if it is comparable with this run: at full scale, with the same protocol and data set."""
    arm = next((arm for arm in experiment.arms if arm.name == record.arm), None)
    if arm is None or arm.published is None or mismatches(arm.published) or not record.scale.is_full:
        return None
    return arm.published


def history(folder: Path, record: Record, experiment: Experiment) -> list[Row]:
    """The rows of metrics.csv up to the record's iteration.

    Later rows may be left over from an interrupted session. A comparable published number is added to every row,
    because W&B can only plot what was logged.
    """
    number = published(record, experiment)
    constant = {"published_test_error": number.test_error} if number else {}
    return [row | constant for row in metrics(folder) if row["iteration"] <= record.iteration]


def metrics(folder: Path) -> list[Row]:
    """The rows of metrics.csv without empty cells; none before the first evaluation. Fault if the file is damaged."""
    rows = records.read_rows(folder) if (folder / "metrics.csv").exists() else []
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


def summary(record: Record, rows: list[Row], experiment: Experiment) -> dict[str, Any]:
    """The run's final numbers: errors in % of the test images, peek bias in points. None = not known."""
    final, best = record.final, record.best
    speeds = [row["images_per_second"] for row in rows if "images_per_second" in row]
    batch_size = record.run.recipe.batch_size
    number = published(record, experiment)
    return {
        "status": record.status,
        "final_test_error": final and final.test_error,
        "best_test_error": best and best.test_error,
        "best_iteration": best and best.iteration,
        "peek_bias": best.test_error - final.test_error if final and best else None,
        "published_test_error": number.test_error if number else None,
        "iterations_per_second": statistics.median(speeds) / batch_size if speeds else None,
        "wall_seconds": record.wall_seconds,
    }


def images_are_private(results: Results) -> bool:
    """Whether the experiment uses the user's own images, from a folder. Those are never sent."""
    experiment, scale = results.experiment, results.scale
    names = {spec.stated_recipe(experiment, arm, scale).dataset for arm in experiment.arms}
    return not all(catalog.built_in(name) for name in names)
