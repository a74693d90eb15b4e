"""The records of runs on disk: typed, written and read safely. Imports no torch.

| file | what it is |
|---|---|
| `record.py` | what a run.json holds, as one typed model |
| `folder.py` | a run's folder: layout, lock, run.json |
| `metrics.py`, `predictions.py` | the other two files of a run |
| `fault.py` | one thing that is wrong in results/ |
| `states.py` | a run's state on disk: new, resume, done, diverged or stale |
| `frame.py` | all records of an experiment at one scale, as one pandas frame |
| `results.py` | an experiment and its records at one scale: the input of verdicts, tables, figures and report |
| `links.py` | the addresses of saved W&B Reports |
| `migrate.py` | converts a record of an older schema |
"""

from repro.records.fault import Fault
from repro.records.folder import (
    RESULTS,
    Busy,
    check_writable,
    copy_results,
    folder_of,
    is_complete,
    locked,
    migrate_all,
    read_run,
    results_folder,
    run_folder,
    scales,
    set_aside,
    sibling_runs,
    write_run,
)
from repro.records.frame import COLUMNS, load, seconds_trained, trained_recipe
from repro.records.metrics import METRICS, read_metrics, read_rows, write_metrics
from repro.records.predictions import read_predictions, write_predictions
from repro.records.states import State, difference, flatten, state

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
    "flatten",
    "folder_of",
    "is_complete",
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
    "trained_recipe",
    "write_metrics",
    "write_predictions",
    "write_run",
]
