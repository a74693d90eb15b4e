"""Records -> the table of an experiment: an arm a row, ours beside the published number. Imports no torch."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from repro import records, spec
from repro.describe import heading
from repro.durations import duration
from repro.spec import Arm, Experiment, Published


@dataclass(frozen=True)
class ArmRow:
    """An arm's numbers over the runs that count. Errors in %, peek bias in points, seconds a run; None = not known."""

    arm: str
    label: str
    published: float | None
    published_sd: float | None
    published_note: str  # what keeps the published number from being compared as it stands
    n: int
    mean: float | None
    sd: float | None  # ddof = 1; None below two runs
    best: float | None  # mean over seeds of the lowest test error at any evaluation
    peek_bias: float | None  # mean of best minus final
    parameters: int | None
    iterations: int
    seconds: float | None
    diverged: int


@dataclass(frozen=True)
class Summary:
    """One experiment at one scale: its rows, and what must be said below them."""

    experiment: str
    title: str
    source: str
    heading: str
    compared: bool  # only full scale stands beside published numbers
    rows: list[ArmRow]
    remarks: list[str]
    deviations: list[str]


def render(root: Path, names: list[str], scale: str, form: str, width: int) -> str:
    """The tables of `names` (default: every experiment with records; all where none has) as text, md, csv or json."""
    chosen = names or [n for n in spec.names(root) if len(records.load(root, [n], scale))] or spec.names(root)
    return FORMATS[form]([summarise(root, name, scale) for name in chosen], width)


def summarise(root: Path, name: str, scale: str) -> Summary:
    """Read an experiment's records and sum them up."""
    experiment = spec.load(name, root)
    frame = records.load(root, [name], scale)
    counts = records.counted(frame)
    compared = scale == spec.FULL
    resolved = {run.arm: run for run in spec.resolve(experiment, [0], scale=scale)}
    rows = [
        _row(arm, counts[counts.arm == arm.name], resolved[arm.name].recipe.schedule.iterations, compared)
        for arm in experiment.arms
    ]
    return Summary(
        experiment=name,
        title=experiment.title,
        source=experiment.source,
        heading=heading(scale),
        compared=compared,
        rows=rows,
        remarks=_remarks(experiment, frame, counts, scale),
        deviations=[f"{d.what}{_of(d.arms)}: {d.why}; effect: {d.effect}" for d in experiment.deviations],
    )


def _row(arm: Arm, runs: pd.DataFrame, iterations: int, compared: bool) -> ArmRow:
    published = arm.published if compared else None
    return ArmRow(
        arm=arm.name,
        label=arm.label,
        published=published.test_error if published else None,
        published_sd=published.sd if published else None,
        published_note=_published_note(published) if published else "",
        n=len(runs),
        mean=_mean(runs.test_error),
        sd=float(runs.test_error.std(ddof=1)) if len(runs) > 1 else None,
        best=_mean(runs.best_test_error),
        peek_bias=_mean(runs.peek_bias),
        parameters=int(runs.parameters.iloc[0]) if len(runs) else None,
        iterations=iterations,
        seconds=_mean(runs.wall_seconds),
        diverged=int((runs.status == "diverged").sum()),
    )


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if len(values) else None


def _published_note(published: Published) -> str:
    notes = []
    if published.dataset:
        notes.append(f"on {published.dataset}, not comparable")
    if not published.same_protocol:
        notes.append("different protocol")
    if published.selection in ("best-test", "best-validation"):
        notes.append(f"selected: {published.selection}")
    return ", ".join(notes)


def _remarks(experiment: Experiment, frame: pd.DataFrame, counts: pd.DataFrame, scale: str) -> list[str]:
    """Missing, unfinished, stale, diverged and dirty runs; hardware."""
    remarks = []
    seeds = sorted(set(frame.seed))
    if none := [arm.name for arm in experiment.arms if arm.name not in set(frame.arm)]:
        flags = {spec.FULL: "", spec.DEMO: " --demo"}.get(scale, f" --scale {scale}")
        remarks.append(f"no runs of {', '.join(none)}: repro run {experiment.name}{flags} --seeds N")
    for arm in experiment.arms:
        have = set(frame.seed[frame.arm == arm.name])
        if have and (gaps := [seed for seed in seeds if seed not in have]):
            remarks.append(f"{arm.name}: no run of seed {', '.join(map(str, gaps))}")
    for run in frame.to_dict("records"):
        name = f"{run['arm']} seed {run['seed']}"
        if run["stale"]:
            remarks.append(f"{name} is stale, not counted: {run['stale']}")
        elif run["status"] == "diverged":
            remarks.append(f"{name} diverged at iteration {run['iteration']}; counted with the error it ended at")
        elif run["status"] not in records.FINISHED:
            remarks.append(f"{name} is unfinished, not counted: {run['status']} at iteration {run['iteration']}")
    if dirty := int(counts.dirty.sum()):
        remarks.append(f"{dirty} of {len(counts)} runs were trained on uncommitted changes")
    places = Counter(zip(counts.hardware, counts.precision, counts.threads, strict=True))
    for (hardware, precision, threads), runs in places.items():
        remarks.append(f"{runs} runs on {hardware}, {precision}, {threads} threads each")
    return remarks


def _of(arms: tuple[str, ...]) -> str:
    return f" ({', '.join(arms)})" if arms else ""


# --- formats ---------------------------------------------------------------------------------------------------------

COLUMNS = ("arm", "published", "ours: mean ± sd (n)", "best", "peek bias", "params", "iters", "time")


def _cells(row: ArmRow) -> tuple[str, ...]:
    published = "" if row.published is None else f"{row.published:.2f}"
    if row.published_sd is not None:
        published += f" ± {row.published_sd:.2f}"
    ours = "no runs"
    if row.mean is not None:
        ours = f"{row.mean:.2f}" + (f" ± {row.sd:.2f}" if row.sd is not None else "") + f" (n = {row.n})"
        ours += f", {row.diverged} diverged" if row.diverged else ""
    return (
        row.label,
        published + (" *" if row.published_note else ""),
        ours,
        "" if row.best is None else f"{row.best:.2f}",
        "" if row.peek_bias is None else f"{row.peek_bias:+.2f}",
        "" if row.parameters is None else _millions(row.parameters),
        f"{row.iterations:,}",
        "" if row.seconds is None else duration(row.seconds),
    )


def _millions(count: int) -> str:
    """464154 -> 0.46M, as the papers print it; small networks in thousands."""
    return f"{count / 1e6:.2f}M" if count >= 100_000 else f"{count / 1e3:.1f}k"


def _shown(summary: Summary) -> list[int]:
    """The columns to show: a published number never stands beside a demo or a reduced scale."""
    return [i for i, name in enumerate(COLUMNS) if summary.compared or name != "published"]


def _footnotes(summary: Summary) -> list[str]:
    noted = [
        f"* {row.label}: published {row.published:.2f}: {row.published_note}"
        for row in summary.rows
        if row.published_note
    ]
    return noted + summary.remarks


def _text(summaries: list[Summary], width: int) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False, color_system=None)
    for summary in summaries:
        shown = _shown(summary)
        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
        for i in shown:
            table.add_column(COLUMNS[i], justify="left" if i == 0 else "right", no_wrap=i != 0, overflow="fold")
        for row in summary.rows:
            cells = _cells(row)
            table.add_row(*(cells[i] for i in shown))
        console.print(
            f"{summary.experiment}: {summary.title}\n{summary.heading}. Test error in %.", markup=False, highlight=False
        )
        console.print(table, markup=False, highlight=False)
        for line in _footnotes(summary):
            console.print(f"  {line}", markup=False, highlight=False)
        if summary.deviations:
            count = len(summary.deviations)
            console.print(
                f"  {count} deviations from the paper: repro show {summary.experiment}", markup=False, highlight=False
            )
        console.print()
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().rstrip().splitlines())


def _markdown(summaries: list[Summary], width: int) -> str:
    parts = []
    for summary in summaries:
        shown = _shown(summary)
        lines = [
            f"## {summary.experiment}: {summary.title}",
            "",
            f"{summary.heading}. Test error in %. Source: {summary.source}.",
            "",
        ]
        lines.append("| " + " | ".join(COLUMNS[i] for i in shown) + " |")
        lines.append("|" + "|".join("---" if i == 0 else "---:" for i in shown) + "|")
        for row in summary.rows:
            cells = _cells(row)
            lines.append("| " + " | ".join(cells[i] for i in shown) + " |")
        lines += ["", *(f"- {line}".replace("- *", "- \\*") for line in _footnotes(summary))]
        lines += ["", "Deviations from the paper:", "", *(f"- {line}" for line in summary.deviations)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _csv(summaries: list[Summary], width: int) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, ["experiment", "heading", *ArmRow.__dataclass_fields__], lineterminator="\n")
    table.writeheader()
    for summary in summaries:
        for row in summary.rows:
            table.writerow({"experiment": summary.experiment, "heading": summary.heading} | asdict(row))
    return text.getvalue().rstrip()


def _json(summaries: list[Summary], width: int) -> str:
    return json.dumps([asdict(summary) for summary in summaries], indent=1, ensure_ascii=False)


FORMATS: dict[str, Callable[[list[Summary], int], str]] = {"text": _text, "md": _markdown, "csv": _csv, "json": _json}
