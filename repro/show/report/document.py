"""A document as data: headings, paragraphs, tables. The writers turn it into Markdown or HTML.

A text is a tuple of inlines; the writers escape a plain `str`. `prose` reads the code spans of a spec's own words.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Strong:
    """`...` in its text is code, as in `prose`."""

    text: str


@dataclass(frozen=True)
class Code:
    text: str


@dataclass(frozen=True)
class Link:
    """`target`: "#anchor", a path relative to the root (also with an anchor), or a URL."""

    text: str
    target: str


@dataclass(frozen=True)
class Badge:
    """A verdict. `kind`: "good", "bad", "open" or "none", which decides the colour."""

    text: str
    kind: str


@dataclass(frozen=True)
class Break:
    """A new line within a cell."""


Inline = str | Strong | Code | Link | Badge | Break
Text = tuple[Inline, ...]


@dataclass(frozen=True)
class Cell:
    """`key`: the number that the cell sorts by; None to sort by its text."""

    text: Text
    key: float | None = None


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    anchor: str = ""


@dataclass(frozen=True)
class Paragraph:
    text: Text


@dataclass(frozen=True)
class Bullets:
    items: tuple[Text, ...]


@dataclass(frozen=True)
class Table:
    """A row's first cell is its header. `kind` decides the layout; all kinds but prose are sortable in HTML."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    kind: Literal["prose", "numbers", "claims", "runs"] = "prose"
    anchor: str = ""


@dataclass(frozen=True)
class Picture:
    """`path`: relative to the root, with slashes. `svg()`: the file's content, encoded only when it is needed.

    digest: of what it is drawn from; the file ends with it.
    """

    path: str
    alt: str
    svg: Callable[[], bytes]
    digest: str = ""


@dataclass(frozen=True)
class Folded:
    """A section that the reader unfolds; on the HTML page only."""

    summary: str
    elements: tuple["Element", ...] = field(default=())


Element = Heading | Paragraph | Bullets | Table | Picture | Folded


def cells(*texts: str) -> tuple[Cell, ...]:
    return tuple(Cell((text,)) for text in texts)


def prose(text: str) -> Text:
    """The words of a spec, in which `...` is code."""
    parts = re.split(r"`([^`]+)`", text)  # words and code in turns
    return tuple(Code(" ".join(part.split())) if at % 2 else part for at, part in enumerate(parts) if part)


def prose_cells(*texts: str) -> tuple[Cell, ...]:
    return tuple(Cell(prose(text)) for text in texts)


def lines(texts: list[Text]) -> Text:
    """The texts as lines of one cell."""
    joined: list[Inline] = []
    for text in texts:
        joined += [Break(), *text] if joined else text
    return tuple(joined)
