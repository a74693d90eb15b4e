"""The section of lessons: readers' questions with their answers, then each verdict. Does not judge."""

from repro.claims.rules import Outcome
from repro.show.report import answers, claims, missing
from repro.show.report.document import Bullets, Element, Heading, Paragraph
from repro.show.report.load import Report

TITLES: dict[Outcome, str] = {
    "reproduced": "What holds",
    "not reproduced": "What does not hold",
    "inconclusive": "What needs more seeds",
}


def elements(report: Report) -> list[Element]:
    """The questions first, then claim by claim."""
    questions = _questions(report)
    level = 4 if questions else 3
    body: list[Element] = [Heading(2, "Lessons for readers of these papers", "lessons"), *questions]
    if questions:
        body.append(Heading(3, "Claim by claim"))
    body.append(Paragraph(("Each line is a claim and its verdict at full scale.",)))
    for outcome, title in TITLES.items():
        if found := claims.lessons(report.full, outcome):
            body += [Heading(level, title), Bullets(tuple(found))]
    unjudged = [claims.unjudged(part, missing.fill_commands(part)) for part in report.full]
    if waiting := tuple(text for text in unjudged if text):
        body += [Heading(level, "What needs runs"), Bullets(waiting)]
    return body


def _questions(report: Report) -> list[Element]:
    """First the questions that verdicts answer, then the others."""
    asked = answers.questions(report)
    answered, open_ = ([answers.answer(*each) for each in asked if bool(each[2]) is has] for has in (True, False))
    body: list[Element] = []
    if answered:
        body += [Heading(3, "Answers"), Bullets(tuple(answered))]
    if open_:
        body += [Heading(3, "No verdict yet"), Bullets(tuple(open_))]
    return body
