"""A document as one self-contained HTML page, with embedded figures, sortable tables, light and dark mode.

Markup, style and script are in `page.html`, `page.css` and `page.js`.
"""

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from repro.show.report.document import Element, Heading, Picture, prose

HERE = Path(__file__).parent


def as_page(elements: list[Element]) -> str:
    page = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    page.filters["kind"] = lambda value: type(value).__name__
    page.filters["encoded"] = _encoded
    page.filters["prose"] = prose
    headings = [element for element in elements if isinstance(element, Heading)]
    return page.get_template("page.html").render(
        title=headings[0].text,
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        sections=[heading for heading in headings if heading.level == 2],
        elements=elements,
    )


def _encoded(picture: Picture) -> str:
    return base64.b64encode(picture.svg()).decode("ascii")
