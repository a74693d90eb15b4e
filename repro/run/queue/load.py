"""experiments/queues/*.toml -> Queue, checked against the experiments; and the queue's runs in order."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError, field_validator

from repro import spec
from repro.errors import UserError
from repro.fields import Frozen, Name, Positive
from repro.records.states import Planned
from repro.run import plan as plans
from repro.spec import Scale, ScaleField, places
from repro.spec.load import read_toml
from repro.spec.messages import explain, unknown_key

M = TypeVar("M", bound=Frozen)

TOP_KEYS = ("name", "title", "entry")


class Entry(Frozen):
    """Some arms of an experiment (None = all), with seeds 0 to seeds-1 each, at one scale."""

    experiment: Name
    arms: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | None = None
    seeds: Positive
    scale: ScaleField = spec.FULL

    @field_validator("scale", mode="before")
    @classmethod
    def _no_demo(cls, scale: Any) -> Any:
        try:
            return Scale.of(scale) if isinstance(scale, str) else scale
        except UserError as error:
            raise ValueError(str(error)) from error

    @field_validator("arms")
    @classmethod
    def _each_once(cls, arms: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if arms and len(set(arms)) < len(arms):
            raise ValueError(f"an arm is listed twice: {', '.join(arms)}")
        return arms


class Queue(Frozen):
    """Entries, trained from first to last."""

    name: Name
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class PlannedEntry:
    """An entry and the planned runs that no earlier entry includes."""

    entry: Entry
    planned: list[Planned]


def names(root: Path) -> list[str]:
    """Of all queues: the project's own, then the built-in ones."""
    return list(places.queues(root))


def load(name: str, root: Path) -> Queue:
    """The queue called `name`. UserError if there is none, or its file is invalid."""
    known = places.queues(root)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise UserError(f"unknown queue {name!r}{hint} The queues are: {', '.join(known) or 'none'}")
    path = known[name]
    tables = read_toml(path)
    for key in tables:
        if key not in TOP_KEYS:
            raise UserError(f"{path}: {unknown_key('the top level', key, TOP_KEYS)}")
    if tables.get("name") != name:
        raise UserError(f"{path}: name = {tables.get('name')!r}: must be the file's name, {name!r}")
    rows = tables.pop("entry", [])
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path}: [[entry]] must be an array of tables, with at least one")
    entries = tuple(_model(Entry, row, path, f"[[entry]] {number}") for number, row in enumerate(rows, start=1))
    queue = _model(Queue, tables | {"entries": entries}, path, "the top level")
    for number, entry in enumerate(queue.entries, start=1):
        try:
            experiment = spec.load(entry.experiment, root)
            spec.resolve(experiment, [0], arms=list(entry.arms or ()), scale=entry.scale)
        except UserError as error:
            raise UserError(f"{path}: [[entry]] {number}: {error}") from error
    return queue


def _model(model: type[M], fields: dict[str, Any], path: Path, where: str) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise UserError("\n".join(f"{path}: {line}" for line in explain(error, model, where))) from error


def plan(root: Path, queue: Queue) -> list[PlannedEntry]:
    """Plan the queue's runs, entry by entry. A run that two entries include belongs to the first."""
    seen: set[Path] = set()
    entries = []
    for entry in queue.entries:
        planned = plans.plan(root, entry.experiment, list(entry.arms or ()), entry.seeds, entry.scale)
        entries.append(PlannedEntry(entry, [p for p in planned if p.folder not in seen]))
        seen.update(p.folder for p in planned)
    return entries


def runs(entries: list[PlannedEntry]) -> list[Planned]:
    """The whole queue as one list, so that no worker waits at the end of an entry."""
    return [planned for entry in entries for planned in entry.planned]


def full_scale_seeds(root: Path, queue: Queue) -> dict[str, dict[str, int]]:
    """Experiment -> arm -> how many seeds the queue trains of it at full scale, in the queue's order."""
    found: dict[str, dict[str, int]] = {}
    for entry in queue.entries:
        if entry.scale.is_full:
            arms = found.setdefault(entry.experiment, {})
            for arm in entry.arms or [arm.name for arm in spec.load(entry.experiment, root).arms]:
                arms[arm] = max(arms.get(arm, 0), entry.seeds)
    return found
