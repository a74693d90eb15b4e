"""One run, trained: the loop, what it moves, and where its numbers come from.

| file | what it is |
|---|---|
| `loop.py` | iterate, evaluate, checkpoint, resume |
| `learner.py` | what training moves, and one iteration of it |
| `optim.py` | optimizers; the learning rate as a function of the iteration |
| `checkpoint.py` | checkpoints that survive a kill, a full disk and a flipped bit |
| `provenance.py` | commit, uncommitted changes, packages, hardware, threads |
| `reuse.py` | runs that differ in their names alone: trained once, taken over by the others |
"""
