"""The report's figures as SVG files: their kinds, paths, and stamps.

The bytes of an SVG depend on matplotlib's version and on fonts, so they are not compared across machines. Instead each
file ends with a stamp, the digest of the spec and the records it was drawn from, and checks compare the stamp.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from repro.claims.judge import Judged
from repro.records.results import Results
from repro.show import tables
from repro.show.report.document import Picture
from repro.show.verdicts import deciding_step
from repro.spec import Experiment, Scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[Results, str], "Figure | None"]  # draws one kind of figure

FOLDER = "docs/figures"
ALT = {
    "final": "final test error by arm, one mark per seed",
    "curves": "learning curves by arm: error by iteration, mean and range over seeds",
    "curve-claims": "our curve, mean and range over seeds, and the published points with the claim's margin",
    "depth": "test error against network depth",
    "why": "effect of each deviation, their sum, and the gap to the printed number, in points",
    "peek-bias": "best minus final test error of each run, by arm",
    "per-class": "test error of each class, by arm",
}
REDUCED = ("final", "curves")  # kinds at reduced scale; the others are about fully trained networks


def kinds(scale: Scale) -> tuple[str, ...]:
    return tuple(ALT) if scale.is_full else REDUCED


def pictures(results: Results, digest: str, draw: Draw) -> tuple[Picture, ...]:
    """The figures of an experiment at one scale. Kinds for which the records do not suffice are left out."""
    name, scale = results.name, results.scale
    drawn = [(kind, draw(results, kind)) for kind in kinds(scale)]
    folder = "/".join(filter(None, (FOLDER, scale.folder, name)))
    where = "" if scale.is_full else f", at {scale} of the schedule"
    return tuple(
        Picture(f"{folder}/{kind}.svg", f"{name}: {ALT[kind]}{where}", partial(_encoded, figure, digest), digest)
        for kind, figure in drawn
        if figure is not None
    )


def table(results: Results, digest: str) -> Picture:
    """A picture of the experiment's table in a terminal."""
    alt = f"the table of {results.name} as a terminal shows it"
    return Picture(f"{FOLDER}/table.svg", alt, partial(_table, results, digest), digest)


def _table(results: Results, digest: str) -> bytes:
    return tables.picture(results).encode() + stamp(digest)


def overview(claims: list[tuple[Experiment, Judged]], digest: str) -> Picture | None:
    """The verdicts of several experiments (each claim with its own) in one figure, drawn when it is needed.

    None if no verdict rests on an interval.
    """
    decided = [each for each in claims if deciding_step(each[1].verdict).deciding]
    if not decided:
        return None
    alt = "one row per claim that an interval decided: the difference, its interval, and what the claim predicts"
    return Picture(f"{FOLDER}/verdicts.svg", alt, partial(_verdicts, decided, digest), digest)


def _verdicts(decided: list[tuple[Experiment, Judged]], digest: str) -> bytes:
    from repro.show.plots import encode, verdicts

    return encode(verdicts.verdicts(decided), "svg") + stamp(digest)


def _encoded(figure: "Figure", digest: str) -> bytes:
    from repro.show import plots

    return plots.encode(figure, "svg") + stamp(digest)


def stamp(digest: str) -> bytes:
    """The last line of a figure's file."""
    return f"<!-- repro report: drawn from {digest} -->\n".encode()


def repro_plots(results: Results, kind: str) -> "Figure | None":
    from repro.show import plots

    return plots.figure(results, kind)
