"""Claims held against records: numbers in, verdicts out.

| file | what it is |
|---|---|
| `judge.py` | an experiment's claims held against its records |
| `rules/` | a rule per kind of claim |
| `stats/` | estimates, intervals, tests: numbers in, numbers out |
| `protocol.py` | what keeps a published number from being compared with ours as it stands |
| `ledger.py` | deviations: those of the spec, and those that runs bring along |
"""
