"""An experiment's tables: arms with claims, errors by class, learning curves."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from repro.claims.evidence import class_errors
from repro.claims.judge import Judged
from repro.claims.rules import Outcome
from repro.durations import duration
from repro.numbers import mean_sd, points, published, spread
from repro.records.results import Results
from repro.show.tables.summary import ArmRow, Summary, mixed_hardware_notes, summarise
from repro.show.verdicts import difference, label
from repro.spec import Experiment

ARM_COLUMNS = ("arm", "published", "ours: mean ± sd (n)", "best", "peek bias", "params", "iters", "time")
CLAIM_COLUMNS = ("claim", "verdict", "difference [interval]", "p", "p over looks", "p (Holm)")
RESTS_ON_RUNS = ("ours: mean ± sd (n)", "verdict")
FULL_ONLY = ("published", "best", "peek bias")  # reduced runs have too few evaluations for a meaningful best
UNJUDGED = "claims are judged at full scale only"
CURVE_POINTS = 16  # most rows of a learning curve


@dataclass(frozen=True)
class TextCell:
    """A cell's text. A verdict's cell has its outcome, which decides the colour."""

    text: str
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Sheet:
    """One table: formatted cells for people, and the same content as records for programs.

    `words`: the number of leading columns that hold words; the others hold numbers.
    """

    name: str
    columns: tuple[str, ...]
    cells: list[tuple[TextCell, ...]]
    records: list[dict[str, Any]]
    words: int = 1


@dataclass(frozen=True)
class ExperimentTables:
    """What is printed about one experiment: a heading, sheets, notes."""

    experiment: str
    title: str
    source: str
    heading: str
    sheets: list[Sheet]
    notes: list[str] = field(default_factory=list)
    deviations: list[str] = field(default_factory=list)


def arms(results: Results) -> ExperimentTables:
    """The arms; at full scale with published numbers and the claims that have a verdict."""
    return _arms(results, every_claim=False)


def claims(results: Results) -> ExperimentTables:
    """The arms, with every claim: those without a verdict say why."""
    return _arms(results, every_claim=True)


def _arms(results: Results, every_claim: bool) -> ExperimentTables:
    summary = summarise(results)
    pairs = list(zip(summary.claims, summary.judged, strict=True))
    shown = [(row, judged) for row, judged in pairs if every_claim or row.verdict != "no verdict"]
    sheets = [_arm_sheet(summary)]
    if shown:
        records = [{"row": "claim"} | asdict(claim) for claim in summary.claims]
        columns = tuple(_marked(column, summary.caveat) for column in CLAIM_COLUMNS)
        sheets.append(Sheet("claims", columns, [claim_cells(judged) for _, judged in shown], records, words=2))
    notes = [f"* {r.label}: published {r.published:.2f}: {r.published_note}" for r in summary.rows if r.published_note]
    notes += mixed_hardware_notes(summary.rows)
    notes += [f"{row.id}: {row.sentence}" for row, _ in shown]
    if len(shown) < len(pairs):
        without = [row.id for row in summary.claims if row.verdict == "no verdict"]
        notes.append(f"no verdict yet on {', '.join(without)}")
    if not summary.compared:
        notes.append(UNJUDGED)
    return _experiment_tables(summary, sheets, notes + summary.notes)


def _arm_sheet(summary: Summary) -> Sheet:
    """At a demo or reduced scale, without the columns of published numbers; of runs without records, without those of
    which nothing is known."""
    texts = [arm_cells(row) for row in summary.rows]
    shown = [i for i in arm_columns(summary.compared) if not summary.caveat or any(row[i] for row in texts)]
    columns = tuple(_marked(ARM_COLUMNS[i], summary.caveat) for i in shown)
    cells = [tuple(TextCell(row[i]) for i in shown) for row in texts]
    return Sheet("arms", columns, cells, [{"row": "arm"} | asdict(r) for r in summary.rows])


def _marked(column: str, caveat: str) -> str:
    """The column's name, with the caveat if there is one and what is in the column rests on the runs."""
    return f"{caveat}: {column.removeprefix('ours: ')}" if caveat and column in RESTS_ON_RUNS else column


def arm_columns(full: bool) -> list[int]:
    """Indices of the ARM_COLUMNS that are shown."""
    return [i for i, column in enumerate(ARM_COLUMNS) if full or column not in FULL_ONLY]


def arm_cells(row: ArmRow) -> tuple[str, ...]:
    """The cells of ARM_COLUMNS."""
    theirs = ""
    if row.published is not None:
        theirs = published(row.published, row.published_sd, row.published_runs, row.published_statistic)
    ours = [] if row.mean is None else [mean_sd(row.mean, row.sd, row.n)]
    if row.diverged:
        ours.append(f"{row.diverged} of {row.n + row.diverged} diverged")
    return (
        row.label + (" †" if row.mixed else ""),
        theirs + (" *" if row.published_note else ""),
        ", ".join(ours) or "no runs",
        "" if row.best is None else f"{row.best:.2f}",
        "" if row.peek_bias is None else points(row.peek_bias),
        "" if row.parameters is None else _millions(row.parameters),
        "" if row.iterations is None else f"{row.iterations:,}",
        "" if row.seconds is None else duration(row.seconds),
    )


def claim_cells(judged: Judged) -> tuple[TextCell, ...]:
    """The cells of CLAIM_COLUMNS."""
    verdict = judged.verdict
    ps = (verdict.p, verdict.p_looks, verdict.p_adjusted)
    numbers = difference(verdict), *map(p_cell, ps)
    return TextCell(judged.claim.id), TextCell(label(judged), verdict.outcome), *map(TextCell, numbers)


def p_cell(p: float | None) -> str:
    return "" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def _millions(count: int) -> str:
    """464154 -> 0.46M, as the papers print it; small numbers in thousands, 12.3k."""
    return f"{count / 1e6:.2f}M" if count >= 100_000 else f"{count / 1e3:.1f}k"


def per_class(results: Results) -> ExperimentTables:
    """Error of each class (% of its test images), mean ± sd over seeds; one column per arm."""
    summary = summarise(results)
    found: list[dict[str, Any]] = []
    classes: tuple[str, ...] = ()
    for run in results.counted().done():
        errors = class_errors(results, run)
        classes = max(classes, tuple(errors), key=len)
        for title, error in errors.items():
            found.append({"arm": run.arm, "seed": run.seed, "class": title, "test_error": error})
    sheet = _crosstab("errors by class", "class", classes, found, results.experiment)
    return _experiment_tables(summary, [sheet], summary.notes)


def curves(results: Results) -> ExperimentTables:
    """Test error by iteration, mean ± sd over seeds; one column per arm."""
    summary = summarise(results)
    found: list[dict[str, Any]] = []
    for run in results.counted().done():
        metrics = results.metrics(run)
        for iteration, error in zip(metrics.iteration, metrics.test_error, strict=True):
            found.append({"arm": run.arm, "seed": run.seed, "iteration": int(iteration), "test_error": float(error)})
    every = sorted({point["iteration"] for point in found})
    step = -(-len(every) // CURVE_POINTS) or 1
    shown = tuple(every[::-1][::step][::-1])  # always includes the last
    sheet = _crosstab("learning curves", "iteration", shown, found, results.experiment)
    return _experiment_tables(summary, [sheet], summary.notes)


def _crosstab(
    name: str, key: str, values: tuple[Any, ...], found: list[dict[str, Any]], experiment: Experiment
) -> Sheet:
    """One row per value of `key`, one column per arm, mean ± sd in the cells."""
    frame = pd.DataFrame(found, columns=["arm", "seed", key, "test_error"])
    present = [arm for arm in experiment.arms if arm.name in set(frame.arm)]
    groups = frame.groupby(["arm", key]).test_error.agg(["mean", "std"])

    def cell(arm: str, value: Any) -> TextCell:
        if (arm, value) not in groups.index:
            return TextCell("")
        mean, sd = groups.loc[(arm, value)]
        return TextCell(f"{mean:.2f}{spread(None if np.isnan(sd) else sd)}")

    cells = [
        (TextCell(value if isinstance(value, str) else f"{value:,}"), *(cell(arm.name, value) for arm in present))
        for value in values
    ]
    words = all(isinstance(value, str) for value in values)
    return Sheet(name, (key, *(arm.label for arm in present)), cells, found, words=int(words))


def _experiment_tables(summary: Summary, sheets: list[Sheet], notes: list[str]) -> ExperimentTables:
    return ExperimentTables(
        summary.experiment, summary.title, summary.source, summary.heading, sheets, notes, summary.deviations
    )


VIEWS: dict[str, Callable[[Results], ExperimentTables]] = {
    "arms": arms,
    "claims": claims,
    "per-class": per_class,
    "curves": curves,
}
