"""The spec's questions ([[lesson]]), each answered by claims with their verdicts. Does not judge."""

from repro.show.report.claims import KINDS, ClaimView, as_sentence, claim_views
from repro.show.report.document import Badge, Break, Inline, Link, Strong, Text, prose
from repro.show.report.load import Part, Report
from repro.spec import Lesson


def questions(report: Report) -> list[tuple[Part, Lesson, list[ClaimView]]]:
    """Each question with the claims that answer it, or with an empty list if none of them has a verdict yet."""
    return [(part, lesson, _answering(part, lesson)) for part in report.full for lesson in part.experiment.lessons]


def _answering(part: Part, lesson: Lesson) -> list[ClaimView]:
    by_id = {view.claim.id: view for view in claim_views(part)}
    found = [by_id[claim] for claim in lesson.claims]
    return found if any(view.outcome != "no verdict" for view in found) else []


def answer(part: Part, lesson: Lesson, claims: list[ClaimView]) -> Text:
    """The question, then each claim with its verdict."""
    parts: list[Inline] = [Strong(lesson.question), " (", Link(part.name, f"#{part.name}"), ")"]
    for view in claims:
        parts += [Break(), *prose(as_sentence(view.claim.says).removesuffix(".")), ": ", verdict_badge(view)]
    return tuple(parts)


def verdict_badge(view: ClaimView) -> Badge:
    """The verdict as one badge, with its lean if inconclusive and its caveats."""
    return Badge(", ".join(filter(None, (view.outcome, view.judged.verdict.lean, *view.marks))), KINDS[view.outcome])
