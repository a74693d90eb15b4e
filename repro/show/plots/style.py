"""How figures look: palette, fonts, title, subtitle and caption. Also encodes a Figure as bytes. Does not plot data."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib
import matplotlib.style
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

from repro.show.describe import title
from repro.show.plots.plot_data import PlotData
from repro.spec import Arm

# Okabe & Ito 2008, "Color Universal Design", without yellow, too faint for a line on white, and with black as
# dark grey, so that black is left for published numbers; then others, for experiments with more arms
PALETTE = (
    *("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#4D4D4D"),
    *("#332288", "#999933", "#882255", "#00C5CD", "#6B3E1F", "#A3C644", "#B9A3E3"),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")  # by index in the spec: colour alone identifies no arm
INK, FAINT = "#1A1A1A", "#6B6B6B"

TITLE, SUBTITLE, CAPTION = 12.0, 9.5, 7.5  # points
POINT = 1 / 72  # inches
MARGIN = 0.12  # inches

RC: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # ships with matplotlib, so it is the same on every machine
    "text.parse_math": False,  # a $ in a label is a $
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "butt",  # other caps would lengthen intervals
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
def house_style() -> Iterator[None]:
    """Set matplotlib's style for these figures, whatever the user's own settings."""
    with matplotlib.style.context(["default", sns.axes_style("whitegrid"), RC]):
        yield


def encode(figure: Figure, form: str) -> bytes:
    """The figure as "png", "svg" or "pdf". The same figure always gives the same bytes."""
    empty = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    content = io.BytesIO()
    with house_style():
        figure.savefig(content, format=form, metadata=empty.get(form, {"CreationDate": None}))
    return content.getvalue()


@dataclass(frozen=True)
class ArmStyle:
    """How an arm is drawn in every figure."""

    colour: str
    marker: str
    colour_reused: bool  # an earlier arm has this colour too, so lines need markers


def arm_style(data: PlotData, arm: Arm) -> ArmStyle:
    index = data.position(arm)
    return ArmStyle(PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)], index >= len(PALETTE))


def titled_figure(data: PlotData, subtitle: str, notes: list[str], width: float, height: float) -> Figure:
    """An empty figure with the experiment's title (its name at a reduced scale), a subtitle, the data's warning, and
    `notes` as a caption. The title and subtitle are left out if `data` says so, the warning never.

    `width` and `height` are those of the plotting area in inches; the height of the text is added.
    """
    head = title(data.experiment, data.scale)
    if not data.compared:
        head = f"{data.experiment.name}: {head}"
    if not data.titled:
        head = subtitle = ""
    return captioned_figure(head, notes, width, height, subtitle=subtitle, warning=data.warning)


def captioned_figure(
    head: str, notes: list[str], width: float, height: float, *, subtitle: str = "", warning: str = ""
) -> Figure:
    """An empty figure with a title, a subtitle, a `warning` in red below it, and `notes` as a caption; sizes in inches.

    The height of the text is added to `height`.
    """
    room = width - 2 * MARGIN
    texts = [(line, TITLE, INK, "bold") for line in lines(head, room, TITLE, "bold")]
    texts += [(line, SUBTITLE, INK, "normal") for line in lines(subtitle, room, SUBTITLE)]
    texts += [(line, SUBTITLE, PALETTE[3], "bold") for line in lines(warning, room, SUBTITLE, "bold")]
    caption = [line for note in notes for line in lines(note, room, CAPTION)]
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


def settled(figure: Figure) -> Figure:
    """The figure with its layout computed once and for all, so that every `encode` gives the same bytes.

    A layout starts from the previous one and ends elsewhere.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def legend_beside(axes: Axes, handles: list[Line2D]) -> None:
    """A legend to the right of the axes, clear of the data."""
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)


def legend_width(labels: list[str]) -> float:
    """The width in inches of a legend beside the axes."""
    return 0.9 + widest(labels, RC["legend.fontsize"])


def grid_of(panels: int) -> tuple[int, int]:
    """(rows, columns) of equal panels: full rows, or all but the last place filled, for up to 12."""
    columns = {4: 2, 7: 4, 8: 4, 10: 5}.get(panels, min(panels, 4 if panels > 9 else 3))
    return -(-panels // columns), columns


def counted(data: PlotData, arm: Arm) -> str:
    """The arm's label with its completed runs, and those that diverged: "plain-56 (n = 4; 1 of 5 diverged)"."""
    runs, lost = len(data.runs(arm)), len(data.runs(arm, "diverged"))
    parts = [f"n = {runs - lost}"] if runs > lost else []
    parts += [f"{lost} of {runs} diverged"] if lost else []
    return f"{arm.label} ({'; '.join(parts)})"


def remove_frame(axes: Axes, grid: str) -> None:
    """Remove the frame's top and right; keep the grid lines of one axis ("x" or "y")."""
    sns.despine(ax=axes)
    axes.grid(visible=False)
    axes.grid(visible=True, axis=grid)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def wrapped(text: str, width: float, size: float = 8.0) -> str:
    """`text` in lines of `width` inches at `size` points."""
    return "\n".join(lines(text, width, size))


def lines(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """`text` broken between words into lines of `width` inches."""
    found: list[str] = []
    for word in text.split():
        if found and text_width(f"{found[-1]} {word}", size, weight) <= 0.98 * width:  # hinting may widen it
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def widest(texts: list[str], size: float) -> float:
    """The width in inches of the widest of `texts`."""
    return max((text_width(text, size) for text in texts), default=0.0)


@cache
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """The width in inches of a line of text, as matplotlib draws it; of several lines, that of the widest."""
    font = FontProperties(family=RC["font.family"], size=size, weight=weight)
    return (
        max(text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] for line in text.split("\n")) / 72
    )
