"""Experiments and the state of their runs, in words: what `repro show` and `repro status` print."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from repro import numbers, records, spec
from repro.claims.deviations import all_deviations, expected_effects
from repro.data import catalog
from repro.records.record import FINISHED
from repro.records.results import Results
from repro.spec import Experiment, Published, Scale
from repro.spec.freeze import RULES_VERSION, Change, Difference, Registry
from repro.wording import listed


def experiment(results: Results) -> str:
    """The experiment's arms with published numbers, its claims, when they were frozen, and its deviations."""
    e = results.experiment
    lines = [f"{e.name}: {e.title}", e.source, "", "arms"]
    for arm in e.arms:
        lines.append(f"  {arm.name:22} {arm.label}")
        if p := arm.published:
            lines.append(f"  {'':22}   published {_published(p, e.cited(p))}")
    lines += ["", "claims"]
    for c in e.claims:
        source = ": ".join(filter(None, [c.origin, e.cited(c)]))
        lines.append(f"  {c.id}{' (primary)' if c.primary else ''}: {c.says} [{source}]")
        of = "" if c.metric == "final" else f" of {c.metric}"
        looks = f"; judged at {', '.join(map(str, c.looks))} seeds" if c.looks else ""
        lines.append(f"    {c.kind}{of} {c.limit}{looks}{f'; same claim as {c.same_as}' if c.same_as else ''}")
    lines.append(f"  {_frozen(e, results.registry)}")
    if e.lessons:
        lines += ["", "questions, and the claims that answer them"]
        lines += [f"  {lesson.question} {', '.join(lesson.claims)}" for lesson in e.lessons]
    lines += ["", "deviations"]
    deviations = all_deviations(e, results.usable().runs)
    for d, effect in zip(deviations, expected_effects(deviations, results), strict=True):
        lines.append(f"  {d.what}\n    why: {d.why}\n    effect: {effect}")
    if e.references:
        lines += ["", "references"]
    for r in e.references:
        year = f" ({r.year})" if r.year else ""
        lines.append(f"  {r.id}: {r.author}{year}: {r.title}. {r.link or 'No URL is known.'}")
    return "\n".join(lines)


def _published(number: Published, cited: str) -> str:
    text = numbers.published(number.test_error, number.sd, number.runs, number.statistic, unit=" %")
    return f"{text} [{cited}{f': {number.quote}' if number.quote else ''}]"


def _frozen(experiment: Experiment, registry: Registry) -> str:
    """When the claims were frozen, or how they differ from the frozen ones."""
    if difference := registry.difference(experiment):
        return f"differs from what was frozen (repro freeze): {difference}"
    entries = registry.of(experiment.name)
    if not entries:
        return "no claims"
    last = entries[-1]
    return f"frozen on {last.date:%Y-%m-%d} as {last.hash}, version {last.rules} of the rules"


def frozen_as_json(found: Mapping[str, Difference]) -> str:
    """What `repro freeze --check` found, by experiment."""

    def fields(change: Change) -> list[dict[str, object]]:
        return [{"field": key, "now": now, "frozen": then} for key, (now, then) in change.fields.items()]

    rows = [
        {
            "experiment": name,
            "matches": not difference,
            "frozen_rules": difference.rules,
            "changes": [{"claim": c.claim, "change": c.kind, "fields": fields(c)} for c in difference.changes],
        }
        for name, difference in found.items()
    ]
    return json.dumps({"rules": RULES_VERSION, "experiments": rows}, indent=1, default=str)


def run(root: Path, name: str, arm: str, seed: int, scale: Scale, as_json: bool) -> str:
    """One resolved run with all defaults filled in, and its fingerprint for each precision."""
    e = spec.load(name, root)
    resolved = spec.resolve(e, [seed], arms=[arm], scale=scale)[0]
    checksum = catalog.describe(resolved.recipe.dataset).checksum
    identities = {precision: hash for hash, precision in spec.fingerprints(resolved, checksum).items()}
    content = resolved.model_dump(mode="json") | {"fingerprint": identities, "recipe_version": spec.RECIPE_VERSION}
    if as_json:
        return json.dumps(content, indent=1)
    return "\n".join(f"{key} = {json.dumps(value)}" for key, value in records.flatten(content).items())


def listing(experiments: list[Experiment], own: Collection[str], as_json: bool) -> str:
    """The experiments, one per line: those named in `own` first, the built-in ones below a line that says so."""
    if as_json:
        rows = [
            {
                "name": e.name,
                "title": e.title,
                "source": e.source,
                "arms": [arm.name for arm in e.arms],
                "claims": [claim.id for claim in e.claims],
                "built_in": e.name not in own,
            }
            for e in experiments
        ]
        return json.dumps(rows, indent=1)
    lines = {e.name: f"{e.name:18} {len(e.arms):2} arms {len(e.claims):2} claims   {e.title}" for e in experiments}
    mine = [line for name, line in lines.items() if name in own]
    others = [line for name, line in lines.items() if name not in own]
    return "\n".join([*mine, *(["Built in:"] if mine and others else []), *others])


@dataclass(frozen=True)
class Unfinished:
    """How far a run is that has begun and not ended."""

    arm: str
    seed: int
    status: str
    iteration: int
    iterations: int


@dataclass(frozen=True)
class Status:
    """An experiment's number of runs per status ("stale" goes before the record's own), and its arms without runs."""

    experiment: str
    runs: dict[str, int]  # statuses that no run has are left out
    arms_without_runs: list[str]
    arms: int
    unfinished: list[Unfinished]


def status(experiments: list[Results], scale: Scale, recorded: list[Scale], as_json: bool) -> str:
    """The number of runs per status of each experiment at `scale`, and its arms without runs.

    `recorded`: all scales that have records; those other than `scale` are listed below.
    """
    found = [(each.experiment, _status(each)) for each in experiments]
    if as_json:
        return json.dumps({"scale": str(scale), "experiments": [asdict(row) for _, row in found]}, indent=1)
    lines = [scale.heading]
    for experiment, row in found:
        counts = ", ".join(f"{count} {kind}" for kind, count in row.runs.items()) or "no runs"
        none = [experiment.arm(arm).label for arm in row.arms_without_runs]
        missing = f"; no runs of {listed(none)}" if none and len(none) < row.arms else ""
        lines.append(f"  {row.experiment:18} {counts}{missing}")
        for run in row.unfinished:
            at = f"{run.iteration:,} of {run.iterations:,} iterations"
            lines.append(f"    {experiment.trained_as(run.arm).label}, seed {run.seed}: {run.status} at {at}")
    if flags := [other.flag.strip() or "(no flag)" for other in recorded if other != scale]:
        lines.append(f"Also recorded: {', '.join(flags)}")
    return "\n".join(lines)


def _status(results: Results) -> Status:
    kinds = results.runs.status.where(results.runs.stale == "", "stale")
    arms = [arm.name for arm in results.experiment.arms]
    empty = [arm for arm in arms if arm not in set(results.runs.arm)]
    left = results.runs[~results.runs.status.isin((*FINISHED, "damaged")) & (results.runs.stale == "")]
    columns = left[["arm", "seed", "status", "iteration", "iterations"]]
    unfinished = [Unfinished(*row) for row in columns.itertuples(index=False, name=None)]
    return Status(results.name, dict(Counter(kinds)), empty, len(arms), unfinished)


def title(experiment: spec.Experiment, scale: Scale) -> str:
    """The title above an experiment's numbers. At a reduced scale not its own, which may state a claim."""
    return experiment.title if scale.is_full else "a check of the pipeline"
