"""The generated part of README: what is reproduced so far, in a few sentences and two pictures."""

from repro.show.report.claims import tally
from repro.show.report.document import Element, Link, Paragraph, Strong
from repro.show.report.load import Report

REPORT = "REPORT.md"


def elements(report: Report) -> list[Element]:
    link = Link(REPORT, REPORT)
    body: list[Element] = [Paragraph((Strong(tally(report)), " Every claim and every number is in ", link, "."))]
    return body + [picture for picture in (report.overview, report.table) if picture]
