"""From a command to runs: what is left to do, how many at a time, and who trains them.

| file | what it is |
|---|---|
| `session.py` | one `repro run`: launcher, display, how it ended |
| `plan.py` | what stands on disk for each run: done, resume, new or stale |
| `sharing.py` | how many runs at a time, on which device, with how many threads |
| `ways.py` | every way to train on a device, measured |
| `launch/` | in this process, side by side, or in a pool of processes |
| `queue/` | experiments in order: read, what is left, how long that takes |
| `progress.py` | what a person sees while runs train |
"""
