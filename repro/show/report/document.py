"""A document as plain values: what REPORT.md and the page both say. Stays out: syntax, which is the writers'.

A text is a tuple of inlines; a plain `str` is escaped by whoever writes it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Strong:
    text: str


@dataclass(frozen=True)
class Code:
    text: str


@dataclass(frozen=True)
class Link:
    """`target` is "#anchor", a file from the root with or without an anchor, or an address (https://)."""

    text: str
    target: str


@dataclass(frozen=True)
class Badge:
    """A verdict; its kind, "good", "bad", "open" or "none", chooses the colour."""

    text: str
    kind: str


@dataclass(frozen=True)
class Break:
    """A new line within a cell."""


Inline = str | Strong | Code | Link | Badge | Break
Text = tuple[Inline, ...]


@dataclass(frozen=True)
class Cell:
    """`key`: what the cell sorts by, where that is a number."""

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
    """The first cell of a row names it. `kind` decides the layout; all but prose can be sorted on the page."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    kind: Literal["prose", "numbers", "claims", "runs"] = "prose"
    anchor: str = ""


@dataclass(frozen=True)
class Picture:
    """`path`: from the root, with slashes; `svg()`: the file's whole content, encoded only where it is wanted."""

    path: str
    alt: str
    svg: Callable[[], bytes]


@dataclass(frozen=True)
class Folded:
    """Shown on demand, on the page only."""

    summary: str
    blocks: tuple["Block", ...] = field(default=())


Block = Heading | Paragraph | Bullets | Table | Picture | Folded


def cells(*texts: str) -> tuple[Cell, ...]:
    return tuple(Cell((text,)) for text in texts)


def lines(texts: list[Text]) -> Text:
    """The texts one below the other, in one cell."""
    joined: list[Inline] = []
    for text in texts:
        joined += [Break(), *text] if joined else text
    return tuple(joined)
