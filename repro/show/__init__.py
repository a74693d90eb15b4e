"""Values as text for people. Does not judge, compute or read files, and imports no torch.

| file | what it holds |
|---|---|
| `numbers.py` | how a number is written: points, intervals, p, mean ± sd, a published number with its runs |
| `verdicts.py` | a verdict as sentences, as a label and as cells |
"""
