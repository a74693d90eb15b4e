"""Claims with their verdicts: the summary table and sentences, at full scale. Does not judge."""

from collections import Counter
from dataclasses import dataclass

from repro import numbers
from repro.claims.judge import Judged
from repro.claims.protocol import mismatches
from repro.claims.rules import ArmErrors, Outcome, arm_text
from repro.show.report.document import (
    Badge,
    Break,
    Cell,
    Inline,
    Link,
    Table,
    Text,
    lines,
    prose,
    prose_cells,
)
from repro.show.report.load import Part, Report
from repro.show.tables.sheets import p_cell
from repro.show.tables.summary import ClaimRow
from repro.show.verdicts import deciding_step, difference, marks
from repro.spec import Claim

COLUMNS = ("claim", "verdict", "ours: mean ± sd (n)", "published", "margin", "difference [interval]", "p")
KINDS: dict[Outcome, str] = {  # outcome -> kind of badge
    "reproduced": "good",
    "not reproduced": "bad",
    "inconclusive": "open",
    "no verdict": "none",
}
NONE = "–"


@dataclass(frozen=True)
class ClaimView:
    """A claim with everything the report shows about it."""

    part: Part
    judged: Judged
    row: ClaimRow

    @property
    def claim(self) -> Claim:
        return self.judged.claim

    @property
    def outcome(self) -> Outcome:
        return self.judged.verdict.outcome

    @property
    def verdict(self) -> Text:
        """The verdict as a badge, with its lean and caveats below it."""
        lean = [self.row.lean] if self.row.lean else []
        return lines([(Badge(self.outcome, KINDS[self.outcome]),), *((word,) for word in [*lean, *self.marks])])

    @property
    def marks(self) -> list[str]:
        return marks(self.judged)


def claim_views(part: Part) -> list[ClaimView]:
    return [ClaimView(part, judged, row) for judged, row in zip(part.judged, part.summary.claims, strict=True)]


ORIGINS = {
    "paper": ("claim of a paper", "claims of papers"),
    "note": ("claim of a note or repository", "claims of notes and repositories"),
    "own": ("question of this project", "questions of this project"),
}
OUTCOMES: dict[Outcome, tuple[str, str]] = {  # of a source's claim, of an own question
    "reproduced": ("reproduced", "answered yes"),
    "not reproduced": ("not reproduced", "answered no"),
    "inconclusive": ("inconclusive", "inconclusive"),
    "no verdict": ("undecided", "undecided"),
}


def tally(report: Report) -> str:
    """How many claims of each origin are reproduced, in a sentence each. A claim that is listed twice counts once."""
    counts: dict[str, Counter[Outcome]] = {origin: Counter() for origin in ORIGINS}
    for view in distinct(report):
        counts[view.claim.origin][view.outcome] += 1
    return " ".join(_of_origin(origin, count) for origin, count in counts.items() if count)


def distinct(report: Report) -> list[ClaimView]:
    """All claims, without those that repeat another (`same_as`)."""
    return [view for part in report.full for view in claim_views(part) if not view.claim.same_as]


def _of_origin(origin: str, count: Counter[Outcome]) -> str:
    number = count.total()
    name = ORIGINS[origin][number > 1]
    if count["no verdict"] == number:
        return f"Of {number} {name} none is decided yet." if number > 1 else f"The one {name} is not decided yet."
    words = {outcome: texts[origin == "own"] for outcome, texts in OUTCOMES.items()}
    parts = [f"{count[outcome]} {_be(count[outcome])} {word}" for outcome, word in words.items() if count[outcome]]
    return f"Of {number} {name}, {' and '.join(filter(None, [', '.join(parts[:-1]), parts[-1]]))}."


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def statement(part: Part, claim: Claim) -> str:
    """The statement that is tested, made from the claim's kind and arms."""
    published = [part.experiment.arm(arm).published for arm in claim.arms]
    return claim.statement([part.label(arm) for arm in claim.arms], published)


def with_verdict(report: Report) -> list[ClaimView]:
    """The claims that have one, in the report's order."""
    return [view for part in report.full for view in claim_views(part) if view.outcome != "no verdict"]


def table(views: list[ClaimView]) -> Table:
    """One row per claim."""
    return Table("Claims with a verdict", COLUMNS, tuple(map(_row, views)), "claims")


def _row(view: ClaimView) -> tuple[Cell, ...]:
    part, claim = view.part, view.claim
    verdict = view.judged.verdict
    where = [view.row.where] if view.row.where else []
    p = deciding_p(view)
    return (
        Cell((*prose(claim.says), Break(), Link(part.name, f"#{part.name}"), *(f": {each}" for each in where))),
        Cell(view.verdict),
        Cell(ours(view)),
        Cell(lines([(line,) for line in published(view)])),
        Cell((NONE if verdict.margin is None else verdict.unit.value(verdict.margin),), verdict.margin),
        Cell((deciding_difference(view) or NONE,), deciding_step(verdict).estimate),
        Cell((p_cell(p) or NONE,), p),
    )


def deciding_p(view: ClaimView) -> float | None:
    """The p that decides: after Holm for a primary claim, else over the looks."""
    verdict = view.judged.verdict
    return verdict.p_looks if verdict.p_adjusted is None else verdict.p_adjusted


def deciding_difference(view: ClaimView) -> str:
    """A claim's difference with its interval; for an order, that of a refuted pair or else of its ends."""
    verdict = view.judged.verdict
    step = deciding_step(verdict)
    if step is verdict:
        return difference(verdict)
    return f"{difference(step) or NONE} ({'ends' if step is verdict.ends else 'a step'})"


def ours(view: ClaimView) -> Text:
    """The mean of each arm over the runs that the claim rests on, then over all seeds if there are more."""
    judged = view.judged
    rows = [_ours(view, *each) for each in zip(view.claim.arms, judged.verdict.arms, strict=True)]
    if judged.overall and judged.look:
        rows.append((f"all seeds: {' and '.join(map(_numbers, judged.verdict.arms, judged.overall.arms))}",))
    return lines(rows)


def _numbers(told: ArmErrors, errors: ArmErrors) -> str:
    """The mean over the runs, with the name only where it is another than `told`, as at a curve's worst point."""
    return arm_text(errors).removeprefix(f"{told.name} ")


def _ours(view: ClaimView, name: str, errors: ArmErrors) -> Text:
    """The arm's mean over the runs that the claim rests on, with a link to them."""
    part = view.part
    if not errors.runs:
        return (f"{part.label(name)}: no {errors.lacks or 'runs'}",)
    best = " at its best" if view.claim.metric == "best" else ""
    return (Link(f"{arm_text(errors)}{best}", f"#{runs_anchor(part, name)}"),)


def runs_anchor(part: Part, arm: str) -> str:
    return f"runs-{part.name}{part.scale.folder.removeprefix('scale')}-{arm}"


def published(view: ClaimView) -> list[str]:
    """The published number of each arm if all have one, marked * if not directly comparable; what the claim names."""
    claim = view.claim
    arms = [view.part.experiment.arm(arm) for arm in claim.arms]
    shown = []
    if claim.measured.selection and all(arm.published for arm in arms):  # published numbers of arms are test errors
        for arm in arms:
            assert arm.published
            theirs = arm.published
            name = f"{arm.label}: " if len(arms) > 1 else ""
            number = numbers.published(theirs.test_error, theirs.sd, theirs.runs, theirs.statistic, " %")
            shown.append(f"{name}{number}{' *' if mismatches(theirs, claim.metric) else ''}")
    return [*shown, *claim.printed_for(view.judged.verdict)] or [NONE]


def not_comparable(report: Report) -> tuple[Text, ...]:
    """Why marked numbers of claims with a verdict are not directly comparable; arms of the same reason share a line."""
    noted: dict[str, dict[str, None]] = {}  # reason -> labels, in order
    for view in with_verdict(report):
        claim = view.claim
        for arm in map(view.part.experiment.arm, claim.arms):
            if arm.published and claim.measured.selection and (why := mismatches(arm.published, claim.metric)):
                noted.setdefault(", ".join(why), {})[arm.label] = None
    return tuple((f"* {'; '.join(labels)}: {reason}",) for reason, labels in noted.items())


def tested(part: Part) -> Table:
    """What each claim says, its source, and how it is tested."""
    rows = [
        prose_cells(
            claim.says + (" (primary)" if claim.primary else ""),
            ": ".join(filter(None, [claim.origin, part.experiment.cited(claim)])),
            statement(part, claim) + (", paired by seed" if claim.paired else ""),
            claim.tolerance or NONE,
            ", ".join(map(str, claim.looks)) or "any",
        )
        for claim in part.experiment.claims
    ]
    columns = ("claim", "source", "tested here", "margin and reason", "judged at n")
    return Table(f"What {part.name} tests", columns, tuple(rows))


def sources(part: Part) -> list[Text]:
    """The cited references with their URLs."""
    parts: list[Text] = []
    for reference in part.experiment.references:
        year = f" ({reference.year})" if reference.year else ""
        where: list[Inline] = [Link(reference.link, reference.link)] if reference.link else ["no URL is known"]
        parts.append((f"{reference.author}{year}: {reference.title}. ", *where))
    return parts


def as_sentence(text: str) -> str:
    """`text` with a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")
