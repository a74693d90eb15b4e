"""Queues: which experiments to run, in order, as data (experiments/queues/*.toml). Imports no torch; trains nothing.

| file | what it does |
|---|---|
| `load.py` | TOML -> `Queue`, with errors that name file, key, value and what is allowed; its runs, planned |
| `outlook.py` | how many runs of each entry are done and left, and how long those will take |
"""

from repro.run.queue.load import Entry, PlannedEntry, Queue, load, names, plan, runs
from repro.run.queue.outlook import as_json, as_text, look, recorded

__all__ = [
    "Entry",
    "PlannedEntry",
    "Queue",
    "as_json",
    "as_text",
    "load",
    "look",
    "names",
    "plan",
    "recorded",
    "runs",
]
