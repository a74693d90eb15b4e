"""A document as one self-contained HTML page, with embedded figures, sortable tables, light and dark mode."""

import base64
from html import escape

from repro.show.report.document import (
    Badge,
    Break,
    Bullets,
    Cell,
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
)
from repro.show.report.html_template import PAGE, SCRIPT, STYLE


def as_page(elements: list[Element]) -> str:
    headings = [element for element in elements if isinstance(element, Heading)]
    sections = [f'<li><a href="#{h.anchor}">{escape(_short(h))}</a></li>' for h in headings if h.level == 2]
    return PAGE.substitute(
        title=escape(headings[0].text),
        style=STYLE,
        sections="\n".join(sections),
        body="\n".join(map(_element, elements)),
        script=SCRIPT,
    )


def _short(heading: Heading) -> str:
    """A section's name in the navigation: its heading up to the first colon, such as "Early training"."""
    return heading.text.partition(":")[0]


def _element(element: Element) -> str:
    if isinstance(element, Heading):
        anchor = f' id="{escape(element.anchor)}"' if element.anchor else ""
        return f"<h{element.level}{anchor}>{escape(element.text)}</h{element.level}>"
    if isinstance(element, Paragraph):
        return f"<p>{_text(element.text)}</p>"
    if isinstance(element, Bullets):
        return "<ul>\n" + "\n".join(f"<li>{_text(item)}</li>" for item in element.items) + "\n</ul>"
    if isinstance(element, Table):
        return _table(element)
    if isinstance(element, Folded):
        return (
            f"<details>\n<summary>{escape(element.summary)}</summary>\n"
            + "\n".join(map(_element, element.elements))
            + "\n</details>"
        )
    assert isinstance(element, Picture)
    return f'<figure><img alt="{escape(element.alt)}" src="data:image/svg+xml;base64,{_encoded(element)}"></figure>'


def _encoded(picture: Picture) -> str:
    return base64.b64encode(picture.svg()).decode("ascii")


def _table(table: Table) -> str:
    """A table in a region that scrolls sideways, also by keyboard."""
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
