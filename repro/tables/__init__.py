"""Records -> tables: ours beside the published numbers, with verdicts, at full scale. Imports no torch.

| file | what it holds |
|---|---|
| `summary.py` | an experiment's arms and claims in numbers |
| `sheets.py` | those numbers as cells; errors by class; learning curves |
| `formats.py` | cells as text, Markdown, CSV, JSON, LaTeX or HTML |
| `compare.py` | any two arms against each other |
"""

from pathlib import Path

from repro import records, spec
from repro.spec import Scale
from repro.tables.compare import compare
from repro.tables.formats import FORMATS
from repro.tables.sheets import VIEWS, Block, Sheet
from repro.tables.summary import ArmRow, ClaimRow, Summary, places, run_remarks, summarise, unlike_remarks

__all__ = [
    "FORMATS",
    "VIEWS",
    "ArmRow",
    "Block",
    "ClaimRow",
    "Sheet",
    "Summary",
    "compare",
    "places",
    "render",
    "run_remarks",
    "summarise",
    "unlike_remarks",
]


def render(root: Path, names: list[str], scale: Scale, form: str, width: int = 100, view: str = "arms") -> str:
    """The tables of `names` (default: every experiment with records; all where none has) in one of FORMATS.

    `view`: arms (at full scale with the claims), per-class or curves. `width`: of the text format, in columns.
    """
    return FORMATS[form]([VIEWS[view](root, name, scale) for name in chosen(root, names, scale)], width)


def chosen(root: Path, names: list[str], scale: Scale) -> list[str]:
    """The experiments named; else those with records of the scale; else all."""
    known = spec.names(root)
    return names or [name for name in known if len(records.load(root, [name], scale))] or known


def unreproduced(root: Path, names: list[str], scale: Scale) -> list[str]:
    """The claims whose verdict is "not reproduced", as experiment/claim; none away from full scale."""
    summaries = [summarise(root, name, scale) for name in chosen(root, names, scale)]
    return [f"{s.experiment}/{claim.id}" for s in summaries for claim in s.claims if claim.verdict == "not reproduced"]
