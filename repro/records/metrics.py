"""metrics.csv: one row per evaluation. Written whole; read only if every row has the form that training gave it."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pandas as pd

from repro.files import read_limited, write_atomically
from repro.records.fault import reading

FILE = "metrics.csv"
METRICS = (
    "iteration",
    "lr",
    "train_loss",  # nats; mean over the batches since the previous row, with augmentation and dropout
    "train_accuracy",  # %, over the same batches
    "test_loss",
    "test_error",  # %
    "validation_loss",
    "validation_error",
    "images_per_second",  # of training, without evaluations
)
REQUIRED = ("iteration", "lr", "train_accuracy", "test_error")  # other cells may be empty
PERCENT = ("train_accuracy", "test_error", "validation_error")
NUMBER = re.compile(r"-?\d{1,25}(\.\d+)?(e[+-]?\d+)?", re.ASCII)  # as Python writes an int or a float
LARGEST = 3.5e38  # of float32

Row = dict[str, Any]  # column -> number, None for an empty cell


def write_metrics(folder: Path, rows: list[Row]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, METRICS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_atomically(folder / FILE, text.getvalue().encode())


def read_metrics(folder: Path) -> pd.DataFrame:
    """One row per evaluation: the columns METRICS, NaN in empty cells. Fault if the file is missing or damaged."""
    types = {name: "int64" if name == "iteration" else "float64" for name in METRICS}
    return pd.DataFrame(read_rows(folder), columns=list(METRICS)).astype(types)


def read_rows(folder: Path) -> list[Row]:
    """The rows of metrics.csv. Fault if the file is missing or damaged."""
    path = folder / FILE
    with reading(path):
        return parse_metrics(read_limited(path))


def parse_metrics(content: bytes) -> list[Row]:
    """The rows of a metrics.csv. ValueError if it is cut, or if a row or a number has another form than written."""
    if not content.endswith(b"\n"):
        raise ValueError("its last line is cut" if content else "it is empty")
    try:
        header, *lines = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if missing := [name for name in METRICS if name not in header]:
        raise ValueError(f"missing columns: {', '.join(missing)}")
    rows = [_row(header, cells, f"line {number}") for number, cells in enumerate(lines, start=2)]
    iterations = [row["iteration"] for row in rows]
    if any(later <= earlier for earlier, later in zip(iterations, iterations[1:], strict=False)):
        raise ValueError("its iterations do not increase")
    return rows


def _row(header: list[str], cells: list[str], line: str) -> Row:
    if len(cells) != len(header):
        raise ValueError(f"{line} has {len(cells)} cells, but there are {len(header)} columns")
    row = {name: _number(name, cell, line) for name, cell in zip(header, cells, strict=True) if name in METRICS}
    if empty := [name for name in REQUIRED if row[name] is None]:
        raise ValueError(f"{line} has no {', '.join(empty)}")
    return row


def _number(name: str, cell: str, line: str) -> int | float | None:
    if not cell:
        return None
    if not NUMBER.fullmatch(cell) or (name == "iteration" and not cell.isdecimal()):
        raise ValueError(f"{line}: {name} is {cell[:30]!r}, which is not a number")
    value = int(cell) if name == "iteration" else float(cell)
    low, high = (0, 100) if name in PERCENT else (0, 2**63 - 1) if name == "iteration" else (-LARGEST, LARGEST)
    if not low <= value <= high:
        raise ValueError(f"{line}: {name} is {cell[:30]}, which is out of range")
    return value
