"""How figures look: palette, type, title, subtitle and caption; and a Figure as bytes. Stays out: what is drawn."""

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
import matplotlib.style
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.show.describe import title
from repro.show.plots.material import Material
from repro.spec import Arm

# Okabe & Ito 2008, "Color Universal Design", without yellow, too faint for a line on white, and with black as
# dark grey, so that black is left for published numbers
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#4D4D4D")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")  # by place in the spec, so that no colour stands alone
INK, FAINT = "#1A1A1A", "#6B6B6B"

TITLE, SUBTITLE, CAPTION = 12.0, 9.5, 7.5  # points
POINT = 1 / 72  # inches
MARGIN = 0.12  # inches

RC = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "butt",  # an interval ends where it ends
    "text.color": INK,
    "axes.labelcolor": INK,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "axes.edgecolor": "#9A9A9A",
    "axes.linewidth": 0.8,
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "svg.hashsalt": "repro",  # element ids that do not change from run to run
    "svg.fonttype": "path",
}


@contextmanager
def look() -> Iterator[None]:
    """matplotlib as these figures want it, whatever the user's own settings are."""
    with matplotlib.style.context(["default", sns.axes_style("whitegrid"), RC]):
        yield


def encode(figure: Figure, form: str) -> bytes:
    """The figure as "png", "svg" or "pdf"; the same figure gives the same bytes."""
    empty = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    content = io.BytesIO()
    with look():
        figure.savefig(content, format=form, metadata=empty.get(form, {"CreationDate": None}))
    return content.getvalue()


@dataclass(frozen=True)
class ArmLook:
    """How an arm is drawn in every figure."""

    colour: str
    marker: str
    again: bool  # an arm before it has its colour: its lines need markers too


def arm_look(material: Material, arm: Arm) -> ArmLook:
    place = material.position(arm)
    return ArmLook(PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)], place >= len(PALETTE))


def sheet(material: Material, subtitle: str, notes: list[str], width: float, height: float) -> Figure:
    """An empty figure with the experiment's title (its name, away from full scale), what it shows, and a caption.

    `width` and `height` (inches) are of what lies between; the rest is added to the height.
    """
    head, scale = title(material.experiment, material.scale), []
    if not material.compared:
        head = f"{material.experiment.name}: {head}"
        scale = _lines(material.scale.heading, width, SUBTITLE * 1.08)  # bold runs wider
    texts = [(line, TITLE, INK, "bold") for line in _lines(head, width, TITLE * 1.08)]
    texts += [(line, SUBTITLE, INK, "normal") for line in _lines(subtitle, width, SUBTITLE)]
    texts += [(line, SUBTITLE, PALETTE[3], "bold") for line in scale]
    caption = [line for note in notes for line in _lines(note, width, CAPTION)]
    above = sum(size * 1.5 * POINT for _, size, _, _ in texts) + 1.3 * MARGIN
    below = len(caption) * CAPTION * 1.45 * POINT + 1.5 * MARGIN
    whole = height + above + below
    figure = Figure(figsize=(width, whole), layout="constrained")
    top = whole - MARGIN
    for line, size, colour, weight in texts:
        figure.text(MARGIN / width, top / whole, line, size=size, color=colour, weight=weight, va="top")
        top -= size * 1.5 * POINT
    bottom = below - 0.5 * MARGIN
    for line in caption:
        figure.text(MARGIN / width, bottom / whole, line, size=CAPTION, color=FAINT, va="top")
        bottom -= CAPTION * 1.45 * POINT
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(rect=(0, below / whole, 1, height / whole), w_pad=MARGIN, h_pad=0.06)  # type: ignore[call-arg]
    return figure


def beside(axes: Axes, handles: list[Line2D]) -> None:
    """A legend to the right of the axes, clear of the data."""
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)


def legend_width(labels: list[str]) -> float:
    """Inches that a legend `beside` the axes takes."""
    return 0.75 + 0.075 * max((len(label) for label in labels), default=0)


def bare(axes: Axes, grid: str) -> None:
    """Without the frame's top and right; grid lines of one axis ("x" or "y") only."""
    sns.despine(ax=axes)
    axes.grid(visible=False)
    axes.grid(visible=True, axis=grid)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def _lines(text: str, width: float, size: float) -> list[str]:
    """`text` in lines that fit `width` inches: DejaVu Sans is 0.56 of its size wide on average."""
    return textwrap.wrap(text, int((width - 2 * MARGIN) / (0.56 * size * POINT)))
