"""All recorded runs and their evaluations as two tables, for other programs: CSV files, SQLite or Parquet."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pandas as pd

from repro.errors import UserError
from repro.files import path_named
from repro.records.fault import Fault
from repro.records.results import Results

Frames = dict[str, pd.DataFrame]
KEYS = ["experiment", "arm", "seed", "scale"]


def frames(results: Sequence[Results], warn: Callable[[Fault], None]) -> Frames:
    """`runs`: one row per recorded run, stale and unfinished ones included (see their columns); errors in %, times in
    seconds. `evaluations`: one row per evaluation of each of these, by the same first four columns.

    A run whose metrics are missing or damaged has no evaluations; `warn` is called with what is wrong.
    """
    runs = [each.recorded for each in results if len(each.recorded)]
    evaluations = []
    for each in results:
        for row in each.recorded.itertuples():
            try:
                curve = each.metrics_of(str(row.arm), int(str(row.seed)))
            except Fault as fault:
                warn(fault)
                continue
            for position, key in enumerate(KEYS):
                curve.insert(position, key, str(row.scale) if key == "scale" else getattr(row, key))
            evaluations.append(curve)
    if not runs:
        raise UserError("there are no records to export")
    table = pd.concat(runs, ignore_index=True)
    return {"runs": table.assign(scale=table.scale.map(str)), "evaluations": pd.concat(evaluations, ignore_index=True)}


def to_csv(tables: Frames, out: Path) -> list[Path]:
    """OUT/runs.csv and OUT/evaluations.csv."""
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False)
    return [out / f"{name}.csv" for name in tables]


def to_sqlite(tables: Frames, out: Path) -> list[Path]:
    """OUT/repro.sqlite with the tables runs and evaluations, which replace those of an earlier export."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "repro.sqlite"
    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            for name, table in tables.items():
                table.to_sql(name, connection, index=False, if_exists="replace")
    except sqlite3.Error as error:
        raise UserError(f"cannot write {path}: {error}") from error
    return [path]


def to_parquet(tables: Frames, out: Path) -> list[Path]:
    """OUT/runs.parquet and OUT/evaluations.parquet. UserError without pyarrow."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        for name, table in tables.items():
            table.to_parquet(out / f"{name}.parquet", index=False)
    except ImportError as error:
        raise UserError("--parquet needs pyarrow: pip install 'repro-harness[parquet]'") from error
    return [out / f"{name}.parquet" for name in tables]


FORMATS: dict[str, Callable[[Frames, Path], list[Path]]] = {
    "csv": to_csv,
    "sqlite": to_sqlite,
    "parquet": to_parquet,
}


def write(tables: Frames, form: str, out: Path) -> list[Path]:
    """Write the tables into the folder `out`; the paths. UserError if they cannot be written."""
    try:
        with path_named(out):
            return FORMATS[form](tables, out)
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror or error}") from error
