"""The spec's questions ([[lesson]]), each answered by claims with their verdicts. Does not judge."""

from repro.show.report.claims import KINDS, ClaimView, as_sentence, claim_views, deciding_difference
from repro.show.report.document import Badge, Break, Inline, Link, Strong, Text, prose
from repro.show.report.load import Part, Report
from repro.show.tables.sheets import p_cell
from repro.spec import Lesson


def questions(report: Report) -> list[tuple[Part, Lesson, list[ClaimView]]]:
    """Each question with the claims that answer it, or with an empty list if none of them has a verdict yet."""
    return [(part, lesson, _answering(part, lesson)) for part in report.full for lesson in part.experiment.lessons]


def _answering(part: Part, lesson: Lesson) -> list[ClaimView]:
    by_id = {view.claim.id: view for view in claim_views(part)}
    found = [by_id[claim] for claim in lesson.claims]
    return found if any(view.outcome != "no verdict" for view in found) else []


def answer(part: Part, lesson: Lesson, claims: list[ClaimView]) -> Text:
    """The question, and one line per claim with its verdict, n and hardware."""
    parts: list[Inline] = [Strong(lesson.question), " (", Link(part.name, f"#{part.name}"), ")"]
    for view in claims:
        parts += [Break(), *prose(as_sentence(view.claim.says).removesuffix(".")), ": ", verdict_badge(view)]
        if view.outcome != "no verdict":
            parts.append(f" ({basis(view)})")
    return tuple(parts)


def verdict_badge(view: ClaimView) -> Badge:
    """The verdict as one badge, with its lean if inconclusive and its caveats."""
    return Badge(", ".join(filter(None, (view.outcome, view.judged.verdict.lean, *view.marks))), KINDS[view.outcome])


def basis(view: ClaimView) -> str:
    """What a verdict rests on: the difference and its p, n, hardware."""
    difference, p = difference_and_p(view)
    parts = [difference and f"difference {difference}", p, f"n = {run_counts(view)}", hardware(view)]
    return ", ".join(filter(None, parts))


def difference_and_p(view: ClaimView) -> tuple[str, str]:
    """The difference with its interval, and its p, raw and corrected; "" for either that does not exist."""
    verdict = view.judged.verdict
    looks = verdict.p_looks if len(view.claim.looks) > 1 else None
    ps = {"p": verdict.p, "over the looks": looks, "after Holm": verdict.p_adjusted}
    return deciding_difference(view), ", ".join(f"{name} {p_cell(p)}" for name, p in ps.items() if p is not None)


def run_counts(view: ClaimView) -> str:
    """How many runs each arm of the claim has, diverged ones included: "5", or "5 and 3" where they differ."""
    counts = [int((view.judged.runs.arm == arm).sum()) for arm in view.claim.arms]
    return " and ".join(map(str, counts if len(set(counts)) > 1 else counts[:1]))


def hardware(view: ClaimView) -> str:
    """Hardware and precision of the claim's runs, joined by "; " if several."""
    runs = view.judged.runs
    return "; ".join(sorted(set(runs.hardware + ", " + runs.precision)))
