"""What readers of the papers learn: their questions answered by verdicts, then each claim. Does not judge."""

from repro.claims.rules import Outcome
from repro.show.report import answers, claims, missing
from repro.show.report.document import Block, Bullets, Heading, Paragraph
from repro.show.report.gather import Report

TITLES: dict[Outcome, str] = {
    "reproduced": "What holds",
    "not reproduced": "What does not hold",
    "inconclusive": "What more seeds would have to decide",
}


def blocks(report: Report) -> list[Block]:
    """The questions first, then claim by claim."""
    questions = _questions(report)
    level = 4 if questions else 3
    body: list[Block] = [Heading(2, "Lessons for readers of these papers", "lessons"), *questions]
    if questions:
        body.append(Heading(3, "Claim by claim"))
    body.append(Paragraph(("Each line is a claim and the verdict it came to at full scale, nothing else.",)))
    for outcome, title in TITLES.items():
        if found := claims.lessons(report.full, outcome):
            body += [Heading(level, title), Bullets(tuple(found))]
    still = [claims.unjudged(part, missing.fill(part)) for part in report.full]
    if waiting := tuple(text for text in still if text):
        body += [Heading(level, "What awaits runs"), Bullets(waiting)]
    return body


def _questions(report: Report) -> list[Block]:
    """What readers ask: first the questions that verdicts answer, then the others."""
    asked = answers.questions(report)
    answered, open_ = ([answers.answer(*each) for each in asked if bool(each[2]) is having] for having in (True, False))
    body: list[Block] = []
    if answered:
        body += [Heading(3, "Answers"), Bullets(tuple(answered))]
    if open_:
        body += [Heading(3, "No verdict yet"), Bullets(tuple(open_))]
    return body
