"""Tables as text, Markdown, CSV, JSON, LaTeX or an HTML fragment."""

import csv
import html
import io
import json
from collections.abc import Callable
from dataclasses import asdict

from rich.console import RenderableType

from repro.claims.rules import Outcome
from repro.show import escape, terminal
from repro.show.layout import Column
from repro.show.tables.sheets import ExperimentTables, Sheet
from repro.wording import plural

COLOURS: dict[Outcome | None, str] = {"reproduced": "green", "not reproduced": "red", "inconclusive": "yellow"}


def text(experiments: list[ExperimentTables], width: int) -> str:
    """For a terminal, where verdicts are coloured."""
    shown: list[RenderableType] = []
    for tables in experiments:
        notes = [*tables.notes]
        if tables.deviations:
            notes.append(
                f"{plural(len(tables.deviations), 'deviation')} from the paper: repro show {tables.experiment}"
            )
        shown += [*parts(tables, width), ""]
        shown += [*(terminal.text(f"- {note}", width) for note in notes), ""]
    return terminal.printed(shown, width)


def picture(tables: ExperimentTables, width: int = 120) -> str:
    """An SVG of the same without the notes, as a terminal shows it."""
    return terminal.pictured(parts(tables, width), width, f"repro table {tables.experiment}")


def parts(tables: ExperimentTables, width: int) -> list[RenderableType]:
    """The heading and the tables, for a terminal of `width` columns."""
    return [
        terminal.text(f"{tables.experiment}: {tables.title}", width, style="bold"),
        terminal.text(f"{tables.heading}. Test error in %.", width),
        *(part for sheet in tables.sheets for part in _table(sheet, width)),
    ]


def _table(sheet: Sheet, width: int) -> list[RenderableType]:
    columns = [
        Column(title, [row[i].text for row in sheet.cells], i < sheet.words) for i, title in enumerate(sheet.columns)
    ]
    return terminal.tables(columns, width, style=lambda row, column: COLOURS.get(sheet.cells[row][column].outcome, ""))


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
    """The lines of a Markdown table: words left-aligned, numbers right-aligned."""
    head, *body = ("| " + " | ".join(map(escape.markdown_cell, row)) + " |" for row in _texts(sheet))
    return [head, "|---" * sheet.words + "|---:" * (len(sheet.columns) - sheet.words) + "|", *body]


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
            lines.append(r"\begin{tabular}{" + "l" * sheet.words + "r" * (len(sheet.columns) - sheet.words) + "}")
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
    align = ["" if i < sheet.words else ' style="text-align: right"' for i in range(len(columns))]
    head = "".join(
        f'<th scope="col"{where}>{html.escape(column)}</th>' for where, column in zip(align, columns, strict=True)
    )
    lines = ["<table>", f"<caption>{html.escape(sheet.name)}</caption>", f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    for first, *rest in body:
        cells = "".join(f"<td{where}>{html.escape(cell)}</td>" for where, cell in zip(align[1:], rest, strict=True))
        lines.append(f'<tr><th scope="row"{align[0]}>{html.escape(first)}</th>{cells}</tr>')
    return [*lines, "</tbody>", "</table>"]


FORMATS: dict[str, Callable[[list[ExperimentTables], int], str]] = {
    "text": text,
    "md": markdown,
    "csv": as_csv,
    "json": as_json,
    "latex": latex,
    "html": as_html,
}
