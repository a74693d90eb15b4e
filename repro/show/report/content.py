"""The report as a document: its sections in order. Does no arithmetic and reads no files."""

from repro.show.report import details, early, first_page
from repro.show.report.document import Element
from repro.show.report.load import Report


def elements(report: Report) -> list[Element]:
    """What is decided and what is not, each experiment that has runs, and the appendix."""
    body = first_page.elements(report)
    for part in report.with_runs:
        body += details.elements(part)
    return [*body, *early.elements(report)]
