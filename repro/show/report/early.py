"""The appendix: runs at reduced scales, without verdicts or published numbers."""

from repro.show.report import details, recipe
from repro.show.report.document import Bullets, Element, Heading, Paragraph
from repro.show.report.load import Report

ANCHOR = "early-training"
TEXT = (
    "These runs follow a shortened schedule. At 1/64, for example, a run has 1/64 of the iterations, and its learning "
    "rate drops are scaled alike. They check that the pipeline trains and show early training. No claim is judged on "
    "them, and they are not compared with published numbers.",
)


def elements(report: Report) -> list[Element]:
    """Nothing where there are no such runs."""
    if not report.reduced:
        return []
    body: list[Element] = [Heading(2, "Early training: checks of the pipeline", ANCHOR), Paragraph(TEXT)]
    for part in report.reduced:
        body += [
            Heading(3, f"{part.name} at {part.scale} of the schedule"),
            *details.review(part),
            *details.results(part),
        ]
        if notes := recipe.cost(part):
            body.append(Bullets(tuple(notes)))
    return body
