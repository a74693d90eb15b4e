"""Records -> verdicts on an experiment's claims.

| file | what it holds |
|---|---|
| `judge.py` | one verdict per claim of an experiment, from its records; looks and Holm's correction |
| `power.py` | how likely each claim is decided by its planned looks, before any run |
| `evidence.py` | what the records of a claim's runs say: numbers by seed, curves, errors by class |
| `rules/` | the kinds of claims, one file each: fields, rule, words |
| `stats/` | estimates, intervals, tests: numbers in, numbers out |
| `protocol.py` | why a published number is not directly comparable with ours |
| `deviations.py` | deviations: those stated in the spec, and those that follow from the runs |
| `why.py` | what an arm's deviations are worth, and how far they explain its gap to the printed number |
"""
