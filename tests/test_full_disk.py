"""A full disk: what is said of each file that cannot be written, and that the same command goes on once there is room.

Files are made to fail without root: /dev/full has no room for one file, and a limit on their size none for large ones.
"""

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from helpers import StopAfter, finish, small_run

from repro import records
from repro.train import checkpoint

Cli = Callable[..., Result]
RUN = ("run", "tiny", "--arm", "original", "--device", "cpu", "--threads", "1", "--checkpoint-every", "6")

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """In here, no file grows beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def folder(small_root: Path) -> Path:
    folder = small_root / "results" / "tiny" / "original" / "seed-0"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("name", ["metrics.csv", "predictions.npz"])
def test_a_file_that_cannot_be_written_is_named(folder: Path, cli: Cli, name: str) -> None:
    """A folder stands in its place."""
    (folder / name).mkdir()
    done = cli(*RUN)
    assert done.exit_code == 1
    assert (
        f"tiny/original/seed-0 failed: IsADirectoryError: [Errno 21] Is a directory: '{folder / name}'" in done.stderr
    )
    log = (folder / "run.log").read_text()
    assert f"; log: {folder / 'run.log'}" in done.stderr and f"Is a directory: '{folder / name}'" in log
    record = records.read_run(folder)
    assert record and (record.status, record.reason) == ("failed", "IsADirectoryError: Is a directory")
    (folder / name).rmdir()
    assert cli(*RUN).exit_code == 0
    record = records.read_run(folder)
    assert record and record.status == "done" and records.faults(folder, record) == []


def test_a_log_without_room_is_not_named(folder: Path, cli: Cli) -> None:
    (folder / "metrics.csv").mkdir()
    (folder / "run.log").symlink_to("/dev/full")
    done = cli(*RUN)
    assert done.exit_code == 1 and f"Is a directory: '{folder / 'metrics.csv'}'" in done.stderr
    assert "log:" not in done.stderr and not (folder / "run.log").is_symlink()


def test_what_fits_of_a_log_is_named(folder: Path, cli: Cli) -> None:
    with files_up_to(500):
        done = cli(*RUN)
    assert done.exit_code == 1 and f"File too large: '{folder / 'run.json'}'; log: {folder / 'run.log'}" in done.stderr
    assert (folder / "run.log").stat().st_size == 500


def test_no_room_at_all_is_found_before_training(folder: Path, cli: Cli) -> None:
    with files_up_to(0):
        done = cli(*RUN)
    assert done.exit_code == 2
    assert f"cannot write results to {folder.parents[2]}: File too large; nothing was trained" in done.stderr


def test_no_checkpoint_is_promised_that_is_not_there(folder: Path, cli: Cli) -> None:
    """Training goes on without; its numbers are complete."""
    with files_up_to(10_000):
        done = cli(*RUN)
    assert done.exit_code == 0
    told = f"cannot write {folder / checkpoint.CURRENT}: File too large; there is no checkpoint yet"
    assert f"iteration 6: {told}" in done.stderr and f"iteration 12: {told}" in done.stderr
    record = records.read_run(folder)
    assert record and record.status == "done" and records.faults(folder, record) == []
    assert not list(folder.glob("checkpoint*"))


def test_a_stop_without_room_says_where_a_resumed_run_would_begin(tmp_path: Path) -> None:
    run, folder = small_run(), tmp_path / "run"
    with files_up_to(10_000):
        *_, told, last = finish(run, folder, stop=StopAfter(iterations=5))
    assert told.note.startswith("iteration 5: cannot write") and told.note.endswith("there is no checkpoint yet")
    assert last.status == "interrupted" and iteration(folder) == 0
    finish(run, folder, stop=StopAfter(iterations=12))
    assert iteration(folder) == 12
    with files_up_to(10_000):
        *_, told, last = finish(run, folder, stop=StopAfter(iterations=3))
    assert told.note.startswith("iteration 15: cannot write")
    assert told.note.endswith("the last checkpoint is of iteration 12") and iteration(folder) == 12
    assert finish(run, folder)[-1].status == "done"


def iteration(folder: Path) -> int:
    recorded: int = json.loads((folder / "run.json").read_text())["iteration"]
    return recorded
