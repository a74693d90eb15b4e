"""Specs, records and verdicts as text, tables, figures and reports. Imports no torch.

| file | what it holds |
|---|---|
| `describe.py` | what `repro show`, `repro status` and `repro freeze --check --json` print |
| `tables/` | what `repro table` and `repro compare` print |
| `plots/` | figures |
| `report/` | REPORT.md and the HTML page |
| `why.py` | what an arm's deviations are worth |
| `power.py` | what `repro power` prints |
| `crate.py` | the records as an RO-Crate, for other programs |
| `frames.py` | the records as tables: CSV, SQLite, Parquet |
| `watch.py` | what `repro watch` prints |
| `layout.py` | text and tables in a given number of columns |
| `terminal.py` | the same as a terminal shows it, with colours |
| `verdicts.py` | a verdict in words: sentences, label, difference |
"""
