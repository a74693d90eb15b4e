"""The section on what an experiment's deviations are worth, as `repro why` measures it."""

from repro.claims import why
from repro.show import why as shown
from repro.show.report.document import (
    Bullets,
    Cell,
    Element,
    Heading,
    Link,
    Paragraph,
    Strong,
    Table,
    Text,
    cells,
    prose,
)
from repro.show.report.load import Part, Report

TITLE = "What the deviations are worth"
COLUMNS = ("arm and deviation", "effect in points [95% interval]", "n")
READING = (
    "An effect is the test error of the other reading minus that of the stated recipe, final or selected as the "
    "printed number was. A gap is ours - printed; what is unexplained is the gap with every measured effect added. "
    "Effects are estimates, not verdicts."
)


def elements(part: Part) -> list[Element]:
    """Nothing where no other reading was trained. At full scale only."""
    found = why.explanations(part.results) if part.full else []
    if not found:
        return []
    rows = [
        (Cell(_label(each, row)), Cell((row.number,), row.effect.points if row.effect else None), *cells(row.n))
        for each in found
        for row in shown.rows(each)
    ]
    body: list[Element] = [Heading(3, TITLE), Paragraph((READING,))]
    body.append(Table(f"Effects of the deviations of {part.name}", COLUMNS, tuple(rows), kind="numbers"))
    notes: list[Text] = []
    for each in found:
        lines = filter(None, [shown.conclusion(each), *(f"{note}." for note in why.notes(each))])
        notes += [(Strong(each.arm.label), ": ", *prose(line)) for line in lines]
    return [*body, Bullets(tuple(notes))] if notes else body


def _label(found: why.Explanation, row: shown.Row) -> Text:
    says = prose(row.says) if row.kind == "deviation" else (Strong(row.name), ", ", *prose(row.says))
    return (f"{found.arm.label}: ", *says)


def gaps(report: Report) -> tuple[Text, ...]:
    """One line per arm whose gap to its printed number was explained by measured effects."""
    lines: list[Text] = []
    for part in report.full:
        for found in why.explanations(part.results):
            if conclusion := shown.conclusion(found):
                measured = [row for row in shown.rows(found) if row.kind == "deviation" and row.effect]
                effects = "; ".join(f"{row.says}: {row.number} points in the other reading" for row in measured)
                link = Link(part.name, f"#{part.name}")
                lines.append((Strong(found.arm.label), " (", link, "): ", *prose(f"{effects}. {conclusion}")))
    return tuple(lines)
