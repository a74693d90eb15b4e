"""repro.records: where a run's files lie, that writing them is safe, and what reading them back says."""

import importlib
import json
import os
import re
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.lib import format as npy

from repro import records, spec
from repro.data import catalog
from repro.errors import UserError
from repro.files import write_atomically
from repro.records.record import SCHEMA
from repro.spec import Scale

DIGITS = catalog.BUILT_IN["digits"].checksum

SESSION = {"commit": "abc", "dirty": None, "device": "cpu", "hardware": "a CPU", "precision": "fp32", "threads": 1}

Edit = Callable[..., Path]
Record = Callable[..., Path]


def run_of(root: Path, arm: str = "original", seed: int = 0, scale: Scale = spec.FULL) -> spec.Run:
    return spec.resolve(spec.load("tiny", root), [seed], arms=[arm], scale=scale)[0]


def load(root: Path, scale: Scale = spec.FULL) -> pd.DataFrame:
    frame, faults = records.load(root, spec.load("tiny", root), scale)
    assert not faults
    return frame


def fault(root: Path) -> str:
    """What is wrong with the one record, which is neither a row of a table nor done."""
    frame, faults = records.load(root, spec.load("tiny", root))
    kind, reason = state(root)
    assert (len(frame), kind, [str(fault) for fault in faults]) == (0, "damaged", [reason])
    return reason


def change(folder: Path, **keys: object) -> None:
    """Rewrite some of a record's keys."""
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


# --- layout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "below"),
    [
        ("1", "results/tiny/original/seed-3"),
        ("1/2", "results/scale-1-2/tiny/original/seed-3"),
        ("demo", "results/demo/tiny/original/seed-3"),
    ],
)
def test_each_scale_has_a_folder_of_its_own(small_root: Path, scale: str, below: str) -> None:
    assert records.run_folder(small_root, run_of(small_root, seed=3, scale=Scale.parse(scale))) == small_root / below


def test_scales_are_read_off_the_folders(small_root: Path, record: Record) -> None:
    assert records.scales(small_root) == [spec.FULL]
    for scale in ("demo", "1/2", "2/3"):
        record("original", 0, errors=[50.0], scale=scale)
    assert list(map(str, records.scales(small_root))) == ["1", "2/3", "1/2", "demo"], "the largest first"


# --- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """A full disk shows when data is flushed, or when the finished file gets its name."""
    path = tmp_path / "run.json"
    write_atomically(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if broken == "fsync" else Path, broken, full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    replace = Path.replace

    def watch(self: Path, target: Path) -> Path:
        seen.append((target.exists(), self.read_bytes()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watch)
    write_atomically(tmp_path / "a", b"content")
    assert seen == [(False, b"content")]
    assert (tmp_path / "a").read_bytes() == b"content"


def test_a_record_never_holds_what_json_cannot(tmp_path: Path, record: Record) -> None:
    """NaN is no JSON: other programs could not read such a record."""
    kept = records.read_run(record("original", 0, errors=[50.0]))
    assert kept
    with pytest.raises(ValueError, match="finite number"):
        kept.replace(wall_seconds=float("nan"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        records.write_run(tmp_path, kept.model_copy(update={"wall_seconds": float("nan")}))
    (tmp_path / "run.json").write_text(json.dumps({"schema": SCHEMA, "final": None}))
    with pytest.raises(UserError, match="not a valid record: missing experiment, arm"):
        records.read_run(tmp_path)


def test_predictions_come_back_as_written(tmp_path: Path) -> None:
    top1, label = np.array([0, 9, 255]), np.array([1, 9, 3])
    records.write_predictions(tmp_path, top1, label)
    read = records.read_predictions(tmp_path)
    assert [array.dtype for array in read] == [np.uint8, np.uint8]
    assert [array.tolist() for array in read] == [[0, 9, 255], [1, 9, 3]]


def test_metrics_come_back_as_written(small_root: Path, record: Record) -> None:
    metrics = records.read_metrics(record("original", 0, errors=[50.0, 40.0]))
    assert tuple(metrics.columns) == records.METRICS
    assert metrics.iteration.tolist() == [6, 12]
    assert metrics.test_error.tolist() == [50.0, 40.0]
    assert metrics.validation_error.isna().all()


def test_results_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file in the folder's place")
    for folder in (tmp_path / "results", tmp_path / "results" / "demo"):
        with pytest.raises(UserError, match=rf"cannot write results to {folder}: .*; nothing was trained"):
            records.check_writable(folder)


def test_the_check_for_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    records.check_writable(tmp_path / "results" / "demo")
    assert os.listdir(tmp_path / "results" / "demo") == []


HOLDER = """
import sys
from pathlib import Path
from repro import records
with records.locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.fault(
    "a second process wants a run that is being trained",
    "it is refused until the first dies",
)
def test_a_lock_keeps_a_second_process_off_until_the_first_dies(tmp_path: Path) -> None:
    folder = tmp_path / "seed-0"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout and holder.stdout.readline() == "held\n"
            with pytest.raises(records.Busy, match=f"{folder} is being trained by another process"):
                with records.locked(folder):
                    pytest.fail("two processes hold one run")
        finally:
            holder.kill()  # as a crash does: nothing is released in good order
    with records.locked(folder):
        pass


def test_a_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), records.locked(tmp_path):
        _ = 1 / 0
    with records.locked(tmp_path):
        pass


def test_set_aside_keeps_everything_under_names_of_its_own(small_root: Path, record: Record) -> None:
    names = []
    for errors in ([50.0], [40.0]):
        folder = record("original", 0, errors=errors)
        names.append(records.set_aside(folder, "0123456789abcdef").name)
        assert [path.name for path in folder.iterdir()] == []
        folder.rmdir()
    assert names == ["seed-0.stale-0123456789abcdef", "seed-0.stale-0123456789abcdef-2"]
    kept = [records.read_run(folder.with_name(name)) for name in names]
    assert [record and record.final.test_error for record in kept] == [50.0, 40.0]


# --- states ----------------------------------------------------------------------------------------------------------


def state(root: Path, checksum: str = DIGITS) -> tuple[str, str]:
    found = records.state(root, run_of(root), checksum)
    return found.kind, found.reason


def test_states_of_a_run(small_root: Path, record: Record) -> None:
    assert state(small_root) == ("new", "no record")
    folder = record("original", 0, errors=[50.0])
    assert state(small_root) == ("done", "finished 2026-01-01T00:00:00+00:00 in fp32")
    change(folder, status="diverged")
    assert state(small_root)[0] == "diverged"
    for status in ("running", "interrupted", "failed"):
        change(folder, status=status, iteration=7)
        assert state(small_root) == ("resume", f"{status} at iteration 7 of 12")


def test_stale_says_what_changed_in_the_recipe(small_root: Path, record: Record, edit: Edit) -> None:
    record("original", 0, errors=[50.0])
    edit({"lr = 0.05": "lr = 0.06"})
    assert state(small_root) == ("stale", "optimizer.lr 0.05, today 0.06")
    edit({"drops = [6, 9]": "drops = [6, 10]", "width = 4": "width = 8", "momentum = 0.9": "momentum = 0.8"})
    kind, reason = state(small_root)
    assert kind == "stale"
    assert (
        reason == "model.width 4, today 8; optimizer.lr 0.05, today 0.06; optimizer.momentum 0.9, today 0.8; and 1 more"
    )


def test_stale_says_that_the_data_changed(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[50.0])
    assert state(small_root, "other") == ("stale", f"data checksum {DIGITS}, today other")


def test_stale_says_that_the_recipe_version_changed(
    small_root: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record("original", 0, errors=[50.0])
    now = spec.RECIPE_VERSION + 1
    monkeypatch.setattr(importlib.import_module("repro.spec.resolve"), "RECIPE_VERSION", now)
    monkeypatch.setattr(importlib.import_module("repro.records.states"), "RECIPE_VERSION", now)
    assert state(small_root) == ("stale", f"recipe version {now - 1}, today {now}")


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_record_of_a_newer_schema_is_refused_with_advice(small_root: Path, record: Record) -> None:
    folder = record("original", 0, errors=[50.0])
    change(folder, schema=SCHEMA + 1)
    expected = rf"{folder}/run\.json has record schema {SCHEMA + 1}.*up to {SCHEMA}: upgrade repro"
    assert re.fullmatch(expected, fault(small_root))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"3",
        b'{"schema": "two"}',
        b'{"schema": 1}',
        b'{"schema": 1, "sessions": []}',
        b"\xff\xfe",
    ]
    + [
        b"[" * 10**5,
        b'{"schema": 2, "arm": "\\ud800"}',
        b'{"schema": 2, "x": 1e999}',
        b'{"schema": %s}' % (b"9" * 5000),
    ],
    ids=lambda content: repr(content[:40]),
)
def test_a_damaged_record_is_told_with_its_path(small_root: Path, record: Record, content: bytes) -> None:
    folder = record("original", 0, errors=[50.0])
    (folder / "run.json").write_bytes(content)
    assert fault(small_root).startswith(f"{folder}/run.json cannot be read as a record: ")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sessions": []}, r"sessions = \[\]: tuple should have at least 1 item"),
        ({"final": [1]}, r"final = \[1\]: "),
        ({"final": {}}, r"missing final\.iteration, final\.test_error, final\.train_error"),
        ({"final": {"iteration": 12, "test_error": "50", "train_error": 1.0}}, r"final\.test_error = 50: "),
        ({"run": {}}, r"missing run\.recipe"),
        ({"seed": "0"}, r"seed = 0: "),
        ({"seed": -1}, r"seed = -1: "),
        ({"seed": 10**30}, r"seed = 1000000000000000000000000000000: "),
        ({"wall_seconds": 1e300}, r"wall_seconds = 1e\+300: "),
        ({"finished": "yesterday"}, r"finished = yesterday: invalid isoformat"),
        ({"finished": "2026-01-01T00:00:00"}, r"finished = 2026-01-01T00:00:00: a time needs its offset from UTC"),
        (
            {"status": "gone"},
            r"status = gone: input should be 'running', 'interrupted', 'failed', 'done' or 'diverged'",
        ),
        ({"sessions": [{}]}, r"missing sessions\.0\.commit, sessions\.0\.dirty, sessions\.0\.device"),
        (
            {"sessions": [SESSION | {"hardware": ""}]},
            r"sessions\.0\.hardware = : string should have at least 1 character",
        ),
        ({"wall_seconds": None}, r"wall_seconds = None: "),
        ({"final": None}, r"a run with status 'done' must have final, best and finished"),
        ({"final": {"iteration": 12, "test_error": -5.0, "train_error": 1.0}}, r"final\.test_error = -5\.0: "),
    ],
    ids=str,
)
def test_a_record_that_is_wrong_inside_is_told_with_its_key(
    small_root: Path, record: Record, changes: dict[str, Any], told: str
) -> None:
    folder = record("original", 0, errors=[50.0])
    change(folder, **changes)
    assert re.match(rf"{folder}/run\.json is not a valid record: {told}", fault(small_root))


@pytest.mark.parametrize(
    "changes", [{"seed": 7}, {"arm": "bn-after-add"}, {"experiment": "x"}, {"scale": "1/2"}], ids=str
)
def test_a_record_in_another_runs_folder_is_refused(small_root: Path, record: Record, changes: dict[str, Any]) -> None:
    """A folder that was copied would count as one more seed."""
    folder = record("original", 0, errors=[50.0])
    change(folder, **changes)
    assert re.match(rf"{folder}/run\.json is the record of .*: move it to its own folder$", fault(small_root))


DAMAGED = {
    "metrics.csv": [None, b"", b"\xff\xfe\xff", b"a,b\n1,2\n", "iteration to words"],
    "predictions.npz": [None, b"", b"garbage", b"PK\x03\x04", "shapes", "types"],
}


@pytest.mark.parametrize(("name", "content"), [(n, c) for n, every in DAMAGED.items() for c in every], ids=str)
def test_a_damaged_file_beside_the_record_is_told_with_its_path(
    small_root: Path, record: Record, name: str, content: bytes | str | None
) -> None:
    folder = record("original", 0, errors=[50.0])
    records.write_predictions(folder, np.zeros(3), np.zeros(3))
    path = folder / name
    if content is None:
        path.unlink()
    elif content == "shapes":
        records.write_predictions(folder, np.zeros(3), np.zeros(4))
    elif content == "types":
        np.savez(path, top1=np.array([1.5]), label=np.array(["a"]))
    elif isinstance(content, str):
        path.write_text(path.read_text().replace("\n12,", "\nabc,"))
        assert "abc" in path.read_text()
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{path} cannot be read: "):
        records.read_metrics(folder) if name == "metrics.csv" else records.read_predictions(folder)


def test_predictions_damaged_anywhere_are_told_or_read(tmp_path: Path) -> None:
    """A byte changed anywhere: no other error than one that names the file."""
    records.write_predictions(tmp_path, np.arange(10), np.arange(10))
    path = tmp_path / "predictions.npz"
    whole, told = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x15]) + whole[place + 1 :])
        try:
            records.read_predictions(tmp_path)
        except UserError as error:
            assert str(path) in str(error)
            told += 1
    assert told > len(whole) / 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "version, images, claimed", [((1, 0), 100 << 20, 100 << 20), ((1, 0), 100 << 20, 360), ((2, 0), 100 << 20, 360)]
)
def test_predictions_that_would_fill_the_memory_are_not_read(
    tmp_path: Path, version: tuple[int, int], images: int, claimed: int
) -> None:
    """An archive of 0.2 MB that holds 200 MB, with a header that says so, or not, or is itself that long."""
    with zipfile.ZipFile(tmp_path / "predictions.npz", "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("top1.npy", "label.npy"):
            with file.open(name, "w") as member:
                if version == (1, 0):
                    header = {"descr": "|u1", "fortran_order": False, "shape": (claimed,)}
                    npy.write_array_header_1_0(member, header)
                else:
                    member.write(npy.magic(*version) + images.to_bytes(4, "little"))
                for _ in range(images >> 20):
                    member.write(bytes(1 << 20))
    assert (tmp_path / "predictions.npz").stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"predictions\.npz cannot be read: top1 "):
            records.read_predictions(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_metrics_without_a_row_are_read(tmp_path: Path) -> None:
    records.write_metrics(tmp_path, [])
    assert len(records.read_metrics(tmp_path)) == 0


def test_no_results_no_rows(small_root: Path) -> None:
    frame = load(small_root)
    assert len(frame) == 0
    assert {"experiment", "arm", "seed", "status", "stale", "test_error", "peek_bias"} <= set(frame.columns)


def test_load_gives_a_row_a_run_in_order(small_root: Path, record: Record) -> None:
    record("original", 10, errors=[60.0, 45.0, 50.0], session={"commit": "abc", "dirty": "changes"})
    record("original", 2, errors=[50.0, 41.0])
    record("bn-after-add", 0, errors=[70.0, 65.0])
    record("original", 0, errors=[1.0], scale="1/2")  # another scale, another table
    frame = load(small_root)
    assert list(zip(frame.experiment, frame.arm, frame.seed, strict=True)) == [
        ("tiny", "bn-after-add", 0),
        ("tiny", "original", 2),
        ("tiny", "original", 10),
    ]
    last = frame.iloc[2]
    assert (last.test_error, last.best_test_error, last.best_iteration, last.peek_bias) == (50.0, 45.0, 8, -5.0)
    assert (last.iteration, last.iterations, last.parameters, last.wall_seconds) == (12, 12, 4934, 90.0)
    assert last.train_error == pytest.approx(40.0)
    assert (last.status, last.stale, last.device, last.hardware) == ("done", "", "cpu", "a processor")
    assert frame.dirty.tolist() == [False, False, True]
    assert len(load(small_root, Scale.of("1/2"))) == 1


def test_columns_have_the_types_that_sums_need(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[60.0, 50.0])
    record("original", 1, errors=[60.0], status="running", final=None, best=None)
    types = load(small_root).dtypes
    for column in ("seed", "iteration", "iterations", "parameters", "sessions"):
        assert types[column].kind == "i", column
    for column in ("test_error", "best_test_error", "peek_bias", "train_error", "wall_seconds"):
        assert types[column].kind == "f", column
    assert types["dirty"].kind == "b"


def test_a_run_is_dirty_where_any_of_its_sessions_was(small_root: Path, record: Record) -> None:
    session = {"commit": "abc", "device": "cpu", "hardware": "a processor", "precision": "fp32", "threads": 1}
    record("original", 0, errors=[50.0], sessions=[session | {"dirty": "changes"}, session | {"dirty": None}])
    record("original", 1, errors=[50.0], sessions=[session | {"dirty": None}, session | {"dirty": None}])
    frame = load(small_root)
    assert frame.dirty.tolist() == [True, False]
    assert frame.sessions.tolist() == [2, 2]


def test_a_run_that_was_gone_on_with_elsewhere_names_both_places(small_root: Path, record: Record) -> None:
    session = {"commit": "abc", "dirty": None, "device": "cpu", "precision": "fp32"}
    places = [("a GPU", 1), ("a GPU", 1), ("a processor", 2)]
    sessions = [session | {"hardware": hardware, "threads": threads} for hardware, threads in places]
    record("original", 0, errors=[50.0], sessions=sessions)
    (row,) = load(small_root).to_dict("records")
    assert (row["hardware"], row["threads"], row["precision"]) == ("a GPU then a processor", "1 then 2", "fp32")
    assert row["commit"] == "abc"


def test_an_unfinished_run_has_no_errors_yet(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[50.0], status="running", final=None, best=None, finished=None, iteration=3)
    (row,) = load(small_root).to_dict("records")
    assert (row["status"], row["iteration"]) == ("running", 3)
    assert all(row[key] is None or np.isnan(row[key]) for key in ("test_error", "best_test_error", "peek_bias"))


def test_load_says_why_a_record_is_stale(small_root: Path, record: Record, edit: Edit) -> None:
    record("original", 0, errors=[50.0])
    record("bn-after-add", 0, errors=[50.0])
    assert load(small_root).stale.tolist() == ["", ""]
    edit({'block = "bn-after-add" }': 'block = "full-preact" }'})
    assert load(small_root).stale.tolist() == ['model.block "bn-after-add", today "full-preact"', ""]
    edit({'name = "bn-after-add"': 'name = "moved"', '["original", "bn-after-add"]': '["original", "moved"]'})
    assert load(small_root).stale.tolist() == ["the spec no longer has an arm 'bn-after-add'", ""]


def test_folders_set_aside_and_strangers_are_not_read(small_root: Path, record: Record) -> None:
    folder = record("original", 0, errors=[50.0])
    records.set_aside(folder, "0123456789abcdef")
    record("original", 1, errors=[40.0])
    (folder.parent / "seed-x").mkdir()
    (folder.parent / "seed-x" / "run.json").write_text("{}")
    (folder.parent / "seed-7").mkdir()  # a run that has not begun: no record
    assert load(small_root).seed.tolist() == [1]


def test_strays_are_named(small_root: Path, record: Record) -> None:
    """What is no folder of a run, where one is expected; and nothing that is."""
    for scale in ("1", "1/2", "demo"):
        record("original", 0, errors=[50.0], scale=scale)
    records.set_aside(record("original", 1, errors=[50.0]), "0123456789abcdef")
    (small_root / "results" / "reviews.json").write_text("{}")
    (small_root / "results" / ".gitkeep").touch()
    assert records.strays(small_root) == []
    results = small_root / "results"
    for name in ("gone/original/seed-0", "scale-abc/tiny", "scale-2-4/tiny", "tiny/original/seed-x", "demo/gone"):
        (results / name).mkdir(parents=True)
    for name in ("tiny/original/seed-8", "tiny/notes", "scale-1-2/tiny/original/readme.md", "total.csv"):
        (results / name).touch()
    (results / "scale-1-3").write_text("")
    found = {fault.path.relative_to(results).as_posix(): fault.reason for fault in records.strays(small_root)}
    folder_of = "is not read: it is not the folder of an experiment"
    inside = {
        "scale-1-2/tiny/original/readme.md": "is not read: the folder of a run is called seed-N",
        "tiny/notes": "is not read: it is a file in the place of a folder",
        "tiny/original/seed-8": "is not read: it is a file in the place of a folder",
        "tiny/original/seed-x": "is not read: the folder of a run is called seed-N",
    }
    others = dict.fromkeys(("gone", "scale-1-3", "scale-2-4", "scale-abc", "total.csv"), f"{folder_of} or a scale")
    assert found == inside | others | {"demo/gone": folder_of}
    assert {fault.path.relative_to(results).as_posix() for fault in records.strays(small_root, ["tiny"])} == {*inside}
    assert records.scales(small_root) == [spec.FULL, Scale.of("1/2"), spec.DEMO]
    assert load(small_root).seed.tolist() == [0]
