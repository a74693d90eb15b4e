"""How many runs of a queue are done and left, and how long those will take, estimated from the recorded runs."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from repro import records, spec
from repro.data import catalog
from repro.durations import duration
from repro.records.record import FINISHED
from repro.records.results import Results, load_all
from repro.records.states import Planned
from repro.run import plan as plans
from repro.run.queue.load import Entry, PlannedEntry, Queue
from repro.show import power
from repro.wording import listed, plural


@dataclass
class TimeLeft:
    """The time that runs left will take in sequence on one hardware. `runs` counts those whose arm was timed there."""

    runs: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """How many of an entry's runs are `done` (diverged ones included), `left` and `damaged`, and the time left by
    hardware. Those that are damaged are not trained until the user restores or removes them. `labels`: of the entry's
    arms, () for all."""

    entry: Entry
    labels: tuple[str, ...]
    done: int
    left: int
    damaged: int
    expected: dict[str, TimeLeft] = field(default_factory=dict)


def estimate(entries: list[PlannedEntry], recorded: list[Results]) -> list[Estimate]:
    """Count the runs left, and time them by recorded runs of the same arm: at the same scale if any, else at others.

    `recorded` holds the queue's experiments at every scale (see `load_results`).

    A run whose record will be copied from an identical run (repro.train.reuse) takes no time. That run must be recorded
    in one of the queue's experiments, or come earlier in the queue.
    """
    timed = _timed(recorded)
    trained = timed.groupby("fingerprint").hardware_precision.agg(set).to_dict()
    experiments = {results.name: results.experiment for results in recorded}
    earlier: set[str] = set()  # fingerprints
    estimates = []
    for planned_entry in entries:
        left = [p for p in planned_entry.planned if p.state.kind not in (*FINISHED, "damaged")]
        expected: dict[str, TimeLeft] = defaultdict(TimeLeft)
        for planned in left:
            fingerprints, started = _fingerprints(planned), planned.state.kind == "resume"
            for hardware, (rate, precision) in _rates(timed, planned).items():
                fingerprint = fingerprints.get(precision, "")
                copied = not started and (fingerprint in earlier or hardware in trained.get(fingerprint, ()))
                expected[hardware].runs += 1
                expected[hardware].seconds += 0.0 if copied else rate * _iterations_left(planned)
            earlier.update(fingerprints.values())
        kinds = Counter(p.state.kind for p in planned_entry.planned)
        done = sum(kinds[kind] for kind in FINISHED)
        times = dict(sorted(expected.items()))
        entry = planned_entry.entry
        labels = tuple(experiments[entry.experiment].arm(arm).label for arm in entry.arms or ())
        estimates.append(Estimate(entry, labels, done, len(left), kinds["damaged"], times))
    return estimates


def _fingerprints(planned: Planned) -> dict[str, str]:
    """Precision -> the run's fingerprint in that precision."""
    checksum = catalog.describe(planned.run.recipe.dataset).checksum
    return {precision: fingerprint for fingerprint, precision in spec.fingerprints(planned.run, checksum).items()}


def load_results(root: Path, queue: Queue) -> list[Results]:
    """The results of the queue's experiments at every scale except demo."""
    scales = [scale for scale in records.scales(root) if not scale.is_demo]
    return load_all(root, sorted({entry.experiment for entry in queue.entries}), scales)


def _timed(recorded: list[Results]) -> pd.DataFrame:
    """The completed runs, with `hardware_precision` and `rate` (seconds per iteration)."""
    runs = pd.concat([results.runs for results in recorded])
    runs = runs[(runs.status == "done") & (runs.stale == "")]
    hardware = runs.hardware + ", " + runs.precision
    return runs.assign(hardware_precision=hardware, rate=runs.wall_seconds / runs.iteration)


def _rates(timed: pd.DataFrame, planned: Planned) -> dict[str, tuple[float, str]]:
    """Hardware and precision -> the arm's median seconds per iteration there, and the precision."""
    run = planned.run
    arm = timed[(timed.experiment == run.experiment) & (timed.arm == run.arm)]
    rates = {}
    for hardware, runs in arm.groupby("hardware_precision"):
        same_scale = runs[runs.scale == str(run.scale)]
        rate = (same_scale if len(same_scale) else runs).rate.median()
        rates[str(hardware)] = float(rate), str(runs.precision.iloc[0])
    return rates


def _iterations_left(planned: Planned) -> int:
    record, end = planned.state.record, planned.run.recipe.schedule.iterations
    return end - (record.iteration if record and planned.state.kind == "resume" else 0)


def time_left(root: Path, experiment: str, seeds: int) -> power.TimeLeft:
    """How long the full-scale runs left of `seeds` seeds per arm will take.

    `experiment`: its name, or the path of its file.
    """
    entry = Entry(experiment=spec.name_of(experiment), seeds=seeds)
    scales = [scale for scale in records.scales(root) if not scale.is_demo]
    planned = PlannedEntry(entry, plans.plan(root, experiment, [], seeds, entry.scale))
    (found,) = estimate([planned], load_all(root, [experiment], scales))
    text = f"{plural(seeds, 'seed')} of all arms: {_counts(found)}"
    times = [power.Expected(hardware, each.runs, round(each.seconds)) for hardware, each in found.expected.items()]
    return power.TimeLeft(seeds, found.done, found.left, found.damaged, times, text)


def as_text(queue: Queue, estimates: list[Estimate]) -> str:
    """Two lines per entry, then the total."""
    lines = [f"{queue.name}: {queue.title}"]
    for number, o in enumerate(estimates, start=1):
        scale = "full scale" if o.entry.scale.is_full else f"scale {o.entry.scale}"
        arms = listed(o.labels) or "all arms"
        seeds = plural(o.entry.seeds, "seed")
        lines.append(f"{number:3}. {o.entry.experiment}, {scale}, {seeds} of {arms}")
        lines.append(f"     {_counts(o)}")
    lines.append(f"total: {_counts(_total(estimates))}")
    return "\n".join(lines)


def _total(estimates: list[Estimate]) -> Estimate:
    expected: dict[str, TimeLeft] = defaultdict(TimeLeft)
    for o in estimates:
        for hardware, e in o.expected.items():
            expected[hardware].runs += e.runs
            expected[hardware].seconds += e.seconds
    done, left, damaged = (
        sum(counts) for counts in zip(*((o.done, o.left, o.damaged) for o in estimates), strict=True)
    )
    return Estimate(estimates[0].entry, (), done, left, damaged, dict(sorted(expected.items())))


def _counts(o: Estimate) -> str:
    """ "3 done, 2 left: about 3 h 05 min on a processor, fp32"."""
    damaged = f"{o.damaged} damaged, " if o.damaged else ""
    return f"{o.done} done, {damaged}{o.left} left{_expected(o.left, o.expected)}"


def _expected(left: int, expected: dict[str, TimeLeft]) -> str:
    """ ": about 3 h 05 min on a processor, fp32"; "" if no run is left."""
    if not left:
        return ""
    times = [
        f"about {duration(e.seconds)} on {hardware}" + (f" for {e.runs} of them" if e.runs < left else "")
        for hardware, e in expected.items()
    ]
    return f": {'; '.join(times)}" if times else ": time unknown, because no run of these arms is recorded"


def as_json(queue: Queue, estimates: list[Estimate]) -> str:
    rows = [
        o.entry.model_dump(mode="json")
        | {"done": o.done, "left": o.left, "damaged": o.damaged}
        | {"expected": [{"hardware": h, "runs": e.runs, "seconds": round(e.seconds)} for h, e in o.expected.items()]}
        for o in estimates
    ]
    return json.dumps({"queue": queue.name, "title": queue.title, "entries": rows}, indent=1)
