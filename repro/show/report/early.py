"""The appendix: runs at reduced scales, without verdicts or published numbers."""

from repro.show.report import details, recipe
from repro.show.report.document import Bullets, Code, Element, Heading, Paragraph
from repro.show.report.load import Part, Report

ANCHOR = "early-training"
TEXT = (
    "These runs follow a shortened schedule. At 1/64, for example, a run has 1/64 of the iterations, and its learning "
    "rate drops are scaled alike. They check that the pipeline trains and show early training. No claim is judged on "
    "them, and they are not compared with published numbers.",
)


def elements(report: Report) -> list[Element]:
    """Each experiment at the largest of its reduced scales. Nothing where there are no such runs."""
    if not report.reduced:
        return []
    largest: dict[str, Part] = {}
    for part in report.reduced:  # from the largest scale down
        largest.setdefault(part.name, part)
    body: list[Element] = [Heading(2, "Early training: checks of the pipeline", ANCHOR), Paragraph(TEXT)]
    for part in largest.values():
        body.append(Heading(3, f"{part.name} at {part.scale} of the schedule"))
        body += [*details.review(part), *details.results(part)]
        if notes := recipe.cost(part):
            body.append(Bullets(tuple(notes)))
    if others := [part for part in report.reduced if part is not largest[part.name]]:
        commands = tuple((Code(f"repro table {part.name} --scale {part.scale}"),) for part in others)
        body += [Paragraph(("Runs at smaller scales are recorded too:",)), Bullets(commands)]
    return body
