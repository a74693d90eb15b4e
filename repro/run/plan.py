"""The runs a command asks for, and the state of each on disk: done, resume, new, stale or damaged. Trains nothing."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from repro import records, spec
from repro.data import catalog
from repro.errors import UserError
from repro.records.states import Planned
from repro.spec import Scale

MOST_SEEDS = 1000  # per arm


def plan(
    root: Path, name: str, arms: list[str], seeds: int, scale: Scale, settings: Sequence[str] = ()
) -> list[Planned]:
    """The runs of `arms` (empty = all) for seeds 0 to seeds-1. UserError for an unknown experiment or arm.

    `settings`, each KEY=VALUE, change the arms' recipes; the runs are then tries, which only a scratch scale may have.
    """
    if seeds > MOST_SEEDS:
        raise UserError(f"{name}: {seeds:,} seeds; allowed: 1 to {MOST_SEEDS:,}")
    experiment = spec.load(name, root)
    if settings:
        assert scale.scratch
        chosen = [experiment.arm(arm) for arm in arms] or experiment.arms
        arms = [spec.name_of_try(arm.name, settings) for arm in chosen]
        experiment = spec.load(name, root, arms)
    planned = []
    for run in spec.resolve(experiment, range(seeds), arms=arms, scale=scale):
        checksum = catalog.describe(run.recipe.dataset).checksum
        state = records.state(root, run, checksum)
        planned.append(Planned(run, records.run_folder(root, run), state, experiment.file))
    return planned


def as_text(planned: list[Planned]) -> str:
    """One line per run, then a summary."""
    if not planned:
        return "no run is needed"
    width = max(len(p.run.name) for p in planned)
    lines = [f"{p.run.name:{width}}  {p.state.kind:8}  {p.state.reason}" for p in planned]
    counts = Counter(p.state.kind for p in planned)
    return "\n".join([*lines, ", ".join(f"{count} {kind}" for kind, count in counts.items())])


def as_json(planned: list[Planned]) -> str:
    rows = [{"run": p.run.name, "state": p.state.kind, "reason": p.state.reason} for p in planned]
    return json.dumps(rows, indent=1)
