"""Queues: which experiments to run, in order, as data (experiments/queues/*.toml). Imports no torch; trains nothing.

| file | what it does |
|---|---|
| `load.py` | TOML -> `Queue`, with errors that name file, key, value and what is allowed; plans its runs |
| `estimates.py` | how many runs of each entry are done and left, and how long those will take |
"""

from repro.run.queue.estimates import as_json, as_text, estimate, load_results, time_left
from repro.run.queue.load import Entry, PlannedEntry, Queue, full_scale_seeds, load, names, plan, runs

__all__ = [
    "Entry",
    "PlannedEntry",
    "Queue",
    "as_json",
    "as_text",
    "estimate",
    "full_scale_seeds",
    "load",
    "load_results",
    "names",
    "plan",
    "runs",
    "time_left",
]
