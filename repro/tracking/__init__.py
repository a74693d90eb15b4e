"""A mirror of the records on W&B, for review. It cannot delay, stop or change a run, and nothing is read back from it.

| file | what it does |
|---|---|
| `mirror.py` | mirrors one `repro run`: decides whether W&B is on, starts the worker, ends it within a time limit |
| `process.py` | the parent's side of the worker process: sends a job, receives messages, waits with time limits |
| `worker.py` | the worker process: follows run folders, sends records, makes reviews |
| `content.py` | what W&B gets of a record: id, tags, config, history, summary |
| `client.py` | the calls of wandb that make a run, with settings that protect privacy |
| `sync.py` | `repro wandb sync`: sends records, old or new |
| `review_command.py` | the parent's side of `repro wandb review` |
| `review.py`, `sections.py` | the review run with its tables and pictures; the W&B Report |

Only the worker process imports wandb. It reads everything it sends from `results/`: a run is mirrored up to the
iteration in its run.json, so a crash loses nothing, and an interrupted run is sent again from its first row under the
same id.
"""
