"""The pool of workers: one that dies costs its run a second start, a second death the run, and the others nothing."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import REPO, assert_same_bits, finish, small_run

from repro import records, spec
from repro.run import launch
from repro.run.launch.pool import pool
from repro.run.launch.task import record_death
from repro.train.control import Progress, Settings, Stop

Edit = Callable[..., Path]
PATIENCE = 180  # seconds for processes to start or end, on a machine that has much else to do
KILLED = "its worker process died of SIGKILL"


def wait_for(ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kill_workers() -> None:
    for worker in multiprocessing.active_children():
        worker.kill()


def tasks_of(root: Path) -> list[launch.Task]:
    runs = spec.resolve(spec.load("tiny", root), [0])
    return [launch.Task(run, records.run_folder(root, run)) for run in runs]


def endings(events: Iterator[launch.Event]) -> dict[str, launch.Ending]:
    found: dict[str, launch.Ending] = {}
    for task, event in events:
        if isinstance(event, launch.Ending):
            assert task.run.name not in found, "each run ends once"
            found[task.run.name] = event
    assert not multiprocessing.active_children()
    return found


@pytest.mark.slow
@pytest.mark.fault(
    "a worker dies",
    "its run is started once more; the same bits",
)
def test_a_run_whose_worker_dies_once_ends_with_the_same_bits(tmp_path: Path, preloaded: object) -> None:
    run, settings = small_run(), Settings(threads=1, checkpoint_every=5, checkpoint_seconds=0)
    finish(run, tmp_path / "alone", settings)
    task, notes = launch.Task(run, tmp_path / "run"), []
    killed = False
    for _, event in pool([task], settings, Stop(), jobs=1):
        if isinstance(event, Progress):
            notes += [event.note] if event.note else []
            if not killed and event.iteration >= 16:
                killed = True
                kill_workers()
        else:
            assert event.status == "done"
    assert killed and f"{KILLED}; starting another one" in notes
    assert_same_bits(tmp_path / "alone", task.folder)
    record = records.read_run(task.folder)
    assert record and len(record.sessions) == 2


@pytest.mark.slow
@pytest.mark.fault(
    "a worker dies twice",
    "its run fails with a log; the others end",
)
def test_a_second_death_costs_the_run_alone_and_a_stop_that_comes_late_costs_none(
    small_root: Path, edit: Edit, preloaded: object
) -> None:
    """The first run's workers are killed, as the system does when memory is short; another one takes the second run.
    That run is done, unknown to the parent, when a stop is asked for: its worker has gone when it is dismissed.

    The first worker is killed while it starts, and at the latest when it trains."""
    edit({'label = "Original"': 'label = "Original"\nschedule = { iterations = 1000000 }'})
    first, second = tasks_of(small_root)
    stop, outcomes = Stop(), {}

    def done() -> bool:
        record = records.read_run(second.folder)
        return record is not None and record.status == "done"

    threading.Timer(0.2, lambda: None if outcomes else kill_workers()).start()
    for task, event in pool([first, second], Settings(threads=1), stop, jobs=1):
        if isinstance(event, launch.Ending):
            outcomes[task.run.arm] = event
        elif task is first:
            kill_workers()
        elif not stop.reason:
            wait_for(done)
            time.sleep(0.5)
            stop.reason = "SIGINT"
        else:
            wait_for(lambda: not multiprocessing.active_children())
    log = first.folder / "run.log"
    assert outcomes == {"original": launch.Ending("failed", KILLED, log), "bn-after-add": launch.Ending("done")}
    assert log.read_text().endswith(f"{KILLED}\n")
    record = records.read_run(first.folder)
    assert record is None or (record.status, record.reason) == ("failed", KILLED)


def test_a_death_does_not_touch_the_stale_record_that_the_run_was_to_replace(
    record: Callable[..., Path], small_root: Path
) -> None:
    folder = record("original", 0, errors=[50.0], fingerprint="0" * 16)
    before = (folder / "run.json").read_bytes()
    assert record_death(tasks_of(small_root)[0], "died") == folder / "run.log"
    assert (folder / "run.json").read_bytes() == before
    with records.locked(folder):
        assert record_death(tasks_of(small_root)[0], "died") is None, "another process has it by now"


def test_where_no_process_can_be_started_the_runs_fail(small_root: Path) -> None:
    """No file can be opened any more, so no pipe."""
    tasks, limits = tasks_of(small_root), resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir("/proc/self/fd" if Path("/proc").is_dir() else "/dev/fd")))
    fillers = [os.open(os.devnull, os.O_RDONLY) for _ in range(used)]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(fillers) + 1, limits[1]))
        found = endings(pool(tasks, Settings(threads=1), Stop(), jobs=2))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for filler in fillers:
            os.close(filler)
    assert len(found) == 2
    assert {ending.message for ending in found.values()} == {"cannot start a worker process: Too many open files"}


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.5, 1.5])
@pytest.mark.fault(
    "SIGKILL of a worker in its first moments",
    "its run is started once more; the others end",
)
def test_a_worker_killed_early(small_root: Path, seconds: float) -> None:
    """While Python starts, while it imports torch, before and after it has read its task."""

    def kill_first() -> None:
        wait_for(multiprocessing.active_children)
        first = multiprocessing.active_children()[0]
        time.sleep(seconds)
        first.kill()

    killer = threading.Thread(target=kill_first)
    killer.start()
    found = endings(pool(tasks_of(small_root), Settings(threads=1), Stop(), jobs=2))
    killer.join()
    assert [ending.status for ending in found.values()] == ["done", "done"]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 1.0])
@pytest.mark.fault(
    "Ctrl-C while workers start",
    "exit code 130, no traceback, nothing left running",
)
def test_ctrl_c_while_the_workers_start(small_root: Path, edit: Edit, seconds: float) -> None:
    """A terminal sends it to all of them."""
    edit({"iterations = 12, drops = [6, 9]": "iterations = 100000"})
    command = [sys.executable, "-m", "repro", "--root", str(small_root), "run", "tiny", "--jobs", "2", "--threads", "1"]
    process = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for(lambda: len(workers.read_text().split()) >= 3)  # and multiprocessing's own process
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "Traceback" not in errors, errors
    assert "Stopped (SIGINT) with 2 runs left." in errors
