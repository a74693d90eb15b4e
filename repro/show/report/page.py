"""A document as one self-contained page: figures inside, tables that sort, light and dark. Stays out: what it says."""

import base64
from html import escape

from repro.show.report.document import (
    Badge,
    Block,
    Break,
    Bullets,
    Cell,
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
from repro.show.report.template import PAGE, SCRIPT, STYLE


def as_page(blocks: list[Block]) -> str:
    headings = [block for block in blocks if isinstance(block, Heading)]
    sections = [f'<li><a href="#{h.anchor}">{escape(_short(h))}</a></li>' for h in headings if h.level == 2]
    return PAGE.substitute(
        title=escape(headings[0].text),
        style=STYLE,
        sections="\n".join(sections),
        body="\n".join(map(_block, blocks)),
        script=SCRIPT,
    )


def _short(heading: Heading) -> str:
    """A section's name in the navigation: up to the first colon, "Early training"."""
    return heading.text.partition(":")[0]


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        anchor = f' id="{escape(block.anchor)}"' if block.anchor else ""
        return f"<h{block.level}{anchor}>{escape(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f"<p>{_text(block.text)}</p>"
    if isinstance(block, Bullets):
        return "<ul>\n" + "\n".join(f"<li>{_text(item)}</li>" for item in block.items) + "\n</ul>"
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Folded):
        return (
            f"<details>\n<summary>{escape(block.summary)}</summary>\n"
            + "\n".join(map(_block, block.blocks))
            + "\n</details>"
        )
    assert isinstance(block, Picture)
    return f'<figure><img alt="{escape(block.alt)}" src="data:image/svg+xml;base64,{_encoded(block)}"></figure>'


def _encoded(picture: Picture) -> str:
    return base64.b64encode(picture.svg()).decode("ascii")


def _table(table: Table) -> str:
    """In a region of its own that scrolls sideways, for a keyboard too."""
    kind = table.kind if table.kind == "prose" else f"sortable {table.kind}"
    anchor = f' id="{escape(table.anchor)}"' if table.anchor else ""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = "\n".join(_row(row) for row in table.rows)
    return f"""\
<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.caption)}">
<table class="{kind}"{anchor}>
<caption>{escape(table.caption)}</caption>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>"""


def _row(row: tuple[Cell, ...]) -> str:
    first, *rest = row
    cells = "".join(f"<td{_key(cell)}>{_text(cell.text)}</td>" for cell in rest)
    return f'<tr><th scope="row"{_key(first)}>{_text(first.text)}</th>{cells}</tr>'


def _key(cell: Cell) -> str:
    return "" if cell.key is None else f' data-key="{cell.key:.6g}"'


def _text(text: Text) -> str:
    return "".join(map(_inline, text))


def _inline(inline: Inline) -> str:
    if isinstance(inline, str):
        return escape(inline)
    if isinstance(inline, Break):
        return "<br>"
    if isinstance(inline, Link):
        return f'<a href="{escape(inline.target)}">{escape(inline.text)}</a>'
    if isinstance(inline, Badge):
        return f'<span class="badge {escape(inline.kind)}">{escape(inline.text)}</span>'
    tag = "code" if isinstance(inline, Code) else "strong"
    assert isinstance(inline, Code | Strong)
    return f"<{tag}>{escape(inline.text)}</{tag}>"
