"""The section of one experiment: results and verdicts first, then what was claimed, the recipe, deviations, cost."""

import pandas as pd

from repro.claims.deviations import all_deviations, expected_effects
from repro.durations import duration
from repro.show.report import claims, missing, recipe, worth
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
from repro.show.report.load import Part
from repro.show.tables import mixed_hardware_notes, run_notes
from repro.show.tables.sheets import ARM_COLUMNS, arm_cells, arm_columns


def elements(part: Part) -> list[Element]:
    """The whole section of an experiment at full scale."""
    title = (Strong(part.experiment.title), f". {part.experiment.source}.")
    body: list[Element] = [Heading(2, part.name, part.name), Paragraph(title), *review(part)]
    body += [Heading(3, "Results"), *results(part), *_verdicts(part), *worth.elements(part)]
    if part.experiment.claims:
        body += [Heading(3, "What is claimed"), claims.tested(part)]
    if cited := claims.sources(part):
        body += [Heading(3, "Sources"), Bullets(tuple(cited))]
    body += [Heading(3, "Recipe"), recipe.shared(part), recipe.arms(part)]
    body += [Heading(3, "Deviations"), *_deviations(part)]
    if notes := recipe.cost(part):
        body += [Heading(3, "Cost"), Bullets(tuple(notes))]
    return [*body, Heading(3, "What is missing"), *_missing(part)]


def review(part: Part) -> list[Element]:
    """A link to the W&B Report, if one was saved."""
    return [Paragraph((Link("Every run on W&B", part.review), "."))] if part.review else []


def _deviations(part: Part) -> list[Element]:
    found = all_deviations(part.experiment, part.results.usable().runs)
    if not found:
        return [Paragraph(("None stated.",))]
    rows = [
        (
            *prose_cells(d.what, d.why, effect),
            Cell(("; ".join(map(part.label, d.arms)) or "all",)),
        )
        for d, effect in zip(found, expected_effects(found, part.results), strict=True)
    ]
    return [Table(f"Deviations of {part.name}", ("what", "why", "expected effect", "arms"), tuple(rows))]


def results(part: Part) -> list[Element]:
    """The arms beside the published numbers (at full scale), the figures, and on the HTML page every run."""
    if not len(part.counted):
        runs = _notes(part)
        none = Paragraph(("No counted runs yet.",))
        return [none, Bullets(runs)] if runs else [none]
    body: list[Element] = [_arms(part)]
    if notes := _published_notes(part) + _notes(part):
        body.append(Bullets(notes))
    return [*body, *part.pictures, *_runs(part)]


def _published_notes(part: Part) -> tuple[Text, ...]:
    """Why the marked numbers are not directly comparable; arms with the same note share a line."""
    noted: dict[str, list[str]] = {}
    for row in part.summary.rows:
        if row.published_note:
            noted.setdefault(row.published_note, []).append(row.label)
    return tuple((f"* {'; '.join(labels)}: {note}",) for note, labels in noted.items())


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
