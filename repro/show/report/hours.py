"""The log's table of hours: what was trained on what, from when to when, by the records' own clocks."""

from collections import Counter

import pandas as pd

from repro import records
from repro.durations import duration
from repro.show.report.document import Block, Cell, Paragraph, Table, cells
from repro.show.report.gather import Part, Report
from repro.wording import plural

COLUMNS = ("experiment", "schedule", "hardware", "runs", "hours of runs", "first begun", "last ended")


def blocks(report: Report) -> list[Block]:
    """A row each experiment, scale and hardware; hours of runs side by side add up."""
    rows = [row for part in report.parts for row in _rows(part)]
    count = sum(len(part.runs) for part in report.parts)
    seconds = sum(records.seconds_trained(part.runs) for part in report.parts)
    total = f"{plural(count, 'recorded run')}, {duration(seconds)} of runs in all"
    left = len(report.left_out)
    beside = f"; besides, {left} trained on uncommitted changes" if left else ""
    return [Paragraph((f"{total}{beside}.",)), *([Table("Hours", COLUMNS, tuple(rows))] if rows else [])]


def _rows(part: Part) -> list[tuple[Cell, ...]]:
    rows = []
    for (hardware, precision), runs in part.runs.groupby(["hardware", "precision"]):
        kinds = Counter(runs.status.where(runs.trained_as == "", "taken over").where(runs.stale == "", "stale"))
        states = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        hours = duration(records.seconds_trained(runs))
        scale = "full" if part.full else str(part.scale)
        days = _days(runs.started)[0], _days(runs.finished)[-1]
        rows.append(cells(part.name, scale, f"{hardware}, {precision}", states, hours, *days))
    return rows


def _days(times: pd.Series) -> list[str]:
    """The days of these times in order; a dash where none is known."""
    return sorted(time[:10] for time in times if time) or ["–"]
