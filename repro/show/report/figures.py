"""The report's figures as SVG files: which there are, where they lie, and what they were drawn from.

The bytes of an SVG depend on matplotlib's version and on fonts, so nothing compares them across machines: each file
ends with a stamp, the digest of the spec and the records it was drawn from, and that is what a check looks at.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from repro.records.results import Results
from repro.show.report.document import Picture
from repro.spec import Scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[Results, str], "Figure | None"]  # of a kind

FOLDER = "docs/figures"
ALT = {
    "final": "final test error by arm, each seed a mark",
    "curves": "learning curves by arm: error over the iterations, mean and spread over seeds",
    "depth": "test error against the depth of the network",
    "peek-bias": "how much lower the best test error of a run is than its final one, by arm",
    "per-class": "test error of each class, by arm",
}
REDUCED = ("final", "curves")  # the others speak of published numbers, or of networks trained to the end


def kinds(scale: Scale) -> tuple[str, ...]:
    return tuple(ALT) if scale.is_full else REDUCED


def pictures(results: Results, digest: str, draw: Draw) -> tuple[Picture, ...]:
    """The figures of an experiment at one scale; a kind that it has no figure of is left out."""
    name, scale = results.name, results.scale
    drawn = [(kind, draw(results, kind)) for kind in kinds(scale)]
    folder = "/".join(filter(None, (FOLDER, scale.folder, name)))
    where = "" if scale.is_full else f", at {scale} of the schedule"
    return tuple(
        Picture(f"{folder}/{kind}.svg", f"{name}: {ALT[kind]}{where}", partial(_encoded, figure, digest))
        for kind, figure in drawn
        if figure is not None
    )


def _encoded(figure: "Figure", digest: str) -> bytes:
    from repro.show import plots

    return plots.encode(figure, "svg") + stamp(digest)


def stamp(digest: str) -> bytes:
    """The last line of a figure's file."""
    return f"<!-- repro report: drawn from {digest} -->\n".encode()


def repro_plots(results: Results, kind: str) -> "Figure | None":
    from repro.show import plots

    return plots.figure(results, kind)
