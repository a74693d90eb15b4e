"""repro.files with several processes: writers do not collide, and what a killed one leaves is in nobody's way."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import REPO, StopAfter, finish, small_run

from repro import records
from repro.train import checkpoint

WRITE = """
import sys
from pathlib import Path
from repro.files import write_atomically
path, letter, times, size = Path(sys.argv[1]), sys.argv[2].encode(), int(sys.argv[3]), int(sys.argv[4])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(times):
    write_atomically(path, letter * size)
"""


def writer(path: Path, letter: str, times: int, size: int) -> subprocess.Popen[str]:
    """A process that writes a file of one letter, again and again, once it is told to."""
    command = [sys.executable, "-c", WRITE, str(path), letter, str(times), str(size)]
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.fault(
    "two processes write one file",
    "whole contents of one of them; no error",
)
def test_two_processes_may_write_one_file(tmp_path: Path) -> None:
    path, size = tmp_path / "run.json", 20_000
    processes = [writer(path, letter, times=500, size=size) for letter in "ab"]
    for process in processes:
        start(process)
    whole = {b"a" * size, b"b" * size}
    seen = set()
    while any(process.poll() is None for process in processes):
        if path.exists():
            seen.add(path.read_bytes())
    assert [process.wait() for process in processes] == [0, 0]
    assert seen and seen <= whole and path.read_bytes() in whole
    assert [found.name for found in tmp_path.iterdir()] == ["run.json"]
    for process in processes:
        process.communicate()


@pytest.mark.fault(
    "a process killed while it writes",
    "its leftover is removed by the next holder of the lock",
)
def test_what_a_killed_process_leaves_is_removed_by_the_next_that_has_the_lock(tmp_path: Path) -> None:
    for _ in range(20):
        process = writer(tmp_path / "run.json", "a", times=10_000, size=5_000_000)
        start(process)
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if left := list(tmp_path.glob("run.json.*.part")):
            break
    assert left, "it was killed while it wrote"
    ignored = subprocess.run(["git", "check-ignore", "results/a/b/seed-0/" + left[0].name], cwd=REPO)
    assert ignored.returncode in (0, 128), "git ignores it; 128: not in a checkout"
    with records.locked(tmp_path):
        assert not list(tmp_path.glob("*.part"))


def test_nothing_is_removed_without_the_lock(tmp_path: Path) -> None:
    with records.locked(tmp_path):
        (tmp_path / "run.json.0123456789abcdef.part").touch()
        with pytest.raises(records.Busy), records.locked(tmp_path):
            pass
        assert (tmp_path / "run.json.0123456789abcdef.part").exists(), "it is being written"


@pytest.mark.fault(
    "folders and links where a temporary file would be",
    "the run goes on",
)
def test_folders_and_links_in_a_temporarys_place_do_not_stop_a_run(tmp_path: Path) -> None:
    """Of the fixed names that there once were, and of those that there are."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "outside").write_text("kept")
    for name in ("run.json.part", "checkpoint.pt.new", "checkpoint.pt.new.part"):
        (folder / name).mkdir()
        (folder / name / "file").touch()
    for name in ("metrics.csv.part", "predictions.npz.part", "run.json.0123456789abcdef.part"):
        (folder / name).symlink_to("outside")
    with records.locked(folder):
        assert finish(small_run(iterations=20), folder, stop=StopAfter(iterations=10))[-1].note == ""
        assert (folder / checkpoint.CURRENT).is_file()
        assert finish(small_run(iterations=20), folder)[-1].status == "done"
    assert (folder / "outside").read_text() == "kept"
    assert not [path for path in folder.iterdir() if path.is_symlink()]
