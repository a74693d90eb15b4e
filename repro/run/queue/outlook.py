"""What of a queue is done, what is left, and how long that takes by the runs recorded so far, on each hardware."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from repro import records, spec
from repro.data import catalog
from repro.durations import duration
from repro.records.record import FINISHED
from repro.records.results import Results, load_all
from repro.records.states import Planned
from repro.run.queue.load import Entry, PlannedEntry, Queue
from repro.wording import plural


@dataclass
class Expected:
    """Seconds of the runs whose arm was timed on this hardware, one after another; `runs`: how many those are."""

    runs: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Outlook:
    """An entry's runs: `done` (diverged ones included), `left`, and what is expected of those, by hardware."""

    entry: Entry
    done: int
    left: int
    expected: dict[str, Expected] = field(default_factory=dict)


def look(entries: list[PlannedEntry], recorded: list[Results]) -> list[Outlook]:
    """Count, and time what is left by the recorded runs of the same arm: of its own scale, else of any other.

    `recorded`: the queue's experiments at every scale, as `recorded` reads them.

    A run that will be taken over from its twin (repro.train.reuse) takes no time, where the twin is recorded in one of
    the queue's experiments or ahead of it in the queue.
    """
    timed = _timed(recorded)
    trained = timed.groupby("fingerprint").place.agg(set).to_dict()
    ahead: set[str] = set()  # fingerprints
    found = []
    for each in entries:
        left = [p for p in each.planned if p.state.kind not in FINISHED]
        expected: dict[str, Expected] = defaultdict(Expected)
        for planned in left:
            identities, begun = _identities(planned), planned.state.kind == "resume"
            for place, (rate, precision) in _rates(timed, planned).items():
                identity = identities.get(precision, "")
                taken_over = not begun and (identity in ahead or place in trained.get(identity, ()))
                expected[place].runs += 1
                expected[place].seconds += 0.0 if taken_over else rate * _iterations_left(planned)
            ahead.update(identities.values())
        found.append(Outlook(each.entry, len(each.planned) - len(left), len(left), dict(sorted(expected.items()))))
    return found


def _identities(planned: Planned) -> dict[str, str]:
    """Precision -> the run's fingerprint in it."""
    checksum = catalog.describe(planned.run.recipe.dataset).checksum
    return {precision: found for found, precision in spec.fingerprints(planned.run, checksum).items()}


def recorded(root: Path, queue: Queue) -> list[Results]:
    """Read what there is of the queue's experiments, at every scale but the demo's."""
    scales = [scale for scale in records.scales(root) if not scale.is_demo]
    return load_all(root, sorted({entry.experiment for entry in queue.entries}), scales)


def _timed(recorded: list[Results]) -> pd.DataFrame:
    """The runs that reached their end, with `place` and `rate` in seconds per iteration."""
    runs = pd.concat([each.runs for each in recorded])
    runs = runs[(runs.status == "done") & (runs.stale == "")]
    return runs.assign(place=runs.hardware + ", " + runs.precision, rate=runs.wall_seconds / runs.iteration)


def _rates(timed: pd.DataFrame, planned: Planned) -> dict[str, tuple[float, str]]:
    """Place -> the median seconds an iteration of the arm there, and its precision."""
    run = planned.run
    arm = timed[(timed.experiment == run.experiment) & (timed.arm == run.arm)]
    rates = {}
    for place, runs in arm.groupby("place"):
        same = runs[runs.scale == str(run.scale)]
        rates[str(place)] = float((same if len(same) else runs).rate.median()), str(runs.precision.iloc[0])
    return rates


def _iterations_left(planned: Planned) -> int:
    record, end = planned.state.record, planned.run.recipe.schedule.iterations
    return end - (record.iteration if record and planned.state.kind == "resume" else 0)


def as_text(queue: Queue, outlooks: list[Outlook]) -> str:
    """Two lines an entry, then the sum."""
    lines = [f"{queue.name}: {queue.title}"]
    for number, o in enumerate(outlooks, start=1):
        scale = "full scale" if o.entry.scale.is_full else f"scale {o.entry.scale}"
        arms = ", ".join(o.entry.arms) if o.entry.arms else "all arms"
        seeds = plural(o.entry.seeds, "seed")
        lines.append(f"{number:3}. {o.entry.experiment}, {scale}, {seeds} of {arms}")
        lines.append(f"     {o.done} done, {o.left} left{_expected(o.left, o.expected)}")
    total = _total(outlooks)
    lines.append(f"all: {total.done} done, {total.left} left{_expected(total.left, total.expected)}")
    return "\n".join(lines)


def _total(outlooks: list[Outlook]) -> Outlook:
    expected: dict[str, Expected] = defaultdict(Expected)
    for o in outlooks:
        for place, e in o.expected.items():
            expected[place].runs += e.runs
            expected[place].seconds += e.seconds
    done, left = sum(o.done for o in outlooks), sum(o.left for o in outlooks)
    return Outlook(outlooks[0].entry, done, left, dict(sorted(expected.items())))


def _expected(left: int, expected: dict[str, Expected]) -> str:
    """ ": about 3 h 05 min of runs on a processor, fp32"; nothing where nothing is left."""
    if not left:
        return ""
    told = [
        f"about {duration(e.seconds)} of runs on {place}" + (f" for the {e.runs} timed there" if e.runs < left else "")
        for place, e in expected.items()
    ]
    return f": {'; '.join(told)}" if told else ": time unknown, no run of these arms is recorded"


def as_json(queue: Queue, outlooks: list[Outlook]) -> str:
    rows = [
        o.entry.model_dump(mode="json")
        | {"done": o.done, "left": o.left}
        | {"expected": [{"hardware": h, "runs": e.runs, "seconds": round(e.seconds)} for h, e in o.expected.items()]}
        for o in outlooks
    ]
    return json.dumps({"queue": queue.name, "title": queue.title, "entries": rows}, indent=1)
