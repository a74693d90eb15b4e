"""README's summary of the claims: what is reproduced so far, and one row per claim that has a verdict."""

from repro.show.report import answers
from repro.show.report.claims import Spoken, spoken, tally
from repro.show.report.document import Block, Cell, Inline, Link, Paragraph, Strong, Table
from repro.show.report.gather import Report

REPORT = "REPORT.md"
COLUMNS = ("experiment", "claim", "verdict", "difference in points; p", "n", "hardware")


def blocks(report: Report) -> list[Block]:
    link = Link(REPORT, REPORT)
    body: list[Block] = [Paragraph((Strong(tally(report)), " Every claim and every number is in ", link, "."))]
    if judged := [said for part in report.full for said in spoken(part) if said.outcome != "no verdict"]:
        body.append(Table("Claims with a verdict", COLUMNS, tuple(map(_row, judged))))
    return body


def _row(said: Spoken) -> tuple[Cell, ...]:
    name = said.part.name
    row: list[Inline] = [Link(name, f"{REPORT}#{name}"), said.claim.says, answers.verdict(said)]
    row += ["; ".join(filter(None, answers.figures(said))), answers.runs(said), answers.hardware(said)]
    return tuple(Cell((inline,)) for inline in row)
