"""The report as a document: its sections in order, with their text. Does no arithmetic and reads no files."""

import pandas as pd

from repro.claims.deviations import all_deviations, expected_effect
from repro.claims.rules import KINDS
from repro.durations import duration
from repro.show.report import claims, lessons, missing, recipe, worth
from repro.show.report.document import (
    Bullets,
    Cell,
    Code,
    Element,
    Folded,
    Heading,
    Inline,
    Link,
    Paragraph,
    Strong,
    Table,
    Text,
    prose_cells,
)
from repro.show.report.load import Part, Report
from repro.show.tables import mixed_hardware_notes, run_notes
from repro.show.tables.sheets import ARM_COLUMNS, arm_cells, arm_columns
from repro.wording import plural

TITLE = "Which published claims reproduce"
READING: tuple[Text, ...] = (
    (
        "Test error in % of the test images after the last iteration; ours is the mean ± sd over n seeds. A ",
        Strong("difference"),
        " is in points of test error, with the interval that decides: of ours - published (value), of second - "
        "first (equivalence, non-inferiority), of worse - better (difference). Verdicts are given at the looks of a "
        "claim only, numbers of seeds that were fixed with it; the more looks, the wider the interval. An order shows "
        "each step and then its ends, the last arm against the first.",
    ),
    (
        Strong("p"),
        " is that of the test behind the verdict, and of the test that would show it where there is none. The p over "
        "looks is corrected for the claim's looks and decides; a primary claim's is then corrected for the primary "
        "claims of the experiment (Holm). Other claims are not corrected for each other.",
    ),
    (
        Strong("Inconclusive"),
        " comes with the direction of the estimate: consistent with the claim or leaning against it. One seed gives no "
        "verdict. ",
        Strong("Different protocol"),
        ": the published number, marked *, was selected or obtained differently from ours. ",
        Strong("Post hoc"),
        ": some runs began before the claim was frozen in its present form.",
    ),
    (
        Strong("Time"),
        " is the wall time per run, mean over seeds. It includes the effect of other work on the machine, so it does "
        "not measure an arm's speed.",
    ),
)


def _reading(report: Report) -> tuple[Text, ...]:
    """READING, and what the kinds of the report's claims add to it."""
    kinds = {claim.kind for part in report.full for claim in part.experiment.claims}
    own: list[Text] = [(kind.reading,) for name, kind in KINDS.items() if name in kinds and kind.reading]
    return (*READING, *own)


def elements(report: Report) -> list[Element]:
    """The whole report."""
    body = [*_top(report), *_summary(report), *lessons.elements(report)]
    for part in report.full:
        body += _experiment(part)
    return [*body, *_early(report)]


def _top(report: Report) -> list[Element]:
    lead: list[Inline] = [
        "The claims are about image classifiers. Each is tested by fresh, seeded runs of the published recipe with its "
        "full schedule. Our numbers are computed from the committed records in ",
        Code("results/"),
        "; the published numbers and their sources are in ",
        Code("experiments/"),
        ".",
    ]
    if report.reduced:
        lead += [" Runs with a shortened schedule are in the appendix, ", Link("Early training", f"#{EARLY}"), "."]
    return [
        Heading(1, TITLE),
        Paragraph((Strong(claims.tally(report)), " ", claims.by_origin(report))),
        Paragraph(tuple(lead)),
    ]


# --- summary ---------------------------------------------------------------------------------------------------------


def _summary(report: Report) -> list[Element]:
    body: list[Element] = [Heading(2, "Claims", "claims")]
    if report.left_out:
        count = plural(len(report.left_out), "run")
        link = Link("list", "#left-out")
        body.append(Paragraph((f"{count} trained on uncommitted changes: left out of this report (", link, ").")))
    for part in report.full:
        if not len(part.counted):
            continue
        link = Link(part.name, f"#{part.name}")
        body.append(Paragraph((Strong(part.experiment.title), " (", link, f"). {part.experiment.source}.")))
        if part.judged:
            body.append(claims.table(part))
        if notes := claims.not_comparable(part):
            body.append(Bullets(notes))
    if without := tuple(_without_runs(part) for part in report.full if not len(part.counted)):
        body += [Heading(3, "Without a run at full scale"), Bullets(without)]
    return [*body, *_left_out(report), Heading(3, "How to read the tables"), Bullets(_reading(report))]


def _without_runs(part: Part) -> Text:
    """The experiment in one line; its claims are in its own section."""
    link = Link(part.name, f"#{part.name}")
    return (Strong(part.experiment.title), " (", link, f"): {plural(len(part.judged), 'claim')}")


def _left_out(report: Report) -> list[Element]:
    """The runs that were trained on uncommitted changes, one line per arm's folder."""
    arms: dict[str, list[str]] = {}
    for folder in report.left_out:
        arm, _, seed = folder.rpartition("/")
        arms.setdefault(arm, []).append(seed)
    if not arms:
        return []
    notes = tuple((Code(arm), f": {', '.join(seeds)}") for arm, seeds in arms.items())
    return [Heading(3, "Left out: trained on uncommitted changes", "left-out"), Bullets(notes)]


def _published_notes(part: Part) -> tuple[Text, ...]:
    """Why the marked numbers are not directly comparable; arms with the same note share a line."""
    noted: dict[str, list[str]] = {}
    for row in part.summary.rows:
        if row.published_note:
            noted.setdefault(row.published_note, []).append(row.label)
    return tuple((f"* {'; '.join(labels)}: {note}",) for note, labels in noted.items())


# --- an experiment ---------------------------------------------------------------------------------------------------


def _experiment(part: Part) -> list[Element]:
    title = (Strong(part.experiment.title), f". {part.experiment.source}.")
    body: list[Element] = [Heading(2, part.name, part.name), Paragraph(title), *_review(part)]
    if part.experiment.claims:
        body += [Heading(3, "What is claimed"), claims.tested(part)]
    if cited := claims.sources(part):
        body += [Heading(3, "Sources"), Bullets(tuple(cited))]
    body += [Heading(3, "Recipe"), recipe.shared(part), recipe.arms(part)]
    body += [Heading(3, "Deviations"), *_deviations(part)]
    body += [Heading(3, "Results"), *_results(part), *_verdicts(part), *worth.elements(part)]
    if notes := recipe.cost(part):
        body += [Heading(3, "Cost"), Bullets(tuple(notes))]
    return [*body, Heading(3, "What is missing"), *_missing(part)]


def _review(part: Part) -> list[Element]:
    """A link to the W&B Report, if one was saved."""
    return [Paragraph((Link("Every run on W&B", part.review), "."))] if part.review else []


def _deviations(part: Part) -> list[Element]:
    found = all_deviations(part.experiment, part.results.usable().runs)
    if not found:
        return [Paragraph(("None stated.",))]
    rows = [
        (
            *prose_cells(d.what, d.why, expected_effect(d, part.results)),
            Cell(("; ".join(map(part.label, d.arms)) or "all",)),
        )
        for d in found
    ]
    return [Table(f"Deviations of {part.name}", ("what", "why", "expected effect", "arms"), tuple(rows))]


def _results(part: Part) -> list[Element]:
    if not len(part.counted):
        runs = _notes(part)
        none = Paragraph(("No counted runs yet.",))
        return [none, Bullets(runs)] if runs else [none]
    body: list[Element] = [_arms(part)]
    if notes := _published_notes(part) + _notes(part):
        body.append(Bullets(notes))
    return [*body, *part.pictures, *_runs(part)]


def _arms(part: Part) -> Table:
    """The arms as `repro table` prints them, at full scale with the published numbers."""
    shown = arm_columns(part.full)
    rows = []
    for row in part.summary.rows:
        if not (row.n or row.diverged or part.full):
            continue
        keys = (None, row.published, row.mean, row.best, row.peek_bias, row.parameters, row.iterations, row.seconds)
        cell_texts = arm_cells(row)
        texts: list[Text] = [(text or claims.NONE,) for text in cell_texts]
        if row.n or row.diverged:
            texts[0] = (Link(cell_texts[0], f"#{claims.runs_anchor(part, row.arm)}"),)
        rows.append(tuple(Cell(texts[i], keys[i]) for i in shown))
    scale = "full scale" if part.full else f"{part.scale} of the schedule"
    return Table(
        f"Arms of {part.name} at {scale}, test error in %",
        tuple(ARM_COLUMNS[i] for i in shown),
        tuple(rows),
        kind="numbers",
    )


def _notes(part: Part) -> tuple[Text, ...]:
    """Notes on mixed hardware, on other precisions, and on damaged, stale, diverged or unfinished runs."""
    return tuple((line,) for line in mixed_hardware_notes(part.summary.rows) + run_notes(part.results, part.label))


def _verdicts(part: Part) -> list[Element]:
    """One line per claim that has a verdict."""
    judged = [view for view in claims.claim_views(part) if view.outcome != "no verdict"]
    notes = tuple((Strong(claims.as_sentence(view.claim.says)), f" {view.row.sentence}") for view in judged)
    return [Heading(3, "Verdicts"), Bullets(notes)] if notes else []


def _missing(part: Part) -> list[Element]:
    notes = missing.notes(part)
    return [Bullets(tuple(notes)) if notes else Paragraph(("Nothing: every arm has every seed.",))]


def _runs(part: Part) -> list[Element]:
    """Each arm's runs, on the HTML page only, where the numbers of claims link to them."""
    columns = ("seed", "status", "final", "best", "time", "commit", "hardware", "precision")
    body: list[Element] = []
    for arm in dict.fromkeys([*(arm.name for arm in part.experiment.arms), *part.runs.arm]):
        runs = part.runs[part.runs.arm == arm]
        if not len(runs):
            continue
        rows = tuple(
            (
                Cell((str(run["seed"]),), run["seed"]),
                Cell(("stale" if run["stale"] else run["status"] + _trained_as(run["trained_as"]),)),
                Cell((_number(run["test_error"]),), _key(run["test_error"])),
                Cell((_number(run["best_test_error"]),), _key(run["best_test_error"])),
                Cell((duration(run["wall_seconds"]),), run["wall_seconds"]),
                Cell((_commits(run["commit"]),)),
                Cell((run["hardware"],)),
                Cell((run["precision"],)),
            )
            for run in runs.to_dict("records")
        )
        title = f"Runs of {part.label(arm)}"
        anchor = claims.runs_anchor(part, arm)
        body.append(Folded(f"{title} ({len(rows)})", (Table(title, columns, rows, "runs", anchor),)))
    return body


def _commits(commits: str | None) -> Inline:
    """The commits of the run's sessions, abbreviated."""
    return Code(" then ".join(commit[:10] for commit in commits.split(" then "))) if commits else claims.NONE


def _trained_as(name: str) -> str:
    return f", trained as {name}" if name else ""


def _number(value: float | None) -> str:
    return claims.NONE if pd.isna(value) else f"{value:.2f}"


def _key(value: float | None) -> float | None:
    return None if pd.isna(value) else value


# --- appendix: reduced scales ----------------------------------------------------------------------------------------

EARLY = "early-training"
EARLY_TEXT = (
    "These runs follow a shortened schedule. At 1/64, for example, a run has 1/64 of the iterations, and its learning "
    "rate drops are scaled alike. They check that the pipeline trains and show early training. No claim is judged on "
    "them, and they are not compared with published numbers.",
)


def _early(report: Report) -> list[Element]:
    if not report.reduced:
        return []
    body: list[Element] = [Heading(2, "Early training: checks of the pipeline", EARLY), Paragraph(EARLY_TEXT)]
    for part in report.reduced:
        body += [Heading(3, f"{part.name} at {part.scale} of the schedule"), *_review(part), *_results(part)]
        if notes := recipe.cost(part):
            body.append(Bullets(tuple(notes)))
    return body
