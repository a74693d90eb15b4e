"""The records of runs on disk: typed, written and read safely. Imports no torch.

| file | what it is |
|---|---|
| `record.py` | what a run.json holds, as one typed model |
| `folder.py` | a run's folder: layout, lock, run.json |
| `metrics.py`, `predictions.py` | the other two files of a run |
| `outcome.py` | a run's final and best evaluation, from its metrics |
| `checks.py` | whether a finished run's files agree with each other |
| `fault.py` | one thing that is wrong in results/ |
| `tree.py` | the scales that have records, and strays that are no run's folder |
| `states.py` | a run's state on disk: new, resume, done, diverged, stale or damaged |
| `frame.py` | all records of an experiment at one scale, as one pandas frame |
| `results.py` | an experiment and its records at one scale: the input of verdicts, tables, figures and report |
| `elsewhere.py` | results that other code trained, from a CSV file |
| `watcher.py` | how far unfinished runs are |
| `removal.py` | removes records |
| `links.py` | the addresses of saved W&B Reports |
| `migrate.py` | converts a record of an older schema |
"""

from repro.records.checks import RESULTS, digests, faults
from repro.records.fault import Fault
from repro.records.folder import (
    Busy,
    check_writable,
    copy_results,
    folder_of,
    locked,
    migrate_all,
    read_run,
    results_folder,
    run_folder,
    set_aside,
    sibling_runs,
    write_run,
)
from repro.records.frame import COLUMNS, load, seconds_trained, trained_recipe
from repro.records.metrics import METRICS, read_metrics, read_rows, write_metrics
from repro.records.predictions import read_predictions, write_predictions
from repro.records.states import State, difference, flatten, state
from repro.records.tree import scales, strays

__all__ = [
    "COLUMNS",
    "METRICS",
    "RESULTS",
    "Busy",
    "Fault",
    "State",
    "sibling_runs",
    "check_writable",
    "copy_results",
    "difference",
    "digests",
    "faults",
    "flatten",
    "folder_of",
    "load",
    "locked",
    "migrate_all",
    "read_metrics",
    "read_predictions",
    "read_rows",
    "read_run",
    "results_folder",
    "run_folder",
    "scales",
    "seconds_trained",
    "set_aside",
    "state",
    "strays",
    "trained_recipe",
    "write_metrics",
    "write_predictions",
    "write_run",
]
