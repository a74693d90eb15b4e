"""The report as a document: its sections, in order, with their words. Does no arithmetic and reads no files."""

import pandas as pd

from repro.claims.deviations import all_deviations, expected_effect
from repro.durations import duration
from repro.show.report import claims, lessons, missing, recipe
from repro.show.report.document import (
    Block,
    Bullets,
    Cell,
    Code,
    Folded,
    Heading,
    Inline,
    Link,
    Paragraph,
    Strong,
    Table,
    Text,
    cells,
)
from repro.show.report.gather import Part, Report
from repro.show.tables import mixed_hardware_notes, run_notes
from repro.show.tables.sheets import ARM_COLUMNS, arm_cells, arm_columns
from repro.wording import plural

TITLE = "Which published claims reproduce"
READING: tuple[Text, ...] = (
    (
        "Test error in % of the test images after the last iteration; ours is the mean ± sd over n seeds. A ",
        Strong("difference"),
        " is in points of test error, with the interval that decides: ours - published (value) and second - first "
        "(equivalence, non-inferiority) with a 90% interval, worse - better (difference) with a 95% one; an order "
        "shows each step and, last, its ends.",
    ),
    (
        Strong("p"),
        " is that of the test for equivalence or non-inferiority (and value: small speaks for the claim), two-sided "
        "(difference), or the steps' largest (order). Holm's p allows for all claims of the experiment. Verdicts go by "
        "the intervals.",
    ),
    (
        Strong("Inconclusive"),
        " says which way the estimate points, consistent or leaning against; one seed gives no verdict. ",
        Strong("Different protocol"),
        ": the published number was selected or obtained otherwise than ours. * marks such a number. ",
        Strong("Post hoc"),
        ": runs that the verdict rests on began before the claim was frozen as it stands.",
    ),
    (
        Strong("Time"),
        " is a run's wall time, mean over its seeds, whatever else the machine did meanwhile: no measure of an arm's "
        "speed.",
    ),
)


def blocks(report: Report) -> list[Block]:
    """The whole report."""
    body = [*_top(report), *_summary(report), *lessons.blocks(report)]
    for part in report.full:
        body += _experiment(part)
    return [*body, *_early(report)]


def _top(report: Report) -> list[Block]:
    lead: list[Inline] = [
        "The claims are about image classifiers; each is tested by fresh, seeded runs of the published recipe over its "
        "whole schedule. Every number of ours is computed from the committed records in ",
        Code("results/"),
        ", and every published one stands in a spec in ",
        Code("experiments/"),
        " with its source.",
    ]
    if report.reduced:
        lead += [" Runs of a shortened schedule are in the appendix, ", Link("Early training", f"#{EARLY}"), "."]
    return [Heading(1, TITLE), Paragraph((Strong(claims.tally(report)),)), Paragraph(tuple(lead))]


# --- summary ---------------------------------------------------------------------------------------------------------


def _summary(report: Report) -> list[Block]:
    body: list[Block] = [Heading(2, "Claims", "claims")]
    if report.left_out:
        count = plural(len(report.left_out), "run")
        link = Link("which", "#left-out")
        body.append(Paragraph((f"{count} trained on uncommitted changes: left out of everything here (", link, ").")))
    for part in report.full:
        link = Link(part.name, f"#{part.name}")
        body.append(Paragraph((Strong(part.experiment.title), " (", link, f"). {part.experiment.source}.")))
        if part.judged:
            body.append(claims.table(part))
        if notes := _published_notes(part, {arm for claim in part.experiment.claims for arm in claim.arms}):
            body.append(Bullets(notes))
    return [*body, *_left_out(report), Heading(3, "How to read the tables"), Bullets(READING)]


def _left_out(report: Report) -> list[Block]:
    """The runs that were trained on uncommitted changes, an arm's folder a line."""
    arms: dict[str, list[str]] = {}
    for folder in report.left_out:
        arm, _, seed = folder.rpartition("/")
        arms.setdefault(arm, []).append(seed)
    if not arms:
        return []
    told = tuple((Code(arm), f": {', '.join(seeds)}") for arm, seeds in arms.items())
    return [Heading(3, "Left out: trained on uncommitted changes", "left-out"), Bullets(told)]


def _published_notes(part: Part, arms: set[str]) -> tuple[Text, ...]:
    """What bars the marked numbers from being compared as they stand; arms with the same note together."""
    noted: dict[str, list[str]] = {}
    for row in part.summary.rows:
        if row.published_note and row.arm in arms:
            noted.setdefault(row.published_note, []).append(row.label)
    return tuple((f"* {'; '.join(labels)}: {note}",) for note, labels in noted.items())


# --- an experiment ---------------------------------------------------------------------------------------------------


def _experiment(part: Part) -> list[Block]:
    title = (Strong(part.experiment.title), f". {part.experiment.source}.")
    body: list[Block] = [Heading(2, part.name, part.name), Paragraph(title), *_review(part)]
    if part.experiment.claims:
        body += [Heading(3, "What is claimed"), claims.tested(part)]
    if cited := claims.sources(part):
        body += [Heading(3, "Sources"), Bullets(tuple(cited))]
    body += [Heading(3, "Recipe"), recipe.shared(part), recipe.arms(part)]
    body += [Heading(3, "Deviations"), *_deviations(part)]
    body += [Heading(3, "Results"), *_results(part), *_verdicts(part)]
    if told := recipe.cost(part):
        body += [Heading(3, "Cost"), Bullets(tuple(told))]
    return [*body, Heading(3, "What is missing"), *_missing(part)]


def _review(part: Part) -> list[Block]:
    """The way to the runs themselves, where a W&B Report was saved."""
    return [Paragraph((Link("Every run, on W&B", part.review), "."))] if part.review else []


def _deviations(part: Part) -> list[Block]:
    found = all_deviations(part.experiment, part.results.usable().runs)
    if not found:
        return [Paragraph(("None is stated.",))]
    rows = [cells(d.what, d.why, expected_effect(d), "; ".join(map(part.label, d.arms)) or "all") for d in found]
    return [Table(f"Deviations of {part.name}", ("what", "why", "effect expected", "arms"), tuple(rows))]


def _results(part: Part) -> list[Block]:
    if not len(part.counted):
        runs = _notes(part)
        none = Paragraph(("No run counts yet.",))
        return [none, Bullets(runs)] if runs else [none]
    body: list[Block] = [_arms(part)]
    if notes := _published_notes(part, {row.arm for row in part.summary.rows}) + _notes(part):
        body.append(Bullets(notes))
    return [*body, *part.pictures, *_runs(part)]


def _arms(part: Part) -> Table:
    """The arms, at full scale beside the published numbers, as `repro table` prints them."""
    shown = arm_columns(part.full)
    rows = []
    for row in part.summary.rows:
        if not (row.n or row.diverged or part.full):
            continue
        keys = (None, row.published, row.mean, row.best, row.peek_bias, row.parameters, row.iterations, row.seconds)
        told = arm_cells(row)
        texts: list[Text] = [(text or claims.NONE,) for text in told]
        if row.n or row.diverged:
            texts[0] = (Link(told[0], f"#{claims.runs_anchor(part, row.arm)}"),)
        rows.append(tuple(Cell(texts[i], keys[i]) for i in shown))
    where = "full scale" if part.full else f"{part.scale} of the schedule"
    return Table(
        f"Arms of {part.name} at {where}, test error in %",
        tuple(ARM_COLUMNS[i] for i in shown),
        tuple(rows),
        kind="numbers",
    )


def _notes(part: Part) -> tuple[Text, ...]:
    """Arms not trained alike; runs of another precision; runs that are stale, diverged or unfinished."""
    return tuple((line,) for line in mixed_hardware_notes(part.summary.rows) + run_notes(part.results, part.label))


def _verdicts(part: Part) -> list[Block]:
    """One line per claim that has a verdict."""
    judged = [said for said in claims.spoken(part) if said.outcome != "no verdict"]
    told = tuple((Strong(claims.closed(said.claim.says)), f" {said.row.sentence}") for said in judged)
    return [Heading(3, "Verdicts"), Bullets(told)] if told else []


def _missing(part: Part) -> list[Block]:
    told = missing.told(part)
    return [Bullets(tuple(told)) if told else Paragraph(("Nothing: every arm has every seed.",))]


def _runs(part: Part) -> list[Block]:
    """Each arm's runs, on the page only: what a claim's numbers lead to."""
    columns = ("seed", "status", "final", "best", "time", "commit", "hardware", "precision")
    body: list[Block] = []
    for arm in dict.fromkeys([*(arm.name for arm in part.experiment.arms), *part.runs.arm]):
        runs = part.runs[part.runs.arm == arm]
        if not len(runs):
            continue
        rows = tuple(
            (
                Cell((str(run["seed"]),), run["seed"]),
                Cell(("stale" if run["stale"] else run["status"] + _elsewhere(run["trained_as"]),)),
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


def _commits(named: str | None) -> Inline:
    """The sessions' commits, each shortened."""
    return Code(" then ".join(commit[:10] for commit in named.split(" then "))) if named else claims.NONE


def _elsewhere(twin: str) -> str:
    return f", as {twin}" if twin else ""


def _number(value: float | None) -> str:
    return claims.NONE if pd.isna(value) else f"{value:.2f}"


def _key(value: float | None) -> float | None:
    return None if pd.isna(value) else value


# --- appendix: reduced scales ----------------------------------------------------------------------------------------

EARLY = "early-training"
EARLY_WORDS = (
    "These runs follow a shortened schedule: at 1/64, for example, a run makes 1/64 of the iterations, and its "
    "learning rate drops as much sooner. They check that the pipeline trains, and show how fast the networks start. "
    "No claim is judged on them, and no published number stands beside them.",
)


def _early(report: Report) -> list[Block]:
    if not report.reduced:
        return []
    body: list[Block] = [Heading(2, "Early training: checks of the pipeline", EARLY), Paragraph(EARLY_WORDS)]
    for part in report.reduced:
        body += [Heading(3, f"{part.name} at {part.scale} of the schedule"), *_review(part), *_results(part)]
        if told := recipe.cost(part):
            body.append(Bullets(tuple(told)))
    return body
