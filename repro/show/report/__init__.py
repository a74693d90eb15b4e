"""results/ and experiments/ -> REPORT.md with its figures, and one self-contained HTML page. Imports no torch.

| file | what it does |
|---|---|
| `load.py` | loads each experiment at each scale except the demo, without runs trained on uncommitted changes |
| `figures.py` | the figures' files and their stamps |
| `claims.py` | claims with their verdicts: the summary table and sentences |
| `recipe.py` | recipe and cost |
| `missing.py` | missing runs and the commands that train them; what is undecided and why |
| `worth.py` | the section on what the deviations are worth |
| `first_page.py` | what is reproduced, what is not, what is undecided and why |
| `details.py` | the section of one experiment |
| `early.py` | the appendix: reduced scales, without verdicts |
| `content.py` | all sections in order |
| `forms.py` | forms of conferences, filled in from the records |
| `readme.py`, `hours.py` | the generated part of README; the log's table of hours |
| `inserts.py` | puts those two between their markers in hand-written files |
| `document.py` | the elements of a document |
| `markdown_writer.py`, `html_writer.py` | a document as Markdown, as HTML (`page.html`, `page.css`, `page.js`) |

The same records give the same bytes: no dates but theirs, no paths of this machine. A figure's bytes also depend on the
machine, so figures are checked by a digest of what they were drawn from (`figures.py`). REPORT.md contains the digest
of all its inputs, so that a changed record is noticed even if no rounded number changes.
"""

from itertools import zip_longest
from pathlib import Path

from repro.errors import UserError
from repro.files import write_atomically
from repro.records import Fault
from repro.show.report import content, figures, forms, inserts
from repro.show.report.html_writer import as_page
from repro.show.report.load import Report, Warn, load_report
from repro.show.report.markdown_writer import as_markdown

__all__ = ["check", "form", "html", "markdown", "write", "write_html"]

NAME = "REPORT.md"
Draw = figures.Draw


def _ignore(fault: Fault) -> None:
    """The default of `warn`, which gets what is damaged, and therefore not in the report."""


def markdown(root: Path, draw: Draw = figures.repro_plots) -> str:
    """The text of REPORT.md. UserError for a wrong spec."""
    return _markdown(load_report(root, draw, _ignore))


def html(root: Path, draw: Draw = figures.repro_plots, *, warn: Warn = _ignore) -> str:
    """The report as one HTML page that loads nothing else."""
    return as_page(content.elements(load_report(root, draw, warn)))


def form(root: Path, name: str, *, warn: Warn = _ignore) -> str:
    """A form of `forms.FORMS`, as Markdown. UserError if there is no run at full scale."""
    return as_markdown(forms.FORMS[name](load_report(root, lambda results, kind: None, warn)))


def write_html(root: Path, path: Path, draw: Draw = figures.repro_plots, *, warn: Warn = _ignore) -> None:
    """Write that page atomically. UserError, before anything is drawn, if the file cannot be written."""
    path = path.resolve()  # writes through a symbolic link
    new = not path.exists()
    try:
        path.open("ab").close()
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    if new:
        path.unlink()
    page = html(root, draw, warn=warn).encode()
    if new or path.is_file():
        _write(path, page)
    else:
        path.write_bytes(page)  # a device, a pipe


def write(root: Path, draw: Draw = figures.repro_plots, *, warn: Warn = _ignore) -> list[Path]:
    """Write REPORT.md, its figures and the marked parts of other files; return the files that changed."""
    changed = []
    for path, expected in _files(root, load_report(root, draw, warn)).items():
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


def check(root: Path, draw: Draw = figures.repro_plots, *, warn: Warn = _ignore) -> str:
    """How REPORT.md, a figure or a marked part differs from what the records give; "" if none does."""
    report = load_report(root, draw, warn)
    path = root / NAME
    if not path.is_file():
        return f"there is no {NAME}"
    for file, expected in {path: _markdown(report).encode(), **inserts.filled(root, report)}.items():
        if difference := _difference(file.relative_to(root).as_posix(), file.read_bytes(), expected):
            return difference
    for picture in report.pictures:
        figure = root / picture.path
        if not figure.is_file():
            return f"there is no {picture.path}"
        if not figure.read_bytes().endswith(figures.stamp(picture.digest)):
            return f"{picture.path} was drawn from other records"
    return ""


def _markdown(report: Report) -> str:
    title, _, rest = as_markdown(content.elements(report)).partition("\n\n")
    note = (
        f"<!-- Written by `repro report` from results/ and experiments/, never by hand. Made from {report.digest} -->"
    )
    return f"{title}\n\n{note}\n\n{rest}"


def _files(root: Path, report: Report) -> dict[Path, bytes]:
    drawn = {root / picture.path: picture.svg() for picture in report.pictures}
    # the order of writing: a file comes after those it links to
    return drawn | {root / NAME: _markdown(report).encode()} | inserts.filled(root, report)


def _difference(name: str, found: bytes, expected: bytes) -> str:
    """The first line that differs, in words; "" if none does."""
    if found == expected:
        return ""
    lines = zip_longest(found.splitlines(True), expected.splitlines(True), fillvalue=b"")
    number, (old, new) = next((i, pair) for i, pair in enumerate(lines, start=1) if pair[0] != pair[1])
    old_text, new_text = (line.decode(errors="replace").rstrip("\n") or "nothing" for line in (old, new))
    return f"{name} line {number} is {old_text!r}; the records give {new_text!r}"
