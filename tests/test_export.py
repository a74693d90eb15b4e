"""`repro export --csv|--sqlite|--parquet`: every run and every evaluation, and nothing else."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

Cli = Callable[..., Result]
Write = Callable[..., Path]


@pytest.fixture
def recorded(record: Write) -> None:
    record("original", 0, errors=[50, 40])
    record("original", 1, errors=[52, 42], scale="1/2")
    record("bn-after-add", 0, errors=[60, 45], status="interrupted", finished=None, final=None)
    record("original", 3, errors=[9, 8], scale="scratch 1")


def test_csv(recorded: None, cli: Cli, tmp_path: Path) -> None:
    assert cli("export", "--csv", "--out", str(tmp_path / "out")).exit_code == 0
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert list(zip(runs.arm, runs.scale, runs.status, strict=True)) == [
        ("bn-after-add", "1", "interrupted"),
        ("original", "1", "done"),
        ("original", "1/2", "done"),
    ]
    curves = pd.read_csv(tmp_path / "out" / "evaluations.csv")
    assert list(curves.test_error) == [60, 45, 50, 40, 52, 42]
    assert list(curves.columns[:4]) == ["experiment", "arm", "seed", "scale"]


def test_sqlite_replaces_an_earlier_export(recorded: None, cli: Cli, tmp_path: Path) -> None:
    for _ in range(2):
        assert cli("export", "--sqlite", "--out", str(tmp_path)).exit_code == 0
    with closing(sqlite3.connect(tmp_path / "repro.sqlite")) as connection:
        rows = connection.execute(
            "select count(*), min(e.test_error) from evaluations e join runs r using (experiment, arm, seed, scale)"
            " where r.status = 'done'"
        ).fetchall()
    assert rows == [(4, 40.0)]


def test_what_cannot_be_exported_is_told(recorded: None, cli: Cli, tmp_path: Path, small_root: Path) -> None:
    (tmp_path / "file").write_text("")
    for words, expected in {
        (): "allowed: --ro-crate, --csv, --sqlite, --parquet",
        ("--csv", "--scale", "1/2"): "leave out --csv or --scale",
        ("--csv", "--out", str(tmp_path / "file")): "cannot write to",
    }.items():
        result = cli("export", *words)
        assert result.exit_code == 2 and expected in result.stderr, words
    folder = small_root / "results" / "tiny" / "original" / "seed-0"
    (folder / "metrics.csv").write_text("iteration\n")
    result = cli("export", "--csv", "--out", str(tmp_path / "out"))
    assert result.exit_code == 1 and "damaged" in result.stderr
    assert len(pd.read_csv(tmp_path / "out" / "runs.csv")) == 3


def test_an_empty_root_has_nothing_to_export(cli: Cli) -> None:
    assert "no records" in cli("export", "--csv").stderr
