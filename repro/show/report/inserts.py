"""The generated parts of files that people write: between two marker comments, and only where those stand."""

from collections.abc import Callable
from pathlib import Path

from repro.errors import UserError
from repro.show.report import hours, readme
from repro.show.report.document import Block
from repro.show.report.gather import Report
from repro.show.report.text import as_markdown

START = "<!-- {name}: written by `repro report`, never by hand -->"
END = "<!-- end of {name} -->"
INSERTS: dict[str, tuple[str, Callable[[Report], list[Block]]]] = {
    "README.md": ("claims", readme.blocks),
    "docs/results-log.md": ("hours", hours.blocks),
}


def filled(root: Path, report: Report) -> dict[Path, bytes]:
    """Each file with markers as it should be. UserError where one marker stands without the other, or twice."""
    files = {}
    for file, (name, blocks) in INSERTS.items():
        path = root / file
        if not path.is_file():
            continue
        text = path.read_bytes().decode()
        start, end = START.format(name=name), END.format(name=name)
        if start not in text and end not in text:
            continue
        if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
            raise UserError(f"{path}: the markers must stand once each, in this order: {start} and {end}")
        before, _, rest = text.partition(start)
        after = rest.partition(end)[2]
        files[path] = f"{before}{start}\n\n{as_markdown(blocks(report))}\n{end}{after}".encode()
    return files
