"""Text for a terminal, from what rich can print."""

import io
import sys

from rich.console import Console, RenderableType


def printed(parts: list[RenderableType], width: int) -> str:
    """The parts, one below the other; coloured if standard output is a terminal and NO_COLOR is unset."""
    file = io.StringIO()
    console = Console(width=width, file=file, force_terminal=sys.stdout.isatty())
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())
