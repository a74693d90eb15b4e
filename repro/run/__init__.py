"""From a command to trained runs: what is left to do, how many runs at a time, and which process trains them.

| file | what it is |
|---|---|
| `start.py` | one `repro run`: what is left to train, and whether it can be |
| `session.py` | trains it: launcher, display |
| `result.py` | the options of a command, and how its runs ended |
| `plan.py` | the state of each run on disk: done, resume, new, stale or damaged |
| `until_decided.py` | `repro run --until-decided`: look by look |
| `resources.py` | how many runs at a time, on which device, with how many threads |
| `ways.py` | measures every way to train on a device |
| `launch/` | launchers: in this process, side by side, or in a pool of processes |
| `queue/` | experiments in order: what is left, and how long it will take |
| `progress.py` | what the terminal shows while runs train |
"""
