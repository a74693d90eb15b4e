"""Claims with their verdicts, short: the questions of a paper's readers. Does not judge."""

from repro.show.report.claims import KINDS, Spoken, closed, deciding, spoken
from repro.show.report.document import Badge, Break, Inline, Link, Strong, Text
from repro.show.report.gather import Part, Report
from repro.show.tables.sheets import p_cell
from repro.spec import Lesson


def questions(report: Report) -> list[tuple[Part, Lesson, list[Spoken]]]:
    """Each question with the claims that answer it; an empty list where none of them has a verdict yet."""
    return [(part, lesson, _answering(part, lesson)) for part in report.full for lesson in part.experiment.lessons]


def _answering(part: Part, lesson: Lesson) -> list[Spoken]:
    by_id = {said.claim.id: said for said in spoken(part)}
    found = [by_id[claim] for claim in lesson.claims]
    return found if any(said.outcome != "no verdict" for said in found) else []


def answer(part: Part, lesson: Lesson, claims: list[Spoken]) -> Text:
    """The question, and one line per claim with its verdict, n and hardware."""
    told: list[Inline] = [Strong(lesson.question), " (", Link(part.name, f"#{part.name}"), ")"]
    for said in claims:
        told += [Break(), f"{closed(said.claim.says).removesuffix('.')}: ", verdict(said)]
        if said.outcome != "no verdict":
            told.append(f" ({basis(said)})")
    return tuple(told)


def verdict(said: Spoken) -> Badge:
    """In one badge, with the lean of an inconclusive one and its marks."""
    return Badge(", ".join(filter(None, (said.outcome, said.judged.verdict.lean, *said.marks))), KINDS[said.outcome])


def basis(said: Spoken) -> str:
    """What a verdict rests on: the difference and its p, n, hardware."""
    difference, p = figures(said)
    told = [difference and f"difference {difference}", p, f"n = {runs(said)}", hardware(said)]
    return ", ".join(filter(None, told))


def figures(said: Spoken) -> tuple[str, str]:
    """Difference with its interval, and p raw and after Holm; "" for what there is none of."""
    p, holm = p_cell(said.judged.verdict.p), p_cell(said.judged.verdict.p_adjusted)
    return deciding(said), p and f"p {p}, after Holm {holm}"


def runs(said: Spoken) -> str:
    """How many runs each arm of the claim has, diverged ones included: "5", or "5 and 3" where they differ."""
    counts = [int((said.judged.runs.arm == arm).sum()) for arm in said.claim.arms]
    return " and ".join(map(str, counts if len(set(counts)) > 1 else counts[:1]))


def hardware(said: Spoken) -> str:
    """Hardware and precision of the claim's runs; several with "; "."""
    mine = said.judged.runs
    return "; ".join(sorted(set(mine.hardware + ", " + mine.precision)))
