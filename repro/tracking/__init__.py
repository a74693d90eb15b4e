"""W&B as a mirror of the records, for review. It can never slow, stop or falsify a run; nothing is read back from it.

| file | what it does |
|---|---|
| `mirror.py` | one `repro run`: is W&B on, start the worker, end it within a bounded time |
| `process.py` | the worker's process, from outside: a job in, messages out, never a wait without an end |
| `worker.py` | the worker's process, from inside: follows the folders of runs, sends records, sends a review |
| `content.py` | a record as W&B is told it: id, tags, config, history, summary |
| `client.py` | the calls of wandb that make a run, with the settings that keep private things private |
| `sync.py` | `repro wandb sync`: records to W&B, whenever they were made |
| `reviewing.py` | `repro wandb review`, from outside the worker |
| `review.py`, `sections.py` | the report run with its tables and pictures; the W&B Report |

wandb is imported in the worker's process only. What that process sends it reads from `results/`, as any reader would:
a run is mirrored up to the iteration that its run.json tells, so a crash or a kill loses nothing, and a
run that was interrupted is sent again from its first row, under the same id.
"""
