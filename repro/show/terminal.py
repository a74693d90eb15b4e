"""Text for a terminal, from what rich can print."""

import io
import re
import sys
from collections.abc import Callable, Container, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text

from repro.show.layout import GAP, Column, fit, parts, wrapped


def pictured(parts: list[RenderableType], width: int, title: str) -> str:
    """An SVG of a terminal window that shows the parts. It loads no font from elsewhere."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for part in parts:
        console.print(part)
    svg = console.export_svg(title=title, theme=DEFAULT_TERMINAL_THEME, unique_id="repro")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def printed(parts: list[RenderableType], width: int) -> str:
    """The parts, one below the other; coloured if standard output is a terminal and NO_COLOR is unset."""
    file = io.StringIO()
    console = Console(width=width, file=file, force_terminal=sys.stdout.isatty())
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())


def text(line: str, width: int, style: str = "") -> Text:
    """A line, broken to `width`; not markup."""
    return Text(wrapped(line, width), style=style)


def tables(
    columns: Sequence[Column],
    width: int,
    *,
    style: Callable[[int, int], str] = lambda row, column: "",
    ruled: Container[int] = (),
) -> list[RenderableType]:
    """A blank line, then a table; one wider than `width` columns continues below, where its first column is repeated.

    `style`: of a cell, by the indices of its row and column. `ruled`: the rows with a line below them.
    """
    found: list[RenderableType] = []
    for part in parts(columns, width):
        shown = fit([columns[i] for i in part], width)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
        for column in shown:
            table.add_column(Text(column.title), no_wrap=True)
        for row in range(len(columns[0].cells)):
            cells = (Text(column.cells[row], style=style(row, i)) for i, column in zip(part, shown, strict=True))
            table.add_row(*cells, end_section=row in ruled)
        found += ["", table]
    return found
