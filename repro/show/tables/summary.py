"""An experiment at one scale in numbers: an arm a row, a claim a row, and what must be said below them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from repro.claims.judge import Judged, judge
from repro.claims.ledger import effect, ledger
from repro.claims.protocol import differences
from repro.claims.rules import Lean, Outcome
from repro.records.record import FINISHED
from repro.records.results import Results
from repro.show.describe import title
from repro.show.numbers import mean_sd
from repro.show.verdicts import post_hoc, sentence
from repro.spec import Arm, Experiment
from repro.wording import plural


@dataclass(frozen=True)
class ArmRow:
    """An arm's numbers over the `n` runs that reached their end. Errors in %, peek bias in points, seconds a run.

    Diverged runs are results and counted, but their error is chance's and in no mean. None = not known.
    """

    arm: str
    label: str
    published: float | None
    published_sd: float | None
    published_runs: int | None
    published_statistic: str | None  # of those runs: mean or median
    published_note: str  # what keeps the published number from being compared as it stands
    n: int
    mean: float | None
    sd: float | None  # ddof = 1; None below two runs
    best: float | None  # mean over seeds of the lowest test error at any evaluation
    peek_bias: float | None  # mean of best minus final
    parameters: int | None
    iterations: int | None  # None where the epochs of an image folder that is not here cannot be counted
    seconds: float | None
    diverged: int
    trained_on: str  # hardware and precision of the runs; with how many on each, where `mixed`
    mixed: bool  # runs on several hardware


@dataclass(frozen=True)
class ClaimRow:
    """A claim's verdict in numbers; points of test error. `sentence` says it in plain English."""

    id: str
    says: str
    kind: str
    arms: tuple[str, ...]
    margin: float | None
    where: str  # who says so, and where
    verdict: Outcome
    lean: Lean | None
    different_protocol: bool
    origin: str
    primary: bool
    post_hoc: str  # which of its runs began under other claims, or before any was frozen; "" where none did
    estimate: float | None  # ours - published, worse - better, or second - first
    low: float | None  # the interval that decides
    high: float | None
    level: float | None
    p: float | None
    p_holm: float | None
    hedges_g: float | None
    probability: float | None  # that a run of the second arm is worse than one of the first
    seeds_needed: int | None
    sentence: str


@dataclass(frozen=True)
class Summary:
    """One experiment at one scale: its rows, and what must be said below them."""

    experiment: str
    title: str
    source: str
    heading: str
    compared: bool  # only full scale stands beside published numbers; only there are claims judged
    rows: list[ArmRow]
    claims: list[ClaimRow]  # none away from full scale
    judged: list[Judged]  # what the claims' rows were made from
    remarks: list[str]
    deviations: list[str]  # none away from full scale: they speak of the paper's numbers


def summarise(results: Results) -> Summary:
    """Sum up an experiment's records."""
    experiment, scale, counts = results.experiment, results.scale, results.counted().runs
    compared = scale.is_full
    judged = judge(results) if compared else []
    deviations = ledger(experiment, results.usable().runs)
    iterations = {arm: recipe.schedule.iterations for arm, recipe in results.recipes.items()}
    rows = [_row(arm, counts[counts.arm == arm.name], iterations.get(arm.name), compared) for arm in experiment.arms]
    return Summary(
        experiment=results.name,
        title=title(experiment, scale),
        source=experiment.source,
        heading=scale.heading,
        compared=compared,
        rows=rows,
        claims=[_claim_row(each, experiment) for each in judged],
        judged=judged,
        remarks=_remarks(results),
        deviations=[f"{d.what}{_of(d.arms)}: {d.why}; effect: {effect(d)}" for d in deviations if compared],
    )


def _row(arm: Arm, runs: pd.DataFrame, iterations: int | None, compared: bool) -> ArmRow:
    published = arm.published if compared else None
    done = runs[runs.status == "done"]
    places = Counter(runs.hardware + ", " + runs.precision)
    counts = [f"{plural(count, 'run')} on {place}" for place, count in sorted(places.items())]
    return ArmRow(
        arm=arm.name,
        label=arm.label,
        published=published.test_error if published else None,
        published_sd=published.sd if published else None,
        published_runs=published.runs if published else None,
        published_statistic=published.statistic if published else None,
        published_note=", ".join(differences(published)) if published else "",
        n=len(done),
        mean=_mean(done.test_error),
        sd=float(done.test_error.std(ddof=1)) if len(done) > 1 else None,
        best=_mean(done.best_test_error),
        peek_bias=_mean(done.peek_bias),
        parameters=int(runs.parameters.iloc[0]) if len(runs) else None,
        iterations=int(runs.iterations.iloc[0]) if iterations is None and len(runs) else iterations,
        seconds=_mean(runs.wall_seconds),
        diverged=len(runs) - len(done),
        trained_on="; ".join(counts if len(places) > 1 else places),
        mixed=len(places) > 1,
    )


def _claim_row(judged: Judged, experiment: Experiment) -> ClaimRow:
    claim, verdict = judged.claim, judged.verdict
    interval, told = verdict.interval, post_hoc(judged.post_hoc, len(judged.runs))
    return ClaimRow(
        id=claim.id,
        says=claim.says,
        kind=claim.kind,
        arms=claim.arms,
        margin=claim.margin,
        where=experiment.cited(claim),
        verdict=verdict.outcome,
        lean=verdict.lean,
        different_protocol=verdict.different_protocol,
        origin=claim.origin,
        primary=claim.primary,
        post_hoc=told,
        estimate=verdict.estimate,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=interval.level if interval else None,
        p=verdict.p,
        p_holm=verdict.p_adjusted,
        hedges_g=verdict.hedges_g,
        probability=verdict.probability,
        seeds_needed=verdict.seeds_needed,
        sentence=sentence(verdict) + (f" Post hoc: {told}." if told else ""),
    )


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if len(values) else None


def _remarks(results: Results) -> list[str]:
    """Missing, unfinished, stale, diverged and dirty runs; hardware."""
    experiment, frame, counts = results.experiment, results.runs, results.counted().runs
    remarks = []
    seeds = sorted(set(frame.seed))
    if none := [arm.name for arm in experiment.arms if arm.name not in set(frame.arm)]:
        remarks.append(f"no runs of {', '.join(none)}: repro run {experiment.name}{results.scale.flag} --seeds N")
    for arm in experiment.arms:
        have = set(frame.seed[frame.arm == arm.name])
        if have and (gaps := [seed for seed in seeds if seed not in have]):
            remarks.append(f"{arm.name}: no run of seed {', '.join(map(str, gaps))}")
    remarks += run_remarks(results, lambda arm: arm)
    if dirty := int(counts.dirty.sum()):
        remarks.append(f"{dirty} of {len(counts)} runs were trained on uncommitted changes")
    remarks += places(counts)
    return remarks


def run_remarks(results: Results, name: Callable[[str], str]) -> list[str]:
    """A line for what is not pooled, and each run that is stale, diverged or unfinished; `name` gives an arm's."""
    told = _not_pooled(results, name)
    for run in results.runs.to_dict("records"):
        who = f"{name(run['arm'])} seed {run['seed']}"
        if run["stale"]:
            told.append(f"{who} is stale, not counted: {run['stale']}")
        elif run["status"] == "diverged":
            told.append(f"{who} diverged at iteration {run['iteration']:,}: it counts as diverged, and is in no mean")
        elif run["status"] not in FINISHED:
            told.append(f"{who} is unfinished, not counted: {run['status']} at iteration {run['iteration']:,}")
        elif " then " in (run["numerics"] or ""):
            told.append(f"{who}: its sessions span commits that changed code which numbers go through")
    return told


def _not_pooled(results: Results, name: Callable[[str], str]) -> list[str]:
    """A line for an arm's usable runs of another precision than those that its numbers rest on."""
    others, told = results.usable().runs.drop(results.counted().runs.index), []
    for (arm, precision), runs in others.groupby(["arm", "precision"], sort=False):
        errors = runs.test_error[runs.status == "done"]
        sd = errors.std(ddof=1) if len(errors) > 1 else None
        mean = f": {mean_sd(errors.mean(), sd, len(errors))}" if len(errors) else ""
        told.append(f"{name(str(arm))}: {plural(len(runs), 'further run')} in {precision}, not pooled{mean}")
    return told


def unlike_remarks(rows: list[ArmRow]) -> list[str]:
    """A line an arm whose runs were not all trained alike, and one where arms were not trained as each other."""
    told = [f"† {row.label}: its runs mix hardware: {row.trained_on}" for row in rows if row.mixed]
    alike: dict[str, list[str]] = {}
    for row in rows:
        if row.trained_on and not row.mixed:
            alike.setdefault(row.trained_on, []).append(row.label)
    if len(alike) > 1:
        groups = "; ".join(f"{', '.join(labels)} on {place}" for place, labels in sorted(alike.items()))
        told.append(f"arms differ in hardware or precision: {groups}")
    return told


def places(counts: pd.DataFrame) -> list[str]:
    """How many runs were trained on what, at which precision, with how many threads."""
    found = Counter(zip(counts.hardware, counts.precision, counts.threads, strict=True))
    return [
        f"{plural(runs, 'run')} on {hardware}, {precision}, processor threads a run: {threads}"
        for (hardware, precision, threads), runs in sorted(found.items())
    ]


def _of(arms: tuple[str, ...]) -> str:
    return f" ({', '.join(arms)})" if arms else ""
