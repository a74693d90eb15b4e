"""A document as GitHub-flavoured Markdown."""

import re

from repro.show import escape
from repro.show.report.document import (
    Badge,
    Break,
    Bullets,
    Code,
    Element,
    Folded,
    Heading,
    Inline,
    Link,
    Paragraph,
    Picture,
    Strong,
    Table,
    Text,
    prose,
)


def as_markdown(elements: list[Element]) -> str:
    """The elements separated by blank lines, without those for the HTML page only."""
    anchors = {element.anchor for element in elements if isinstance(element, Heading) and element.anchor}
    return "\n\n".join(_element(element, anchors) for element in elements if not isinstance(element, Folded)) + "\n"


def _element(element: Element, anchors: set[str]) -> str:
    if isinstance(element, Heading):
        anchor = (
            f'<a id="{element.anchor}"></a>\n\n' if element.anchor and element.anchor != _slug(element.text) else ""
        )
        return f"{anchor}{'#' * element.level} {escape.markdown(element.text)}"
    if isinstance(element, Paragraph):
        return _text(element.text, anchors)
    if isinstance(element, Bullets):
        return "\n".join(f"- {_text(item, anchors, '  ')}" for item in element.items)
    if isinstance(element, Table):
        return _table(element, anchors)
    assert isinstance(element, Picture)
    return f"![{escape.markdown(element.alt)}]({element.path})"


def _table(table: Table, anchors: set[str]) -> str:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    rule = "|---" + ("|---:" if table.kind == "numbers" else "|---") * (len(table.columns) - 1) + "|"
    rows = [line([_text(cell.text, anchors, None) for cell in row]) for row in table.rows]
    return "\n".join([line([escape.markdown(column) for column in table.columns]), rule, *rows])


def _text(text: Text, anchors: set[str], indent: str | None = "") -> str:
    """`indent`: that of continuation lines; None within a table, where there can be none."""
    brk = "<br>" if indent is None else f"  \n{indent}"
    return "".join(brk if isinstance(inline, Break) else _inline(inline, anchors) for inline in text)


def _inline(inline: Inline, anchors: set[str]) -> str:
    if isinstance(inline, str):
        return escape.markdown(inline)
    if isinstance(inline, Code):
        return f"`{inline.text}`"
    if isinstance(inline, Link):
        known = not inline.target.startswith("#") or inline.target.removeprefix("#") in anchors
        return f"[{escape.markdown(inline.text)}]({inline.target})" if known else escape.markdown(inline.text)
    if isinstance(inline, Strong):
        return f"**{_text(prose(inline.text), anchors)}**"
    assert isinstance(inline, Badge)
    return f"**{escape.markdown(inline.text)}**" if inline.kind in ("good", "bad") else escape.markdown(inline.text)


def _slug(text: str) -> str:
    """The anchor that GitHub generates for a heading."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
