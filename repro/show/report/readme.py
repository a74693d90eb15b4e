"""The generated part of README: what is reproduced so far, and one row per claim with a verdict."""

from repro.show.report import answers
from repro.show.report.claims import ClaimView, claim_views, tally
from repro.show.report.document import Cell, Element, Link, Paragraph, Strong, Table, cells, prose
from repro.show.report.load import Report

REPORT = "REPORT.md"
COLUMNS = ("experiment", "claim", "verdict", "difference in points; p", "n", "hardware")


def elements(report: Report) -> list[Element]:
    link = Link(REPORT, REPORT)
    body: list[Element] = [Paragraph((Strong(tally(report)), " Every claim and every number is in ", link, "."))]
    if judged := [view for part in report.full for view in claim_views(part) if view.outcome != "no verdict"]:
        body.append(Table("Claims with a verdict", COLUMNS, tuple(map(_row, judged))))
    return body


def _row(view: ClaimView) -> tuple[Cell, ...]:
    name = view.part.name
    basis = ["; ".join(filter(None, answers.difference_and_p(view))), answers.run_counts(view), answers.hardware(view)]
    return (
        Cell((Link(name, f"{REPORT}#{name}"),)),
        Cell(prose(view.claim.says)),
        Cell((answers.verdict_badge(view),)),
        *cells(*basis),
    )
