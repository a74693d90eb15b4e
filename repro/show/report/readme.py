"""The generated part of README: what is reproduced so far, as a sentence, two pictures and a table."""

from repro.show.report.claims import ClaimView, ours, published, tally, with_verdict
from repro.show.report.document import Cell, Element, Link, Paragraph, Strong, Table, lines, prose
from repro.show.report.load import Report

REPORT = "REPORT.md"
COLUMNS = ("experiment", "claim", "verdict", "ours: mean ± sd (n)", "published")


def elements(report: Report) -> list[Element]:
    link = Link(REPORT, REPORT)
    body: list[Element] = [Paragraph((Strong(tally(report)), " Every claim and every number is in ", link, "."))]
    if decided := with_verdict(report):
        body += [picture for picture in (report.table, report.overview) if picture]
        body.append(Table("Claims with a verdict", COLUMNS, tuple(map(_row, decided))))
    return body


def _row(view: ClaimView) -> tuple[Cell, ...]:
    name = view.part.name
    return (
        Cell((Link(name, f"{REPORT}#{name}"),)),
        Cell(prose(view.claim.says)),
        Cell(view.verdict),
        Cell(ours(view)),
        Cell(lines([(line,) for line in published(view.part, view.claim)])),
    )
