"""Runs side by side end as each would alone; the cores are shared out; `--jobs auto` takes what measures best."""

import io
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO, StopAfter, assert_same_bits, finish, small_run

from repro import records, spec
from repro.run import launch, plan, progress, resources
from repro.run.launch import tune
from repro.run.launch.interleaved import interleaved
from repro.run.launch.pool import RemoteStop, split_cores
from repro.step.method import Method
from repro.train.control import Progress, Settings, Stop

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def test_interleaved_runs_end_with_the_bits_of_each_alone(tmp_path: Path) -> None:
    runs = [small_run(seed=seed, iterations=20) for seed in range(3)]
    for run in runs:
        finish(run, tmp_path / f"alone-{run.seed}")
    tasks = [launch.Task(run, tmp_path / f"beside-{run.seed}") for run in runs]
    for task in tasks:
        task.folder.mkdir()
    events = list(interleaved(tasks, Settings(threads=1), Stop(), jobs=2))
    ended = [task.run.seed for task, event in events if isinstance(event, launch.Ending) and event.status == "done"]
    assert sorted(ended) == [0, 1, 2]
    order = [task.run.seed for task, _ in events]
    assert order[:4] == [0, 1, 0, 1], "two at a time, in turns"
    for run in runs:
        assert_same_bits(tmp_path / f"alone-{run.seed}", tmp_path / f"beside-{run.seed}")


def test_interleaved_runs_stop_together(tmp_path: Path) -> None:
    tasks = [launch.Task(small_run(seed=seed), tmp_path / str(seed)) for seed in range(3)]
    for task in tasks:
        task.folder.mkdir()
    stop, seen = Stop(), []
    for task, event in interleaved(tasks, Settings(threads=1), stop, jobs=2):
        stop.reason = "SIGINT"
        if isinstance(event, launch.Ending):
            seen.append((task.run.seed, event.status))
    assert seen == [(0, "interrupted"), (1, "interrupted")], "the third is not begun"


@pytest.mark.skipif(CORES < 2, reason="one core")
def test_cores_are_shared_out_without_overlap() -> None:
    shares = split_cores(2, CORES // 2)
    assert len(shares) == 2 and not set(shares[0]) & set(shares[1])
    assert all(len(share) == CORES // 2 for share in shares)


def test_nothing_is_pinned_where_the_cores_do_not_suffice() -> None:
    assert split_cores(CORES + 1, 1) == [[]] * (CORES + 1)


@pytest.mark.parametrize(
    ("device", "cores", "runs", "threads", "ways"),
    [
        ("cpu", 2, 10, None, [(1, 2), (2, 1)]),
        ("cpu", 16, 10, None, [(1, 16), (2, 8), (4, 4)]),
        ("cpu", 16, 20, None, [(1, 16), (2, 8), (4, 4), (16, 1)]),
        ("cpu", 2, 1, None, [(1, 2)]),
        ("cpu", 16, 20, 1, [(1, 1), (2, 1), (4, 1), (16, 1)]),
        ("cpu", 4, 20, 4, [(1, 4)]),
        ("cpu", 2, 20, 4, [(1, 4)]),
        ("cuda", 16, 5, None, [(1, 1), (2, 1), (4, 1)]),
    ],
)
def test_ways_that_auto_measures(
    device: str, cores: int, runs: int, threads: int | None, ways: list[tuple[int, int]]
) -> None:
    assert tune.candidates(device, cores, runs, threads) == ways


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_auto_leaves_out_what_there_is_no_memory_for(monkeypatch: pytest.MonkeyPatch, forked: None) -> None:
    """A measuring process that is killed closes its pipe."""
    monkeypatch.setattr(tune, "Learner", lambda *_: os._exit(9))
    assert tune.best(small_run(), Settings(), cores=2, runs=6) == (1, 2, "")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_measuring_process_that_dies_while_others_start_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forked: None
) -> None:
    """One is ready, waits to be told how long to measure, and is killed; the other is ready only then."""

    class Dying:
        method = Method()

        def __init__(self, *_: object) -> None:
            self.meters = self
            try:
                (tmp_path / "first").touch(exist_ok=False)
                threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
            except FileExistsError:
                time.sleep(0.8)

        def iterate(self) -> None:
            pass

        def read(self) -> None:
            pass

    monkeypatch.setattr(tune, "Learner", Dying)
    with pytest.raises(EOFError):
        tune.rate(small_run(), Settings(), jobs=2, threads=1, seconds=0.1)
    assert not multiprocessing.active_children()


def test_a_worker_whose_parent_has_gone_stops_with_a_checkpoint(tmp_path: Path) -> None:
    parents, workers = multiprocessing.Pipe()
    stop = RemoteStop(pipe=workers)
    assert not stop.requested()
    parents.close()
    assert finish(small_run(), tmp_path / "run", stop=stop)[-1].status == "interrupted"
    record = records.read_run(tmp_path / "run")
    assert record and record.reason == "the parent process is gone"


def test_auto_takes_the_fastest_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune, "rate", lambda run, settings, jobs, threads: tune.Rate({1: 3.0, 2: 4.5}[jobs], "fp32"))
    jobs, threads, message = tune.best(small_run(), Settings(), cores=2, runs=6)
    assert (jobs, threads) == (2, 1)
    assert message == "--jobs auto: using 2 (measured 3.0 it/s in total with 1 job, 4.5 it/s in total with 2 jobs)"


def test_rates_are_measured_in_processes(preloaded: object) -> None:
    rate = tune.rate(small_run(), Settings(step="plain"), jobs=1, threads=1, seconds=0.2)
    assert rate.iterations_per_second > 0 and rate.precision == "fp32"


def test_runs_of_one_process_are_measured_in_turns() -> None:
    """As on a GPU; here without its streams."""
    rate = tune.rate_in_turns(small_run(), Settings(step="plain"), 2, seconds=0.2, made_up_data=True)
    assert rate.iterations_per_second > 0 and rate.precision == "fp32"


def test_jobs_auto_trains(cli: Any, in_turns: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too short to be measured: a run per core."""
    monkeypatch.setattr(resources, "cores", lambda: 2)
    result = cli("run", "tiny", "--seeds", "1", "--jobs", "auto")
    assert result.exit_code == 0, result.output
    assert in_turns == [(2, 2)]


def test_a_long_run_tells_when_it_ends_and_what_scale_takes_an_hour() -> None:
    run = spec.resolve(spec.load("resnet-depth", REPO), [0], arms=["resnet110"])[0]
    slow = Progress(50, 64000, loss=2.0, iterations_per_second=0.25)

    def shown(run: spec.Run, *seen: Progress) -> str:
        stream = io.StringIO()
        with progress.Display([run], stream) as display:
            for each in seen:
                display.show(run, each)
        return stream.getvalue()

    hint = shown(run, Progress(0, 64000), slow, slow)
    assert "0.25 it/s" in hint and "in 2 d 23 h" in hint and hint.count("`--scale 1/72`") == 1
    assert shown(run, Progress(50, 64000, iterations_per_second=100.0)) == ""
    assert shown(run.model_copy(update={"scale": spec.DEMO}), slow) == "", "a demo is not shrunk"


def test_threads_follow_the_jobs() -> None:
    assert resources.threads_per_run(spec.FULL, jobs=1) == resources.cores()
    assert resources.threads_per_run(spec.DEMO, jobs=1) == 1


@pytest.mark.parametrize("jobs", [2, "auto"])
def test_threads_do_not_depend_on_what_is_done_already(
    small_root: Path, monkeypatch: pytest.MonkeyPatch, jobs: int | str
) -> None:
    monkeypatch.setattr(resources, "cores", lambda: 2)
    planned = plan.plan(small_root, "tiny", [], 2, spec.FULL)
    with progress.Display([]) as display:
        shares = [resources.allocate(planned, todo, jobs, Settings(), display) for todo in (planned, planned[3:])]
    assert shares == [(2, Settings(default_threads=1)), (1, Settings(default_threads=1))]


def test_a_run_goes_on_with_the_threads_it_was_begun_with(tmp_path: Path) -> None:
    """Another number would round differently; it may be asked for."""
    finish(small_run(), tmp_path / "run", Settings(threads=2), StopAfter(iterations=3))
    finish(small_run(), tmp_path / "run", Settings(default_threads=1), StopAfter(iterations=3))
    finish(small_run(), tmp_path / "run", Settings(threads=1))
    record = records.read_run(tmp_path / "run")
    assert record is not None and [session.threads for session in record.sessions] == [2, 2, 1]


class Scripted:
    """A launcher that trains nothing: each task ends as the script says, after the progress it names."""

    def __init__(self, **script: launch.Ending) -> None:
        self.script, self.asked = script, list[str]()

    def __call__(
        self, tasks: Sequence[launch.Task], settings: Settings, stop: Stop, jobs: int
    ) -> Iterator[launch.Event]:
        for task in tasks:
            if stop.requested():
                return
            self.asked.append(task.run.arm)
            yield task, Progress(1, task.run.recipe.schedule.iterations)
            yield task, self.script[task.run.arm.replace("-", "_")]


@pytest.mark.parametrize(
    "ends, code, told",
    [
        (("done", "done"), 0, ""),
        (("done", "diverged"), 0, ""),
        (("failed", "done"), 1, "tiny/original/seed-0 failed: why"),
        (("busy", "done"), 1, "tiny/original/seed-0 busy: why"),
        (("done", "refused"), 2, "tiny/bn-after-add/seed-0 refused: why"),
        (("refused", "failed"), 1, "tiny/original/seed-0 refused: why"),
    ],
)
def test_a_launcher_is_a_line_and_its_endings_make_the_exit_code(
    small_root: Path, cli: Any, monkeypatch: pytest.MonkeyPatch, ends: tuple[Any, Any], code: int, told: str
) -> None:
    """Whatever launcher trains the runs; one that fails costs the others nothing."""
    endings = {
        arm: launch.Ending(end, "why" * (end in ("failed", "busy", "refused")))
        for arm, end in zip(("original", "bn_after_add"), ends, strict=True)
    }
    scripted = Scripted(**endings)
    monkeypatch.setitem(launch.LAUNCHERS, "scripted", scripted)
    monkeypatch.setattr(launch, "choose", lambda device, jobs: "scripted")
    result = cli("run", "tiny")
    assert scripted.asked == ["original", "bn-after-add"]
    assert result.exit_code == code and told in result.stderr
