"""Records -> tables: ours beside the published numbers, with verdicts, at full scale. Imports no torch.

| file | what it holds |
|---|---|
| `summary.py` | an experiment's arms and claims in numbers |
| `sheets.py` | those numbers as cells; errors by class; learning curves |
| `formats.py` | cells as text, Markdown, CSV, JSON, LaTeX or HTML |
| `compare.py` | any two arms against each other |
"""

from repro.errors import UserError
from repro.records.results import Results
from repro.show.tables.compare import compare, sides
from repro.show.tables.formats import FORMATS
from repro.show.tables.sheets import VIEWS, Block, Sheet
from repro.show.tables.summary import ArmRow, ClaimRow, Summary, places, run_remarks, summarise, unlike_remarks

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
    "sides",
    "summarise",
    "unlike_remarks",
]


def render(experiments: list[Results], form: str, width: int = 100, view: str = "arms") -> str:
    """The experiments' tables in one of FORMATS.

    `view`: arms (at full scale with the claims), per-class or curves. `width`: of the text format, in columns.
    UserError for an unknown format.
    """
    if form not in FORMATS:
        raise UserError(f"no table format {form!r}; allowed: {', '.join(FORMATS)}")
    return FORMATS[form]([VIEWS[view](results) for results in experiments], width)


def unreproduced(experiments: list[Results]) -> list[str]:
    """The claims whose verdict is "not reproduced", as experiment/claim; none away from full scale."""
    summaries = map(summarise, experiments)
    return [f"{s.experiment}/{claim.id}" for s in summaries for claim in s.claims if claim.verdict == "not reproduced"]
