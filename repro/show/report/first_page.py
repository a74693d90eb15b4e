"""What a reader sees first: what is reproduced, what is not, what is undecided and why, and how to read it."""

from repro.claims.rules import KINDS
from repro.show.report import claims, early, hours, missing, worth
from repro.show.report.document import (
    Bullets,
    Code,
    Element,
    Heading,
    Inline,
    Link,
    Paragraph,
    Strong,
    Table,
    Text,
)
from repro.show.report.load import Report
from repro.wording import plural

TITLE = "Which published claims reproduce"
RULES = "docs/statistics.md"
UNDER_TABLE: Text = (
    "A verdict rests on the interval, which is wider the more looks at the growing data were planned. It was given at "
    "the first look that decided; \u201call seeds\u201d includes the runs since. p is corrected for the looks and, "
    "among primary claims, by Holm. ",
    Link("More", "#reading"),
    ".",
)
READING: tuple[Text, ...] = (
    (
        "Test error in % of the test images after the last iteration; ours is the mean ± sd over n seeds. A ",
        Strong("difference"),
        " is in points of test error, with the interval that decides: ours - published (value), second - first "
        "(equivalence, non-inferiority), worse - better (difference, order).",
    ),
    (
        "Verdicts are given at a claim's looks only, numbers of seeds that were fixed with it before the runs. ",
        Strong("p"),
        " belongs to the test behind the verdict. It is corrected for the looks and, for a primary claim, for the "
        "other primary claims of the experiment (Holm).",
    ),
    (
        Strong("Inconclusive"),
        " comes with the direction of the estimate. One seed gives no verdict. ",
        Strong("Different protocol"),
        ": the published number, marked *, was selected or obtained differently from ours. ",
        Strong("Post hoc"),
        ": some runs began before the claim was frozen in its present form.",
    ),
)


def elements(report: Report) -> list[Element]:
    return [
        *_top(report),
        *_verdicts(report),
        *_undecided(report),
        *_left_out(report),
        Heading(2, "How to read the tables", "reading"),
        Bullets(_reading(report)),
    ]


def _top(report: Report) -> list[Element]:
    lead: list[Inline] = [
        "The claims are about image classifiers. Each is tested by fresh, seeded runs of the published recipe with its "
        "full schedule, and was fixed as a statistical test before them. Our numbers are computed from the committed "
        "records in ",
        Code("results/"),
        "; the published numbers and their sources are in ",
        Code("experiments/"),
        f". {hours.effort(report)}",
    ]
    if report.reduced:
        lead += [
            " Runs with a shortened schedule are in the appendix, ",
            Link("Early training", f"#{early.ANCHOR}"),
            ".",
        ]
    return [
        Heading(1, TITLE),
        Paragraph((Strong(claims.tally(report)),)),
        Paragraph(tuple(lead)),
    ]


def _verdicts(report: Report) -> list[Element]:
    if not (decided := claims.with_verdict(report)):
        return []
    body: list[Element] = [Heading(2, "Verdicts", "claims"), claims.table(decided), Paragraph(UNDER_TABLE)]
    if notes := claims.not_comparable(report):
        body.append(Bullets(notes))
    body += [report.overview] if report.overview else []
    if gaps := worth.gaps(report):
        body += [Paragraph(("Where the gap to a printed number comes from:",)), Bullets(gaps)]
    return body


def _undecided(report: Report) -> list[Element]:
    rows = tuple(row for part in report.full if (row := missing.undecided(part)))
    if not rows:
        return []
    return [
        Heading(2, "Not decided yet", "undecided"),
        Table("Experiments with undecided claims", missing.COLUMNS, rows),
        Paragraph(
            (
                Code("repro show EXPERIMENT"),
                " prints an experiment's claims, sources, recipe and deviations; ",
                Code("repro power EXPERIMENT"),
                " how likely its planned seeds reproduce each claim if it is true.",
            )
        ),
    ]


def _left_out(report: Report) -> list[Element]:
    """The runs that were trained on uncommitted changes, one line per arm's folder."""
    if not report.left_out:
        return []
    arms: dict[str, list[str]] = {}
    for folder in report.left_out:
        arm, _, seed = folder.rpartition("/")
        arms.setdefault(arm, []).append(seed)
    notes = tuple((Code(arm), f": {', '.join(seeds)}") for arm, seeds in arms.items())
    count = plural(len(report.left_out), "run")
    return [
        Heading(2, "Left out", "left-out"),
        Paragraph((f"{count} trained on uncommitted changes: left out of this report.",)),
        Bullets(notes),
    ]


def _reading(report: Report) -> tuple[Text, ...]:
    """READING, what the kinds of the claims with a verdict add to it, and where the rules are."""
    kinds = {view.claim.kind for view in claims.with_verdict(report)}
    own: list[Text] = [(kind.reading,) for name, kind in KINDS.items() if name in kinds and kind.reading]
    return (*READING, *own, ("The rules are in ", Code(RULES), "."))
