"""Training one run: the loop, its state, and the provenance of its numbers.

| file | what it is |
|---|---|
| `loop.py` | iterate, evaluate, checkpoint, resume |
| `control.py` | settings of training, the request to stop, progress |
| `learner.py` | a run's model, optimizer, random streams and meters, and one iteration |
| `weights.py` | the weights a run starts from: another run's, a file's or torchvision's |
| `average.py` | the moving average of the weights |
| `optim.py` | optimizers and the learning-rate schedule |
| `checkpoint.py` | checkpoints that survive kills, full disks and flipped bits |
| `provenance.py` | commit, uncommitted changes, packages, hardware, threads |
| `reuse.py` | copies the record of a run that another experiment has already trained |
"""
