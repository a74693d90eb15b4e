"""The generated parts of hand-written files: the text between two marker comments."""

from collections.abc import Callable
from pathlib import Path

from repro.errors import UserError
from repro.show.report import hours, readme
from repro.show.report.document import Element
from repro.show.report.load import Report
from repro.show.report.markdown_writer import as_markdown

START = "<!-- {name}: written by `repro report`, never by hand -->"
END = "<!-- end of {name} -->"
INSERTS: dict[str, tuple[str, Callable[[Report], list[Element]]]] = {
    "README.md": ("claims", readme.elements),
    "docs/results-log.md": ("hours", hours.elements),
}


def filled(root: Path, report: Report) -> dict[Path, bytes]:
    """Path -> new content of each file with markers. UserError if one is missing, duplicated or out of order."""
    files = {}
    for file, (name, elements) in INSERTS.items():
        path = root / file
        if not path.is_file():
            continue
        text = path.read_bytes().decode()
        start, end = START.format(name=name), END.format(name=name)
        if start not in text and end not in text:
            continue
        if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
            raise UserError(f"{path}: each marker must occur exactly once, in this order: {start} and {end}")
        before, _, rest = text.partition(start)
        after = rest.partition(end)[2]
        files[path] = f"{before}{start}\n\n{as_markdown(elements(report))}\n{end}{after}".encode()
    return files
