"""What readers of the papers learn: their questions answered by verdicts, then each claim. Stays out: the rules."""

from repro.report import answers, claims, missing
from repro.report.document import Block, Bullets, Heading, Paragraph
from repro.report.gather import Report

TITLES = {
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
    """What readers ask, answered by verdicts; full scale and reduced scale under headings of their own."""
    asked = [(said[0].part.full if said else None, e, lesson, said) for e, lesson, said in answers.questions(report)]
    full, reduced, still = (
        tuple(answers.answer(e, lesson, said) for scale, e, lesson, said in asked if scale is kind)
        for kind in (True, False, None)
    )
    body: list[Block] = []
    if full:
        body += [Heading(3, "Answers at full scale"), Bullets(full)]
    if reduced:
        words = (
            "Which way the arms differ after a shortened schedule, where full scale has no verdict yet. Nothing here "
            "is a verdict on a paper."
        )
        body += [Heading(3, "Answers at a reduced scale only"), Paragraph((words,)), Bullets(reduced)]
    if still:
        body += [Heading(3, "No verdict yet"), Bullets(still)]
    return body
