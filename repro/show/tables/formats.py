"""Blocks of cells as text, Markdown, CSV, JSON, LaTeX or a fragment of HTML."""

import csv
import html
import io
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from repro.claims.rules import Outcome
from repro.show.tables.sheets import Block, Sheet
from repro.wording import plural

COLOURS: dict[Outcome | None, str] = {"reproduced": "green", "not reproduced": "red", "inconclusive": "yellow"}
LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "^": r"\textasciicircum{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "±": r"$\pm$",
    "<": "$<$",
    ">": "$>$",
    "~": r"\textasciitilde{}",
}


def text(blocks: list[Block], width: int) -> str:
    """For a terminal: coloured verdicts where standard output is one and NO_COLOR is unset."""
    console = Console(width=width, file=io.StringIO(), force_terminal=sys.stdout.isatty())
    for block in blocks:
        _line(console, f"{block.experiment}: {block.title}", style="bold")
        _line(console, f"{block.heading}. Test error in %.")
        for sheet in block.sheets:
            console.print(_rich(sheet))
        for note in block.notes:
            _line(console, f"- {note}")
        if block.deviations:
            count = plural(len(block.deviations), "deviation")
            _line(console, f"- {count} from the paper: repro show {block.experiment}")
        console.print()
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().rstrip().splitlines())


def _line(console: Console, line: str, style: str = "") -> None:
    console.print(Text(line, style=style))


def _rich(sheet: Sheet) -> RichTable:
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, column in enumerate(sheet.columns):
        table.add_column(
            column,
            justify="left" if i == 0 or column == "verdict" else "right",
            no_wrap=i > 1,
            min_width=12 if column == "published" else None,
            overflow="fold",
        )
    for row in sheet.cells:
        table.add_row(*(Text(cell.text, style=COLOURS.get(cell.outcome, "")) for cell in row))
    return table


def markdown(blocks: list[Block], width: int) -> str:
    parts = []
    for block in blocks:
        lines = [
            f"## {block.experiment}: {block.title}",
            "",
            f"{block.heading}. Test error in %. Source: {block.source}.",
        ]
        for sheet in block.sheets:
            lines += ["", *_markdown_table(sheet)]
        lines += ["", *(f"- {note}".replace("- *", "- \\*") for note in block.notes)]
        if block.deviations:
            lines += ["", "Deviations from the paper:", "", *(f"- {line}" for line in block.deviations)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _markdown_table(sheet: Sheet) -> list[str]:
    """The lines of a Markdown table, first column to the left, the rest to the right."""
    head, *body = ("| " + " | ".join(text.replace("|", r"\|") for text in row) + " |" for row in _texts(sheet))
    return [head, "|---" + "|---:" * (len(sheet.columns) - 1) + "|", *body]


def _texts(sheet: Sheet) -> list[tuple[str, ...]]:
    """The columns' names, and below them the cells without what they are."""
    return [sheet.columns, *(tuple(cell.text for cell in row) for row in sheet.cells)]


def as_csv(blocks: list[Block], width: int) -> str:
    """Every record of every sheet, arms and claims told apart by `row`; unrounded."""
    rows = [
        {"experiment": block.experiment, "heading": block.heading} | record
        for block in blocks
        for sheet in block.sheets
        for record in sheet.records
    ]
    out = io.StringIO()
    table = csv.DictWriter(out, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return out.getvalue().rstrip()


def as_json(blocks: list[Block], width: int) -> str:
    """A block an experiment; `sheets` holds each sheet's records, unrounded."""
    plain = [asdict(block) | {"sheets": {sheet.name: sheet.records for sheet in block.sheets}} for block in blocks]
    return json.dumps(plain, indent=1, ensure_ascii=False)


def latex(blocks: list[Block], width: int) -> str:
    """A tabular a sheet, for \\usepackage{booktabs}; the notes as comments."""
    lines: list[str] = []
    for block in blocks:
        lines += [f"% {block.experiment}: {block.heading}. Test error in %.", *(f"% {note}" for note in block.notes)]
        for sheet in block.sheets:
            lines.append(r"\begin{tabular}{l" + "r" * (len(sheet.columns) - 1) + "}")
            head, *body = (" & ".join(map(_latex, row)) + r" \\" for row in _texts(sheet))
            lines += [r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines)


def _latex(cell: str) -> str:
    return "".join(LATEX.get(char, char) for char in cell)


def as_html(blocks: list[Block], width: int) -> str:
    """A section an experiment, for a page of your own."""
    lines: list[str] = []
    for block in blocks:
        lines += [f'<section id="{html.escape(block.experiment)}">', f"<h2>{html.escape(block.title)}</h2>"]
        lines.append(f"<p>{html.escape(block.heading)}. Test error in %. Source: {html.escape(block.source)}.</p>")
        for sheet in block.sheets:
            lines += _html_table(sheet)
        lines += ["<ul>", *(f"<li>{html.escape(note)}</li>" for note in block.notes), "</ul>", "</section>"]
    return "\n".join(lines)


def _html_table(sheet: Sheet) -> list[str]:
    """The lines of an HTML table with a caption; row heads in the first column."""
    columns, *body = _texts(sheet)
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    lines = ["<table>", f"<caption>{html.escape(sheet.name)}</caption>", f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    for first, *rest in body:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>')
    return [*lines, "</tbody>", "</table>"]


FORMATS: dict[str, Callable[[list[Block], int], str]] = {
    "text": text,
    "md": markdown,
    "csv": as_csv,
    "json": as_json,
    "latex": latex,
    "html": as_html,
}
