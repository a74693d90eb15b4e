"""Records -> figures: a Figure a kind, and PNG and SVG files whose bytes depend on the records alone.

`figure` draws one, `encode` turns it into bytes, `plot` writes an experiment's figures into a folder. Numbers come
from `repro.records` and `repro.claims.stats`; tables and REPORT.md are elsewhere. Imports no torch.

| file | what it holds |
|---|---|
| `material.py` | what a figure is drawn from: an experiment's runs that count, its arms, their files |
| `look.py` | palette, type, title, subtitle and caption; Figure -> bytes |
| `curves.py` | `curves`: training and test error by iteration |
| `rows.py` | `final`, `peek-bias`: a row an arm |
| `depth.py` | `depth`: final error against the number of layers |
| `classes.py` | `confusion`, `per-class` |
| `hardest.py`, `pixels.py` | `hardest`: the test images most runs get wrong; their pixels |

An arm has the colour and marker of its place in the spec, in every kind and at every scale. A published number is
drawn at full scale only, hollow where its protocol, selection or data set is not ours.
"""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from repro.errors import UserError
from repro.files import write_atomically
from repro.records.results import Results
from repro.show.plots import classes, curves, depth, hardest, look, rows
from repro.show.plots.look import encode
from repro.show.plots.material import Material, NothingToDraw, gather

__all__ = ["FIGURES", "NothingToDraw", "encode", "figure", "plot"]

FIGURES: dict[str, Callable[[Material], Figure]] = {
    "curves": curves.curves,
    "final": rows.final,
    "depth": depth.depth,
    "peek-bias": rows.peek_bias,
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
    """The experiment's figure of that kind, of `arms` (default: all); None where the records cannot give it.

    `data_dir`: where data sets lie (default: `catalog.data_dir()`); only `hardest` reads images there.
    """
    _check([kind])
    try:
        return _draw(gather(results, arms, data_dir), kind)
    except NothingToDraw:
        return None


def plot(
    results: Results,
    kinds: list[str] | None,
    out: Path,
    formats: tuple[str, ...] = ("png", "svg"),
    data_dir: Path | None = None,
    *,
    arms: list[str] | None = None,
    skipped: Callable[[str, str], None] = lambda kind, reason: None,
) -> list[Path]:
    """Write <out>/<experiment>[-scale-1-200|-demo]/<kind>.<format>, all kinds by default; the files' paths.

    A kind that the records cannot give is passed over: `skipped(kind, reason)` is told. Figures of some `arms` only
    carry their names: confusion-resnet20.png.
    """
    kinds = kinds or list(FIGURES)
    _check(kinds)
    folder = out / "-".join(filter(None, (results.name, results.scale.folder)))
    chosen = "".join(f"-{arm}" for arm in arms or [])
    material = gather(results, arms, data_dir)
    written = []
    for kind in kinds:
        try:
            drawn = _draw(material, kind)
        except NothingToDraw as reason:
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


def _draw(material: Material, kind: str) -> Figure:
    if not material.arms:
        raise NothingToDraw("no runs that count")
    with look.look():
        drawn = FIGURES[kind](material)
        # laid out once: a second layout starts from the first and ends elsewhere, and each `encode` would have its own
        drawn.draw_without_rendering()
        drawn.set_layout_engine("none")
    return drawn
