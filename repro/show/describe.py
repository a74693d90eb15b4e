"""Experiments and the state of their runs, in words: what `repro show` and `repro status` print."""

import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from repro import numbers, records, spec
from repro.claims.deviations import all_deviations, expected_effect
from repro.data import catalog
from repro.records.record import FINISHED
from repro.records.results import Results
from repro.spec import Experiment, Published, Scale
from repro.spec.freeze import Registry


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
    for d in all_deviations(e, results.usable().runs):
        lines.append(f"  {d.what}\n    why: {d.why}\n    effect: {expected_effect(d, results)}")
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


def status(experiments: list[Results], scale: Scale, recorded: list[Scale], as_json: bool) -> str:
    """The number of runs per status of each experiment at `scale`, and its arms without runs.

    `recorded`: all scales that have records; those other than `scale` are listed below.
    """
    rows: list[dict[str, Any]] = []
    for each in experiments:
        kinds = each.runs.status.where(each.runs.stale == "", "stale")
        arms = [arm.name for arm in each.experiment.arms]
        empty = [arm for arm in arms if arm not in set(each.runs.arm)]
        rows.append(
            {
                "experiment": each.name,
                "runs": dict(Counter(kinds)),
                "arms_without_runs": empty,
                "arms": len(arms),
                "unfinished": _unfinished(each),
            }
        )
    if as_json:
        return json.dumps({"scale": str(scale), "experiments": rows}, indent=1)
    lines = [scale.heading]
    for row in rows:
        counts = ", ".join(f"{count} {kind}" for kind, count in row["runs"].items()) or "no runs"
        none = row["arms_without_runs"]
        missing = f"; no runs of {', '.join(none)}" if none and len(none) < row["arms"] else ""
        lines.append(f"  {row['experiment']:18} {counts}{missing}")
        for run in row["unfinished"]:
            done = f"{run['iteration']:,} of {run['iterations']:,} iterations"
            lines.append(f"    {run['arm']}/seed-{run['seed']}: {run['status']} at {done}")
    if flags := [other.flag.strip() or "(no flag)" for other in recorded if other != scale]:
        lines.append(f"Also recorded: {', '.join(flags)}")
    return "\n".join(lines)


def _unfinished(results: Results) -> list[dict[str, Any]]:
    """How far the runs are that have begun and not ended."""
    left = results.runs[~results.runs.status.isin((*FINISHED, "damaged"))]
    rows = left[["arm", "seed", "status", "iteration", "iterations"]].to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def title(experiment: spec.Experiment, scale: Scale) -> str:
    """The title above an experiment's numbers. At a reduced scale not its own, which may state a claim."""
    return experiment.title if scale.is_full else "a check of the pipeline"
