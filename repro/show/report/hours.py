"""The log's table of hours: what was trained on which hardware, for how long and when, according to the records."""

from collections import Counter

import pandas as pd

from repro import records
from repro.durations import duration
from repro.show.report.document import Cell, Element, Paragraph, Table, cells
from repro.show.report.load import Part, Report
from repro.wording import plural

COLUMNS = ("experiment", "schedule", "hardware", "runs", "wall time of runs", "first start", "last end")


def elements(report: Report) -> list[Element]:
    """One row per experiment, scale and hardware. The hours of concurrent runs add up."""
    rows = [row for part in report.parts for row in _rows(part)]
    count = sum(len(part.results.recorded) for part in report.parts)
    seconds = sum(records.seconds_trained(part.results.recorded) for part in report.parts)
    total = f"{plural(count, 'recorded run')}, {duration(seconds)} of wall time in total"
    left_out = len(report.left_out)
    note = f", not counting {plural(left_out, 'run')} trained on uncommitted changes" if left_out else ""
    return [Paragraph((f"{total}{note}.",)), *([Table("Hours", COLUMNS, tuple(rows))] if rows else [])]


def effort(report: Report) -> str:
    """The runs at full scale with their hours and hardware, in a sentence."""
    runs = pd.concat([part.results.recorded for part in report.full])
    if not len(runs):
        return "No run at full scale is recorded yet."
    hardware = "; ".join(sorted(set(runs.hardware + ", " + runs.precision)))
    time = duration(records.seconds_trained(runs))
    return f"{plural(len(runs), 'run')} at full scale took {time} of wall time on: {hardware}."


def _rows(part: Part) -> list[tuple[Cell, ...]]:
    rows = []
    for (hardware, precision), runs in part.results.recorded.groupby(["hardware", "precision"]):
        own = (runs.trained_as == "") | (runs.status == "damaged")
        kinds = Counter(runs.status.where(own, "reused").where(runs.stale == "", "stale"))
        states = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        hours = duration(records.seconds_trained(runs))
        scale = "full" if part.full else str(part.scale)
        days = _days(runs.started)[0], _days(runs.finished)[-1]
        rows.append(cells(part.name, scale, f"{hardware}, {precision}", states, hours, *days))
    return rows


def _days(times: pd.Series) -> list[str]:
    """The days of these times, sorted; a dash if none is known."""
    return sorted(time[:10] for time in times if time) or ["–"]
