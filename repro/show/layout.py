"""Text and tables in a given number of columns. Breaks lines between words and between numbers, never within either."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

GAP = 2  # columns between two columns of a table
LEAST = 8  # columns of the first column of a table, however long its words are
LAST = 20  # columns of the last column of a line, or else its continuation stands further left
# where prose may be broken: at spaces, but not in "8.68 ± 0.30", "n = 3", "30 %", "[-0.15, +0.10]" or "not reproduced"
BETWEEN_WORDS = re.compile(r"(?<![±=<])(?<!\bnot) +(?![±=<% ]|[+-]?[\d.]+\])")
# and where a cell with a number may: before its interval or n, after its interval, after a comma outside of brackets
BETWEEN_NUMBERS = re.compile(r" (?=[(\[])|(?<=\]) |(?<=,) (?![^(\[]*[)\]])")


@dataclass(frozen=True)
class Column:
    """A column of a table. `words`: left-aligned and broken between words; numbers are right-aligned."""

    title: str
    cells: Sequence[str]
    words: bool = False

    def pieces(self, text: str) -> list[str]:
        return (BETWEEN_WORDS if self.words else BETWEEN_NUMBERS).split(text)

    @property
    def least(self) -> int:
        """The width at which no piece is broken."""
        pieces = [piece for cell in self.cells for piece in self.pieces(cell)]
        return max(map(cell_len, [*pieces, *self.title.split()]), default=0)

    @property
    def longest(self) -> int:
        """The width at which every cell has one line."""
        return max(map(cell_len, self.cells), default=0)

    def lines(self, width: int) -> int:
        """The number of lines of its tallest cell."""
        return max((len(joined(self.pieces(cell), width)) for cell in self.cells), default=0)

    def used(self, width: int) -> int:
        """The longest line of its cells if they are broken to `width`."""
        return max((cell_len(line) for cell in self.cells for line in joined(self.pieces(cell), width)), default=0)

    def at(self, width: int) -> "Column":
        """With its title and cells broken into lines of `width`."""
        cells = [self._aligned(joined(self.pieces(cell), width), width) for cell in self.cells]
        return Column(self._aligned(joined(self.title.split(), width), width), cells, self.words)

    def _aligned(self, lines: Sequence[str], width: int) -> str:
        return "\n".join(line if self.words else " " * (width - cell_len(line)) + line for line in lines)


def joined(pieces: Sequence[str], width: int) -> list[str]:
    """The pieces, with spaces between them, in lines of `width`. A longer piece is broken."""
    lines = [""]
    for piece in pieces:
        if not lines[-1]:
            lines[-1] = piece
        elif cell_len(lines[-1]) + 1 + cell_len(piece) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return [part for line in lines for part in (chop_cells(line, width) if cell_len(line) > width else [line])]


def parts(columns: Sequence[Column], width: int) -> list[list[int]]:
    """The columns (as indices) of each part of a table that is too wide; each part begins with the first column.

    As few parts as hold every column without breaking a piece, and if possible every cell on one line.
    """
    least = _parts([column.least for column in columns], width)
    whole = _parts([max(column.least, column.longest) for column in columns], width)
    return whole if len(whole) == len(least) else least


def _parts(widths: Sequence[int], width: int) -> list[list[int]]:
    found: list[list[int]] = [[0]]
    for i in range(1, len(widths)):
        if len(found[-1]) > 1 and sum(widths[j] + GAP for j in found[-1]) + widths[i] > width:
            found.append([0])
        found[-1].append(i)
    return found


def fit(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns of one part, broken to be `width` wide together.

    What is left over the least widths goes first to numbers, so that they have one line, then to the tallest words,
    then to the titles.
    """
    widths = [column.least for column in columns]
    room = width - GAP * (len(columns) - 1)
    widths[0] = max(min(LEAST, widths[0]), widths[0] - max(0, sum(widths) - room))
    for i, column in sorted(enumerate(columns), key=lambda each: each[1].longest):
        if not column.words:
            widths[i] = max(widths[i], column.used(widths[i] + max(0, room - sum(widths))))
    while sum(widths) < room:
        narrow = [i for i, column in enumerate(columns) if column.words and widths[i] < column.longest]
        if not narrow:
            break
        widths[max(narrow, key=lambda i: columns[i].lines(widths[i]))] += 1
    for i, column in enumerate(columns):
        if column.words:
            widths[i] = max(min(widths[i], column.least), column.used(widths[i]))
        if sum(widths) - widths[i] + cell_len(column.title) <= room:
            widths[i] = max(widths[i], cell_len(column.title))
    return [column.at(wide) for column, wide in zip(columns, widths, strict=True)]


def wrapped(text: str, width: int) -> str:
    """Lines of at most `width` columns. What continues a line stands below its last column, or is indented.

    A word that is longer than a line, such as a URL, is left whole.
    """
    return "\n".join(_wrapped(line, width) for line in text.splitlines())


def _wrapped(line: str, width: int) -> str:
    if cell_len(line) <= width:
        return line
    indent = len(line) - len(line.lstrip())
    starts = [match.end() for match in re.finditer(r"\S {2,}(?=\S)|^ *(?:-|\d+\.) ", line)]
    start = max((at for at in starts if at <= width - LAST), default=indent)
    hanging = start if start > indent else indent + 2
    lines, at, end = [""], start, start
    for space in (*BETWEEN_WORDS.finditer(line, start), None):
        piece, after = (line[at : space.start()], space.end()) if space else (line[at:], len(line))
        before = " " * (at - end) if lines[-1] else ""
        if lines[-1] and cell_len(lines[-1] + before + piece) > width - hanging:
            lines.append(piece)
        else:
            lines[-1] += before + piece
        at, end = after, at + len(piece)
    return line[:start] + f"\n{' ' * hanging}".join(lines)
