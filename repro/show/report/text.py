"""A document as GitHub's Markdown. Stays out: what it says."""

import re

from repro.show.report.document import (
    Badge,
    Block,
    Break,
    Bullets,
    Code,
    Folded,
    Heading,
    Inline,
    Link,
    Paragraph,
    Picture,
    Strong,
    Table,
    Text,
)

SPECIAL = re.compile(r"[\\*`~]|<(?=[A-Za-z/!?])|\[(?=[^\]]*\]\()")


def as_markdown(blocks: list[Block]) -> str:
    """A blank line between blocks; what is for the page only is left out."""
    anchors = {block.anchor for block in blocks if isinstance(block, Heading) and block.anchor}
    return "\n\n".join(_block(block, anchors) for block in blocks if not isinstance(block, Folded)) + "\n"


def _block(block: Block, anchors: set[str]) -> str:
    if isinstance(block, Heading):
        anchor = f'<a id="{block.anchor}"></a>\n\n' if block.anchor and block.anchor != _slug(block.text) else ""
        return f"{anchor}{'#' * block.level} {_escape(block.text)}"
    if isinstance(block, Paragraph):
        return _text(block.text, anchors)
    if isinstance(block, Bullets):
        return "\n".join(f"- {_text(item, anchors, '  ')}" for item in block.items)
    if isinstance(block, Table):
        return _table(block, anchors)
    assert isinstance(block, Picture)
    return f"![{_escape(block.alt)}]({block.path})"


def _table(table: Table, anchors: set[str]) -> str:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    rule = "|---" + ("|---:" if table.kind == "numbers" else "|---") * (len(table.columns) - 1) + "|"
    rows = [line([_text(cell.text, anchors, None) for cell in row]) for row in table.rows]
    return "\n".join([line([_escape(column) for column in table.columns]), rule, *rows])


def _text(text: Text, anchors: set[str], indent: str | None = "") -> str:
    """`indent`: of a further line; None within a table, where a line may not end."""
    brk = "<br>" if indent is None else f"  \n{indent}"
    return "".join(brk if isinstance(inline, Break) else _inline(inline, anchors) for inline in text)


def _inline(inline: Inline, anchors: set[str]) -> str:
    if isinstance(inline, str):
        return _escape(inline)
    if isinstance(inline, Code):
        return f"`{inline.text}`"
    if isinstance(inline, Link):
        known = not inline.target.startswith("#") or inline.target.removeprefix("#") in anchors
        return f"[{_escape(inline.text)}]({inline.target})" if known else _escape(inline.text)
    assert isinstance(inline, Strong | Badge)
    plain = isinstance(inline, Badge) and inline.kind not in ("good", "bad")
    return _escape(inline.text) if plain else f"**{_escape(inline.text)}**"


def _escape(text: str) -> str:
    """What Markdown would take for syntax; ends of lines become spaces."""
    return SPECIAL.sub(lambda match: "&lt;" if match[0] == "<" else "\\" + match[0], re.sub(r"\s+", " ", text))


def _slug(text: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
