"""Text for a terminal, from what rich can print."""

import io
import re
import sys

from rich.console import Console, RenderableType
from rich.terminal_theme import DEFAULT_TERMINAL_THEME


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
        console.print(part)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())
