"""Which runs an invocation means, and what stands on disk for each: done, resume, new or stale. Trains nothing."""

import difflib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from repro import records, spec
from repro.data import catalog
from repro.errors import UserError
from repro.spec import Experiment, Run, Scale


@dataclass(frozen=True)
class Planned:
    run: Run
    folder: Path
    state: records.State


def plan(root: Path, name: str, arms: list[str], seeds: int, scale: Scale) -> list[Planned]:
    """The runs of `arms` (none = all) for seeds 0 to seeds-1. UserError for an unknown experiment or arm."""
    experiment = spec.load(name, root)
    check_arms(experiment, arms)
    planned = []
    for run in spec.resolve(experiment, range(seeds), arms=arms, scale=scale):
        checksum = catalog.describe(run.recipe.dataset).checksum
        planned.append(Planned(run, records.run_folder(root, run), records.state(root, run, checksum)))
    return planned


def check_arms(experiment: Experiment, arms: list[str]) -> None:
    known = [arm.name for arm in experiment.arms]
    for arm in arms:
        if arm not in known:
            near = difflib.get_close_matches(arm, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise UserError(f"experiment {experiment.name!r} has no arm {arm!r}{hint} Its arms are: {', '.join(known)}")


def as_text(planned: list[Planned]) -> str:
    """A line a run, then the sum."""
    width = max(len(p.run.name) for p in planned)
    lines = [f"{p.run.name:{width}}  {p.state.kind:8}  {p.state.reason}" for p in planned]
    counts = Counter(p.state.kind for p in planned)
    return "\n".join([*lines, ", ".join(f"{count} {kind}" for kind, count in counts.items())])


def as_json(planned: list[Planned]) -> str:
    rows = [{"run": p.run.name, "state": p.state.kind, "reason": p.state.reason} for p in planned]
    return json.dumps(rows, indent=1)
