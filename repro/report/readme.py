"""README's summary of the claims: one row a claim that has a verdict, and how many have none. Links into REPORT.md."""

from collections import Counter

from repro.report import answers
from repro.report.claims import Spoken, spoken
from repro.report.document import Block, Cell, Inline, Link, Paragraph, Strong, Table
from repro.report.gather import Report

REPORT = "REPORT.md"


def blocks(report: Report) -> list[Block]:
    """Full scale and reduced scale in tables of their own: the second never stands beside a published number."""
    found = [
        said
        for part in report.full
        for claim in part.experiment.claims
        for said in answers.at_best(report, part.name, (claim.id,))
    ]
    full, reduced = ([said for said in found if said.part.full == at_full] for at_full in (True, False))
    body: list[Block] = [_tally(report)]
    if full:
        body.append(_table("claim", full))
    if reduced:
        note = " after a shortened schedule; nothing here is a verdict on a paper:"
        body += [Paragraph((Strong("Reduced scale"), ", arm against arm", note)), _table("at that scale", reduced)]
    return body


def _tally(report: Report) -> Paragraph:
    """The count of each verdict at full scale, and where verdicts are lacking."""
    tally = Counter(said.outcome for part in report.full for said in spoken(part))
    told = ", ".join(f"{tally[outcome]} {outcome}" for outcome in ("reproduced", "not reproduced", "inconclusive"))
    text: list[Inline] = [Strong(f"Full scale: {told}, {tally['no verdict']} without a verdict")]
    before = ": "
    for part in report.full:
        if lack := sum(said.outcome == "no verdict" for said in spoken(part)):
            text += [before, Link(part.name, f"{REPORT}#{part.name}"), f" {lack} of {len(part.judged)}"]
            before = ", "
    return Paragraph((*text, ". Every number: ", Link(REPORT, REPORT), "."))


def _table(title: str, claims: list[Spoken]) -> Table:
    """A claim a row; the scale is a column where it is not the paper's."""
    full = claims[0].part.full
    outcome = "verdict" if full else "outcome"
    schedule = () if full else ("schedule",)
    columns = ("experiment", title, outcome, "difference in points; p", "n", "hardware", *schedule)
    rows = []
    for said in claims:
        part = said.part
        anchor = part.name if full else f"scale-{part.scale.replace('/', '-')}"
        cells: list[Inline] = [Link(part.name, f"{REPORT}#{anchor}"), said.says, answers.verdict(said)]
        cells += ["; ".join(filter(None, answers.figures(said))), answers.runs(said), answers.hardware(said)]
        cells += [] if full else [part.scale]
        rows.append(tuple(Cell((inline,)) for inline in cells))
    return Table(title, columns, tuple(rows))
