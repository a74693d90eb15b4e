"""Records -> figures, as matplotlib Figures or as PNG and SVG files whose bytes depend only on the records.

`figure` draws one, `encode` turns it into bytes, `plot` writes an experiment's figures into a folder. Imports no torch.

| file | what it holds |
|---|---|
| `plot_data.py` | what a figure is drawn from: an experiment's counted runs, their arms and files |
| `style.py` | palette, fonts, title, subtitle and caption; Figure -> bytes |
| `curves.py` | `curves`: training and test error by iteration |
| `curve_claims.py` | `curve-claims`: our curve and the published points |
| `rows.py` | `final`, `peek-bias`: one row per arm |
| `depth.py` | `depth`: final error against the number of layers |
| `why.py` | `why`: what each deviation is worth, and the gap to the printed number |
| `classes.py` | `confusion`, `per-class` |
| `verdicts.py` | all verdicts of several experiments, one row per claim |
| `hardest.py`, `pixels.py` | `hardest`: the test images most runs get wrong; their pixels |

An arm's position in the spec fixes its colour and marker in every figure and at every scale. Published numbers are
drawn at full scale only, hollow where their protocol, selection or data set differs from ours.
"""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from repro.errors import UserError
from repro.files import write_atomically
from repro.records.results import NoFiles, Results
from repro.show.plots import classes, curve_claims, curves, depth, hardest, rows, style, why
from repro.show.plots.plot_data import NothingToDraw, PlotData, make_plot_data
from repro.show.plots.style import encode

__all__ = ["FIGURES", "NothingToDraw", "encode", "figure", "plot"]

FIGURES: dict[str, Callable[[PlotData], Figure]] = {
    "curves": curves.curves,
    "curve-claims": curve_claims.curve_claims,
    "final": rows.final,
    "depth": depth.depth,
    "peek-bias": rows.peek_bias,
    "why": why.why_figure,
    "confusion": classes.confusion,
    "per-class": classes.per_class,
    "hardest": hardest.hardest,
}


def figure(
    results: Results,
    kind: str,
    *,
    arms: list[str] | None = None,
    data_dir: Path | None = None,
) -> Figure | None:
    """The experiment's figure of one kind, of `arms` (default: all); None if the records do not suffice.

    `data_dir`: the folder of the data sets (default: `catalog.data_dir()`); only `hardest` reads images from it.
    """
    _check([kind])
    try:
        return _draw(make_plot_data(results, arms, data_dir), kind)
    except (NothingToDraw, NoFiles):
        return None


def plot(
    results: Results,
    kinds: list[str] | None,
    out: Path,
    formats: tuple[str, ...] = ("png", "svg"),
    data_dir: Path | None = None,
    *,
    arms: list[str] | None = None,
    titled: bool = True,
    skipped: Callable[[str, str], None] = lambda kind, reason: None,
) -> list[Path]:
    """Write <out>/<experiment>[-scale-1-200|-demo]/<kind>.<format>, all kinds by default; return the paths.

    A kind for which the records do not suffice is skipped, with a call of `skipped(kind, reason)`. With `arms`, their
    names are part of the file name: confusion-resnet20.png. `titled`: with a title and a subtitle.
    """
    kinds = kinds or list(FIGURES)
    _check(kinds)
    folder = out / results.folder_name
    chosen = "".join(f"-{arm}" for arm in arms or [])
    data = make_plot_data(results, arms, data_dir, titled)
    written = []
    for kind in kinds:
        try:
            drawn = _draw(data, kind)
        except (NothingToDraw, NoFiles) as reason:
            skipped(kind, str(reason))
            continue
        for form in formats:
            path = folder / f"{kind}{chosen}.{form}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                write_atomically(path, encode(drawn, form))
            except OSError as error:
                raise UserError(f"cannot write {path}: {error.strerror}") from error
            written.append(path)
    return written


def _check(kinds: list[str]) -> None:
    if wrong := [kind for kind in kinds if kind not in FIGURES]:
        raise UserError(f"no figure of kind {wrong[0]!r}; allowed: {', '.join(FIGURES)}")


def _draw(data: PlotData, kind: str) -> Figure:
    if not data.arms:
        raise NothingToDraw("no counted runs")
    with style.house_style():
        return style.settled(FIGURES[kind](data))
