"""Tables as text, Markdown, CSV, JSON, LaTeX or an HTML fragment."""

import csv
import html
import io
import json
import textwrap
from collections.abc import Callable
from dataclasses import asdict

from rich import box
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from repro.claims.rules import Outcome
from repro.show import escape
from repro.show.tables.sheets import ExperimentTables, Sheet
from repro.show.terminal import pictured, printed
from repro.wording import plural

WIDE = 100  # columns, for the table of claims with each row's p on one line
NARROW_CLAIM, NARROW_P = 22, 6  # columns of such cells in a narrower table
COLOURS: dict[Outcome | None, str] = {"reproduced": "green", "not reproduced": "red", "inconclusive": "yellow"}


def text(experiments: list[ExperimentTables], width: int) -> str:
    """For a terminal, where verdicts are coloured."""
    parts: list[RenderableType] = []
    for tables in experiments:
        parts += [*_head_and_sheets(tables, width), *(Text(f"- {note}") for note in tables.notes)]
        if tables.deviations:
            count = plural(len(tables.deviations), "deviation")
            parts.append(Text(f"- {count} from the paper: repro show {tables.experiment}"))
        parts.append("")
    return printed(parts, width)


def picture(tables: ExperimentTables, width: int = 120) -> str:
    """An SVG of the same without the notes, as a terminal shows it."""
    return pictured(_head_and_sheets(tables, width), width, f"repro table {tables.experiment}")


def _head_and_sheets(tables: ExperimentTables, width: int) -> list[RenderableType]:
    return [
        Text(f"{tables.experiment}: {tables.title}", style="bold"),
        Text(f"{tables.heading}. Test error in %."),
        *(rich_table(sheet, width) for sheet in tables.sheets),
    ]


def rich_table(sheet: Sheet, width: int) -> RichTable:
    """The sheet for a terminal of `width` columns. Below WIDE, claims are broken at hyphens and all heads wrap."""
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    claims = sheet.columns[0] == "claim"
    narrow = claims and width < WIDE
    for i, column in enumerate(sheet.columns):
        table.add_column(
            Text(column),  # not markup: [interval] is no style
            justify="left" if i == 0 or (claims and i == 1) else "right",
            no_wrap=i not in (1, 2) and not (narrow and i) if claims else i > 1,  # verdict and difference
            min_width=14 if claims and i == 1 else {"published": 12}.get(column),
            max_width=NARROW_P if narrow and i > 2 else None,
            overflow="fold",
        )
    for row in sheet.cells:
        first, *rest = (Text(cell.text, style=COLOURS.get(cell.outcome, "")) for cell in row)
        table.add_row(Text(textwrap.fill(first.plain, NARROW_CLAIM)) if narrow else first, *rest)
    return table


def markdown(experiments: list[ExperimentTables], width: int) -> str:
    parts = []
    for tables in experiments:
        lines = [
            f"## {tables.experiment}: {escape.markdown(tables.title)}",
            "",
            f"{tables.heading}. Test error in %. Source: {escape.markdown(tables.source)}.",
        ]
        for sheet in tables.sheets:
            lines += ["", *_markdown_table(sheet)]
        lines += ["", *(f"- {escape.markdown(note)}" for note in tables.notes)]
        if tables.deviations:
            lines += [
                "",
                "Deviations from the paper:",
                "",
                *(f"- {escape.markdown(line)}" for line in tables.deviations),
            ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _markdown_table(sheet: Sheet) -> list[str]:
    """The lines of a Markdown table; the first column is left-aligned, the others right-aligned."""
    head, *body = ("| " + " | ".join(map(escape.markdown_cell, row)) + " |" for row in _texts(sheet))
    return [head, "|---" + "|---:" * (len(sheet.columns) - 1) + "|", *body]


def _texts(sheet: Sheet) -> list[tuple[str, ...]]:
    """The column names, then the text of each row's cells."""
    return [sheet.columns, *(tuple(cell.text for cell in row) for row in sheet.cells)]


def as_csv(experiments: list[ExperimentTables], width: int) -> str:
    """All records of all sheets, unrounded; the column `row` says arm or claim."""
    rows = [
        {"experiment": tables.experiment, "heading": tables.heading} | record
        for tables in experiments
        for sheet in tables.sheets
        for record in sheet.records
    ]
    out = io.StringIO()
    table = csv.DictWriter(out, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return out.getvalue().rstrip()


def as_json(experiments: list[ExperimentTables], width: int) -> str:
    """One object per experiment; `sheets` holds each sheet's records, unrounded."""
    content = [
        asdict(tables) | {"sheets": {sheet.name: sheet.records for sheet in tables.sheets}} for tables in experiments
    ]
    return json.dumps(content, indent=1, ensure_ascii=False)


def latex(experiments: list[ExperimentTables], width: int) -> str:
    """One tabular per sheet, for \\usepackage{booktabs}; the notes are comments."""
    lines: list[str] = []
    for tables in experiments:
        told = [f"{tables.experiment}: {tables.heading}. Test error in %.", *tables.notes]
        lines += [f"% {' '.join(line.split())}" for line in told]
        for sheet in tables.sheets:
            lines.append(r"\begin{tabular}{l" + "r" * (len(sheet.columns) - 1) + "}")
            head, *body = (" & ".join(map(escape.latex, row)) + r" \\" for row in _texts(sheet))
            lines += [r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines)


def as_html(experiments: list[ExperimentTables], width: int) -> str:
    """One <section> per experiment, to include in a page."""
    lines: list[str] = []
    for tables in experiments:
        lines += [f'<section id="{html.escape(tables.experiment)}">', f"<h2>{html.escape(tables.title)}</h2>"]
        lines.append(f"<p>{html.escape(tables.heading)}. Test error in %. Source: {html.escape(tables.source)}.</p>")
        for sheet in tables.sheets:
            lines += _html_table(sheet)
        lines += ["<ul>", *(f"<li>{html.escape(note)}</li>" for note in tables.notes), "</ul>", "</section>"]
    return "\n".join(lines)


def _html_table(sheet: Sheet) -> list[str]:
    """The lines of an HTML table with a caption; the first column holds row headers."""
    columns, *body = _texts(sheet)
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    lines = ["<table>", f"<caption>{html.escape(sheet.name)}</caption>", f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    for first, *rest in body:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>')
    return [*lines, "</tbody>", "</table>"]


FORMATS: dict[str, Callable[[list[ExperimentTables], int], str]] = {
    "text": text,
    "md": markdown,
    "csv": as_csv,
    "json": as_json,
    "latex": latex,
    "html": as_html,
}
