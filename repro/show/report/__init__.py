"""results/ and experiments/ -> REPORT.md with its figures, and one self-contained page. Imports no torch.

| file | what it does |
|---|---|
| `gather.py` | reads them: each experiment at each scale but the demo, without runs trained on uncommitted changes |
| `figures.py` | the figures' files and their stamps |
| `claims.py`, `recipe.py`, `missing.py` | verdicts and lessons, recipe and cost, what would fill the gaps: in words |
| `answers.py` | claims with their verdicts, short: the questions of a paper's readers |
| `lessons.py` | the section of those questions, and of each claim |
| `content.py` | the sections, as a document; reduced scales in an appendix without verdicts |
| `readme.py`, `hours.py` | what is reproduced so far, for README; the log's table of hours; as documents |
| `inserts.py` | puts those between their markers in files that people write |
| `document.py` | what a document is made of |
| `text.py`, `page.py` | a document as Markdown; as a page (`page.html`, `page.css`, `page.js`) |

The same records give the same bytes: no date but theirs, no path of a machine. What cannot be the same everywhere, the
figures' bytes, is checked by a digest of what they were drawn from (`figures.py`). REPORT.md carries the digest of
everything it was made from, so that no change of a record goes unnoticed that no rounded number shows.
"""

from itertools import zip_longest
from pathlib import Path

from repro.errors import UserError
from repro.files import write_atomically
from repro.show.report import content, figures, inserts
from repro.show.report.gather import Report, gather
from repro.show.report.page import as_page
from repro.show.report.text import as_markdown

__all__ = ["check", "html", "markdown", "write", "write_html"]

NAME = "REPORT.md"
Draw = figures.Draw


def markdown(root: Path, draw: Draw = figures.repro_plots) -> str:
    """REPORT.md's whole text. UserError for a wrong spec or a damaged record."""
    return _markdown(gather(root, draw))


def html(root: Path, draw: Draw = figures.repro_plots) -> str:
    """One page that needs nothing else, not even a network."""
    return as_page(content.blocks(gather(root, draw)))


def write_html(root: Path, path: Path, draw: Draw = figures.repro_plots) -> None:
    """That page as a file, whole or not at all. UserError where it cannot be written, before anything is drawn."""
    path = path.resolve()  # of a link the file that it leads to
    new = not path.exists()
    try:
        path.open("ab").close()
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    if new:
        path.unlink()
    page = html(root, draw).encode()
    if new or path.is_file():
        _write(path, page)
    else:
        path.write_bytes(page)  # a device, a pipe


def write(root: Path, draw: Draw = figures.repro_plots) -> list[Path]:
    """Write REPORT.md, its figures and the marked parts of other files; the files that were not so already."""
    changed = []
    for path, expected in _files(root, gather(root, draw)).items():
        if not path.is_file() or path.read_bytes() != expected:
            _write(path, expected)
            changed.append(path)
    return changed


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def check(root: Path, draw: Draw = figures.repro_plots) -> str:
    """Why REPORT.md, a figure or a marked part is not what the records give; "" where all are."""
    report = gather(root, draw)
    path = root / NAME
    if not path.is_file():
        return f"there is no {NAME}"
    for file, expected in {path: _markdown(report).encode(), **inserts.filled(root, report)}.items():
        if difference := _difference(file.relative_to(root).as_posix(), file.read_bytes(), expected):
            return difference
    for part in report.parts:
        for picture in part.pictures:
            figure = root / picture.path
            if not figure.is_file():
                return f"there is no {picture.path}"
            if not figure.read_bytes().endswith(figures.stamp(part.digest)):
                return f"{picture.path} was drawn from other records"
    return ""


def _markdown(report: Report) -> str:
    title, _, rest = as_markdown(content.blocks(report)).partition("\n\n")
    note = (
        f"<!-- Written by `repro report` from results/ and experiments/, never by hand. Made from {report.digest} -->"
    )
    return f"{title}\n\n{note}\n\n{rest}"


def _files(root: Path, report: Report) -> dict[Path, bytes]:
    drawn = {root / picture.path: picture.svg() for part in report.parts for picture in part.pictures}
    # in this order: what links to others comes after them
    return drawn | {root / NAME: _markdown(report).encode()} | inserts.filled(root, report)


def _difference(name: str, found: bytes, expected: bytes) -> str:
    """The first line that differs, in words; "" where none does."""
    if found == expected:
        return ""
    lines = zip_longest(found.splitlines(True), expected.splitlines(True), fillvalue=b"")
    number, (old, new) = next((i, pair) for i, pair in enumerate(lines, start=1) if pair[0] != pair[1])
    old_text, new_text = (line.decode(errors="replace").rstrip("\n") or "nothing" for line in (old, new))
    return f"{name} line {number} is {old_text!r}; the records give {new_text!r}"
