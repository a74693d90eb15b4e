"""Records -> tables of our results, at full scale with published numbers and verdicts. Imports no torch.

| file | what it holds |
|---|---|
| `summary.py` | an experiment's arms and claims in numbers |
| `sheets.py` | tables of those numbers, of errors by class, and of learning curves |
| `formats.py` | tables as text, Markdown, CSV, JSON, LaTeX or HTML |
| `tally.py` | how many claims have which verdict |
| `compare.py` | a comparison of any two arms |
"""

from repro.errors import UserError
from repro.records.results import Results
from repro.show.tables import formats
from repro.show.tables.compare import compare, sides
from repro.show.tables.formats import FORMATS
from repro.show.tables.sheets import VIEWS, ExperimentTables, Sheet
from repro.show.tables.summary import (
    ArmRow,
    ClaimRow,
    Summary,
    hardware_notes,
    mixed_hardware_notes,
    run_notes,
    summarise,
)
from repro.show.tables.tally import tally

__all__ = [
    "FORMATS",
    "VIEWS",
    "ArmRow",
    "ExperimentTables",
    "ClaimRow",
    "Sheet",
    "Summary",
    "compare",
    "hardware_notes",
    "render",
    "run_notes",
    "sides",
    "summarise",
    "tally",
    "mixed_hardware_notes",
]


def render(experiments: list[Results], form: str, width: int = 100, view: str = "arms") -> str:
    """The experiments' tables in one of FORMATS.

    `view`: arms (at full scale with the verdicts), claims (with the claims that have none, too), per-class or curves.
    `width`: of the text format, in columns.
    UserError for an unknown format.
    """
    if form not in FORMATS:
        raise UserError(f"no table format {form!r}; allowed: {', '.join(FORMATS)}")
    return FORMATS[form]([VIEWS[view](results) for results in experiments], width)


def picture(results: Results) -> str:
    """An SVG of the table of arms and claims in a terminal window."""
    return formats.picture(VIEWS["arms"](results))
