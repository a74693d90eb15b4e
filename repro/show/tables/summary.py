"""An experiment at one scale in numbers: one row per arm, one row per claim, and notes."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from repro.claims.deviations import all_deviations, expected_effects
from repro.claims.judge import Judged, judge
from repro.claims.protocol import mismatches
from repro.claims.rules import Lean, Outcome
from repro.numbers import mean_sd
from repro.records.record import FINISHED
from repro.records.results import Results
from repro.show.describe import title
from repro.show.verdicts import account, post_hoc
from repro.spec import Arm, Experiment
from repro.wording import listed, plural


@dataclass(frozen=True)
class ArmRow:
    """An arm's numbers over its `n` completed runs: errors in %, peek bias in points, seconds per run.

    Diverged runs are counted, but are in no mean. None = not known.
    """

    arm: str
    label: str
    published: float | None
    published_sd: float | None
    published_runs: int | None
    published_statistic: str | None  # of those runs: mean or median
    published_note: str  # why the published number is not directly comparable; "" if it is
    n: int
    mean: float | None
    sd: float | None  # ddof = 1; None below two runs
    best: float | None  # mean over seeds of the lowest test error at any evaluation
    peek_bias: float | None  # mean of best minus final
    parameters: int | None
    iterations: int | None  # None if given in epochs of an image folder that is not on this machine
    seconds: float | None
    diverged: int
    trained_on: str  # hardware and precision of the runs; if `mixed`, with the number of runs on each
    mixed: bool  # whether the runs used different hardware


@dataclass(frozen=True)
class ClaimRow:
    """A claim's verdict in numbers and as a `sentence`."""

    id: str
    says: str
    kind: str
    arms: tuple[str, ...]
    unit: str  # of margin, estimate and interval: points of error, or nats
    margin: float | None
    where: str  # the citation
    verdict: Outcome
    lean: Lean | None
    different_protocol: bool
    origin: str
    primary: bool
    post_hoc: str  # how many runs began before the claim was frozen in its present form; "" if none did
    estimate: float | None  # ours - published, worse - better, or second - first
    low: float | None  # of the deciding interval
    high: float | None
    level: float | None
    p: float | None
    p_looks: float | None  # over the claim's looks
    p_holm: float | None  # after Holm over the primary claims; None if not primary, or not decided
    look: int | None  # the number of seeds per arm at which it was judged; None before the first look
    next_look: int | None
    overall: float | None  # the estimate over all seeds, if those are not the look's
    hedges_g: float | None
    probability: float | None  # that a run of the second arm is worse than a run of the first
    seeds_needed: int | None
    sentence: str


@dataclass(frozen=True)
class Summary:
    """One experiment at one scale: its rows and notes."""

    experiment: str
    title: str
    source: str
    heading: str
    caveat: str  # that of the results (`Results.caveat`)
    compared: bool  # with published numbers and claims: at full scale only
    rows: list[ArmRow]
    claims: list[ClaimRow]  # empty at reduced scale
    judged: list[Judged]  # the source of `claims`
    notes: list[str]
    deviations: list[str]  # empty at reduced scale, and for runs whose recipe is not known


def summarise(results: Results) -> Summary:
    """Summarise an experiment's records."""
    experiment, scale, counted = results.experiment, results.scale, results.counted().runs
    compared = scale.is_full
    judged = judge(results) if compared else []
    stated = compared and not results.caveat
    deviations = all_deviations(experiment, results.usable().runs) if stated else ()
    iterations = results.iterations
    rows = [_row(arm, counted[counted.arm == arm.name], iterations.get(arm.name), compared) for arm in experiment.arms]
    return Summary(
        experiment=results.name,
        title=title(experiment, scale),
        source=experiment.source,
        heading=results.heading,
        caveat=results.caveat,
        compared=compared,
        rows=rows,
        claims=[_claim_row(each, experiment) for each in judged],
        judged=judged,
        notes=_notes(results),
        deviations=[
            f"{d.what}{_names(d.arms)}: {d.why}; effect: {effect}"
            for d, effect in zip(deviations, expected_effects(deviations, results), strict=True)
        ],
    )


def _row(arm: Arm, runs: pd.DataFrame, iterations: int | None, compared: bool) -> ArmRow:
    published = arm.published if compared else None
    done = runs[runs.status == "done"]
    known = _with_hardware(runs)
    hardware = Counter(known.hardware + ", " + known.precision)
    counts = [f"{plural(count, 'run')} on {name}" for name, count in sorted(hardware.items())]
    return ArmRow(
        arm=arm.name,
        label=arm.label,
        published=published.test_error if published else None,
        published_sd=published.sd if published else None,
        published_runs=published.runs if published else None,
        published_statistic=published.statistic if published else None,
        published_note=", ".join(mismatches(published)) if published else "",
        n=len(done),
        mean=_mean(done.test_error),
        sd=float(done.test_error.std(ddof=1)) if len(done) > 1 else None,
        best=_mean(done.best_test_error),
        peek_bias=_mean(done.peek_bias),
        parameters=_first(runs.parameters),
        iterations=_first(runs.iterations) if iterations is None else iterations,
        seconds=_mean(runs.wall_seconds),
        diverged=len(runs) - len(done),
        trained_on="; ".join(counts if len(hardware) > 1 else hardware),
        mixed=len(hardware) > 1,
    )


def _claim_row(judged: Judged, experiment: Experiment) -> ClaimRow:
    claim, verdict = judged.claim, judged.verdict
    interval = verdict.deciding
    return ClaimRow(
        id=claim.id,
        says=claim.says,
        kind=claim.kind,
        arms=claim.arms,
        unit=verdict.unit.difference,
        margin=verdict.margin,
        where=experiment.cited(claim),
        verdict=verdict.outcome,
        lean=verdict.lean,
        different_protocol=verdict.different_protocol,
        origin=claim.origin,
        primary=claim.primary,
        post_hoc=post_hoc(judged.post_hoc, len(judged.runs)),
        estimate=verdict.estimate,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=interval.level if interval else None,
        p=verdict.p,
        p_looks=verdict.p_looks,
        p_holm=verdict.p_adjusted,
        look=judged.look,
        next_look=judged.next_look,
        overall=judged.overall.estimate if judged.overall else None,
        hedges_g=verdict.hedges_g,
        probability=verdict.probability,
        seeds_needed=verdict.seeds_needed,
        sentence=account(judged),
    )


def _mean(values: pd.Series) -> float | None:
    known = values.dropna()
    return float(known.mean()) if len(known) else None


def _first(values: pd.Series) -> int | None:
    known = values.dropna()
    return int(known.iloc[0]) if len(known) else None


def _with_hardware(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs whose hardware is known."""
    return runs[runs.hardware != ""]


def _notes(results: Results) -> list[str]:
    """Notes on missing, unfinished, stale, diverged and dirty runs, and on hardware."""
    experiment, frame, counted = results.experiment, results.runs, results.counted().runs
    notes = []
    seeds = sorted(set(frame.seed))
    if none := [arm.label for arm in experiment.arms if arm.name not in set(frame.arm)]:
        command = "" if results.caveat else f": repro run {experiment.name}{results.scale.flag} --seeds N"
        notes.append(f"no runs of {listed(none)}{command}")
    for arm in experiment.arms:
        have = set(frame.seed[frame.arm == arm.name])
        if have and (gaps := [seed for seed in seeds if seed not in have]):
            notes.append(f"{arm.label}: no run of seed {', '.join(map(str, gaps))}")
    labels = {arm.name: arm.label for arm in experiment.arms}
    notes += run_notes(results, lambda arm: labels.get(arm, arm))
    if dirty := int(counted.dirty.sum()):
        notes.append(f"{dirty} of {len(counted)} runs were trained on uncommitted changes")
    notes += hardware_notes(counted)
    return notes


def run_notes(results: Results, name: Callable[[str], str]) -> list[str]:
    """Notes on runs that are not pooled, damaged, stale, diverged or unfinished. `name`: arm -> its name as shown."""
    notes = _not_pooled(results, name)
    for fault in results.faults:
        arm, seed = fault.path.parent.parts[-2:]
        notes.append(
            f"{name(arm)} {seed.replace('-', ' ')} is damaged and not counted: {fault.path.name} {fault.reason}"
        )
    for run in results.runs[results.runs.status != "damaged"].to_dict("records"):
        who = f"{name(run['arm'])} seed {run['seed']}"
        if run["stale"]:
            notes.append(f"{who} is stale and not counted: {run['stale']}")
        elif run["status"] == "diverged":
            at = f" at iteration {run['iteration']:,}" if pd.notna(run["iteration"]) else ""
            notes.append(f"{who} diverged{at}; it is counted, but excluded from means")
        elif run["status"] not in FINISHED:
            notes.append(f"{who} is unfinished and not counted: {run['status']} at iteration {run['iteration']:,}")
        elif " then " in (run["numerics"] or ""):
            notes.append(f"{who}: numerical code changed between the commits of its sessions")
    return notes


def _not_pooled(results: Results, name: Callable[[str], str]) -> list[str]:
    """Notes on usable runs whose precision differs from that of the arm's counted runs."""
    others, notes = results.usable().runs.drop(results.counted().runs.index), []
    for (arm, precision), runs in others.groupby(["arm", "precision"], sort=False):
        errors = runs.test_error[runs.status == "done"]
        sd = errors.std(ddof=1) if len(errors) > 1 else None
        mean = f": {mean_sd(errors.mean(), sd, len(errors))}" if len(errors) else ""
        notes.append(f"{name(str(arm))}: {plural(len(runs), 'further run')} in {precision}, not pooled{mean}")
    return notes


def mixed_hardware_notes(rows: list[ArmRow]) -> list[str]:
    """Notes on hardware or precision that differs within an arm, or between arms."""
    notes = [f"† {row.label}: its runs mix hardware: {row.trained_on}" for row in rows if row.mixed]
    by_hardware: dict[str, list[str]] = {}
    for row in rows:
        if row.trained_on and not row.mixed:
            by_hardware.setdefault(row.trained_on, []).append(row.label)
    if len(by_hardware) > 1:
        groups = "; ".join(f"{', '.join(labels)} on {name}" for name, labels in sorted(by_hardware.items()))
        notes.append(f"arms differ in hardware or precision: {groups}")
    return notes


def hardware_notes(runs: pd.DataFrame) -> list[str]:
    """The number of runs per hardware, precision and number of CPU threads, where the hardware is known."""
    known = _with_hardware(runs)
    found = Counter(zip(known.hardware, known.precision, known.threads, strict=True))
    return [
        f"{plural(count, 'run')} on {hardware}, {precision}, CPU threads per run: {threads}"
        for (hardware, precision, threads), count in sorted(found.items())
    ]


def _names(arms: tuple[str, ...]) -> str:
    return f" ({', '.join(arms)})" if arms else ""
