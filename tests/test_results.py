"""repro.records.results: its filters, what is read and how often, and which experiments a command is about."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from repro import records
from repro.records import frame, results
from repro.records.results import Results
from repro.show import report
from repro.spec import FULL, Scale

Record = Callable[..., Path]
DIRTY = {"dirty": "0123456789abcdef"}


def seeds(filtered: Results) -> list[int]:
    return filtered.runs.seed.tolist()


def test_a_filter_leaves_out_runs_and_nothing_else(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[50.0])
    record("original", 1, errors=[90.0], status="diverged")
    record("original", 2, errors=[50.0], status="interrupted")
    record("original", 3, errors=[50.0], fingerprint="0" * 16)
    record("original", 4, errors=[50.0], session=DIRTY)
    record("original", 5, errors=[50.0], session={"precision": "bf16"})
    every = Results.load(small_root, "tiny")
    assert seeds(every) == [0, 1, 2, 3, 4, 5]
    assert seeds(every.clean()) == [0, 1, 2, 3, 5]
    assert seeds(every.usable()) == [0, 1, 4, 5]
    assert seeds(every.counted()) == [0, 1, 4], "fp32 has most seeds"
    assert seeds(every.clean().counted()) == [0, 1]
    assert seeds(every.in_precision({"original": "bf16"})) == [5]
    assert seeds(every.for_arms(["bn-after-add"])) == []
    assert [run.seed for run in every.counted().done()] == [0, 4]
    assert every.uncommitted() == ("results/tiny/original/seed-4",)
    assert every.clean().uncommitted() == ()
    assert every.counted().experiment is every.experiment


def test_without_runs_every_filter_gives_none(small_root: Path) -> None:
    none = Results.load(small_root, "tiny")
    for filtered in (none.clean(), none.usable(), none.counted(), none.for_arms(["original"])):
        assert seeds(filtered) == []
    assert none.leading_precision("original") is None


def test_files_are_read_when_asked_for_and_once(small_root: Path, record: Record) -> None:
    folder = record("original", 0, errors=[50.0, 40.0])
    every = Results.load(small_root, "tiny")  # though there are no predictions yet
    records.write_predictions(folder, np.array([1, 2]), np.array([1, 1]))
    (run,) = every.done()
    assert every.metrics(run).test_error.tolist() == [50.0, 40.0]
    assert every.counted().predictions(run)[0].tolist() == [1, 2]
    for name in records.RESULTS:
        (folder / name).unlink()
    assert every.clean().metrics(run) is every.metrics(run)
    assert every.predictions(run)[1].tolist() == [1, 1]


def test_a_command_without_names_is_about_what_has_records(small_root: Path, record: Record) -> None:
    tiny = small_root / "experiments" / "tiny.toml"
    (tiny.parent / "other.toml").write_text(tiny.read_text().replace('name = "tiny"', 'name = "other"'))

    def names(*asked: str, scale: Scale = FULL) -> list[str]:
        return [found.name for found in results.select(small_root, list(asked), scale)]

    assert names() == ["other", "tiny"], "where none has records, all"
    record("original", 0, errors=[50.0])
    assert names() == ["tiny"]
    assert names("other") == ["other"]
    assert names(scale=Scale.of("1/2")) == ["other", "tiny"]


def test_a_report_reads_each_record_once(small_root: Path, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    for scale in ("1", "1/2"):
        for seed in range(2):
            record("original", seed, errors=[50.0, 40.0], scale=scale, session=DIRTY if seed else None)
    read: Counter[Path] = Counter()

    def counting(folder: Path) -> dict | None:
        read[folder] += 1
        return whole(folder)

    whole = frame.read_run
    monkeypatch.setattr(frame, "read_run", counting)
    report.markdown(small_root)
    assert len(read) == 4 and set(read.values()) == {1}
