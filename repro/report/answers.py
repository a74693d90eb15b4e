"""Claims with the best verdict there is, short: full scale where it has one, else the largest reduced scale that has.

A reduced scale's outcome is about the arms, never about a paper, and whoever shows one says so.
"""

from repro.report.claims import KINDS, Spoken, closed, deciding, spoken
from repro.report.document import Badge, Break, Inline, Link, Strong, Text
from repro.report.gather import Report
from repro.spec import Experiment, Lesson
from repro.tables.sheets import claim_cells


def at_best(report: Report, experiment: str, claims: tuple[str, ...]) -> list[Spoken]:
    """The claims (ids) of an experiment at the largest scale where any of them has a verdict; none where none has."""
    for part in report.parts:  # full scale first, then the largest
        if part.name == experiment:
            found = sorted(
                (said for said in spoken(part) if said.claim.id in claims), key=lambda said: claims.index(said.claim.id)
            )
            if any(said.outcome != "no verdict" for said in found):
                return found
    return []


def questions(report: Report) -> list[tuple[Experiment, Lesson, list[Spoken]]]:
    """Each question with the claims that answer it at the scale that can; an empty list where none can yet."""
    return [
        (part.experiment, lesson, at_best(report, part.name, lesson.claims))
        for part in report.full
        for lesson in part.experiment.lessons
    ]


def answer(experiment: Experiment, lesson: Lesson, claims: list[Spoken]) -> Text:
    """The question, and a line each claim with its verdict, n, hardware and scale."""
    told: list[Inline] = [Strong(lesson.question), " (", Link(experiment.name, f"#{experiment.name}"), ")"]
    for said in claims:
        told += [Break(), f"{closed(said.says).removesuffix('.')}: ", verdict(said)]
        if said.outcome != "no verdict":
            told.append(f" ({basis(said)})")
    return tuple(told)


def verdict(said: Spoken) -> Badge:
    """In one badge, with the lean of an inconclusive one, and whether the published number is of another protocol."""
    other = "different protocol" if said.row.different_protocol and said.outcome != "no verdict" else None
    return Badge(", ".join(filter(None, (said.row.outcome, said.row.lean, other))), KINDS[said.outcome])


def basis(said: Spoken) -> str:
    """What a verdict rests on: the difference and its p, n, hardware; away from full scale also the scale."""
    difference, p = figures(said)
    told = [difference and f"difference {difference}", p, f"n = {runs(said)}", hardware(said)]
    told += [] if said.part.full else [f"{said.part.scale} of the schedule"]
    return ", ".join(filter(None, told))


def figures(said: Spoken) -> tuple[str, str]:
    """Difference with its interval, and p raw and after Holm; "" for what there is none of."""
    _, _, _, p, holm = claim_cells(said.row)
    return deciding(said), p and f"p {p}, after Holm {holm}"


def runs(said: Spoken) -> str:
    """How many runs each arm of the claim has, diverged ones included: "5", or "5 and 3" where they differ."""
    counts = [int((said.part.counted.arm == arm).sum()) for arm in said.claim.arms]
    return " and ".join(map(str, counts if len(set(counts)) > 1 else counts[:1]))


def hardware(said: Spoken) -> str:
    """Hardware and precision of the claim's runs; several with "; "."""
    counted = said.part.counted
    mine = counted[counted.arm.isin(said.claim.arms)]
    return "; ".join(sorted(set(mine.hardware + ", " + mine.precision)))
