"""repro bench --ways and --ways auto: what is measured comes at once, what hangs or dies costs no other way its own."""

import json
import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from helpers import small_run

from repro import spec
from repro.errors import UserError
from repro.run import plan, resources, ways
from repro.run.launch import tune
from repro.run.launch.made_up import made_up
from repro.run.progress import Display
from repro.run.ways import Way
from repro.spec import Run
from repro.train.control import Settings, Stop

Cli = Callable[..., Result]

# --- measuring -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_way_is_a_line_and_the_best_is_the_last(
    cli: Cli, edit: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In processes of their own, without CIFAR-10."""
    monkeypatch.setenv("REPRO_DATA_DIR", str(tmp_path / "nothing here"))
    monkeypatch.setattr(resources, "cores", lambda: 1)
    edit({'"digits"': '"cifar10"', "batch_size = 16": "batch_size = 2"})
    command = ("bench", "--ways", "--model", "tiny/original", "--device", "cpu", "--step", "plain")
    result = cli(*command, "--made-up-data", "--seconds", "0.1", "--json")
    row, best = map(json.loads, result.stdout.splitlines())
    assert (row["step"], row["jobs"], row["precision"]) == ("plain", 1, "fp32") and row["rate"] > 0
    assert sorted(row) == ["jobs", "precision", "rate", "step"]
    assert best == row | {"best": True}
    assert result.exit_code == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_fails_or_hangs_costs_no_other_way_its_measurement(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forked: None
) -> None:
    """With forked processes, which have the rates below."""

    def rate(run: Run, settings: Settings, jobs: int, *_: object) -> tune.Rate:
        match settings.step, jobs:
            case "triton", _:
                return tune.Rate(8.0, "bf16")
            case "compiled", _:
                raise UserError("--step compiled: no compiler here")
            case _, 8:
                raise torch.OutOfMemoryError
            case "graph", 2:
                os._exit(9)
            case "plain", 4:
                raise RuntimeError("an illegal access")
            case "plain", 2:
                (tmp_path / "child").write_text(str(subprocess.Popen(["sleep", "600"]).pid))
                time.sleep(600)
        return tune.Rate(7.0, "bf16")

    monkeypatch.setattr(tune, "rate", rate)
    monkeypatch.setattr(ways, "NEXT_WAY_TIMEOUT_SECONDS", 2.0)
    found = ways.measure(small_run(), Settings(), ways.ways(Settings("cuda"), 16), 0.1, made_up_data=True)
    assert [(way.step, way.jobs, way.rate or way.error) for way in found] == [
        ("graph", 4, 7.0),
        ("graph", 8, "most likely out of memory"),
        ("graph", 2, "its process died with exit code 9"),
        ("graph", 1, 7.0),
        *(("triton", jobs, 8.0) for jobs in (4, 8, 2, 1)),
        *(("compiled", jobs, "--step compiled: no compiler here") for jobs in (4, 8, 2, 1)),
        ("plain", 4, "RuntimeError: an illegal access"),
        ("plain", 8, "most likely out of memory"),
        ("plain", 2, "stopped: no result after 2 s"),
        ("plain", 1, 7.0),
    ]
    assert not _runs(int((tmp_path / "child").read_text())), "what a way started is ended with it"


def _runs(pid: int) -> bool:
    """Not where it waits to be buried."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_when_time_is_over_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: pytest.fail("a process is begun"))
    found = ways.measure(small_run(), Settings(), ways.ways(Settings("cuda"), 16), 0.1, made_up_data=True, limit=0.0)
    assert [way.error for way in found] == ["no time left"] * 16


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_measuring_process_ends_with_its_parent() -> None:
    """The parent's end of the pipe is closed with it."""
    forked = multiprocessing.get_context("fork")
    ours, theirs = forked.Pipe()

    def measuring() -> None:
        os.setsid()
        ours.close()
        ways.end_with_parent(theirs)

    process = forked.Process(target=measuring)
    process.start()
    ours.close()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_made_up_data_has_the_data_sets_shape() -> None:
    splits = made_up(small_run().recipe, torch.device("cpu"))
    assert splits.train.pixels.shape == (1437, 1, 32, 32) and splits.train.pixels.dtype == torch.uint8
    assert len(splits.test) == 360 and splits.validation is None
    assert splits.train.labels.unique().tolist() == list(range(10)) and len(splits.classes) == 10
    assert made_up(small_run(seed=1).recipe, torch.device("cpu")) is splits, "held once"


# --- choosing --------------------------------------------------------------------------------------------------------


def test_the_most_promising_ways_come_first() -> None:
    found = [(way.step, way.jobs) for way in ways.ways(Settings("cuda"), 16)]
    assert found == [(step, jobs) for step in ("graph", "triton", "compiled", "plain") for jobs in (4, 8, 2, 1)]
    assert [(w.step, w.jobs) for w in ways.ways(Settings("cuda:1", step="graph"), 16, 3)] == [
        ("graph", 2),
        ("graph", 1),
    ]
    found = [(way.step, way.jobs, way.threads) for way in ways.ways(Settings(), 2)]
    steps = ("kernels", "matrices", "sequential", "plain")
    assert found == [(step, *share) for step in steps for share in ((1, 2), (2, 1))]


def test_of_ways_that_are_nearly_as_fast_the_one_with_fewer_runs_at_a_time_is_taken() -> None:
    rates = {1: 50.0, 2: 97.0, 4: 100.0, 8: 0.0}
    found = [Way("graph", jobs, 1, "bf16", rate) for jobs, rate in rates.items()]
    best = ways.best(found)
    assert best and best.jobs == 2
    assert ways.best([Way("graph", 8, 1, error="no time left")]) is None


def test_a_line_has_eighty_columns() -> None:
    long = Way("compiled", 8, 1, error="--step compiled: only the blocks\nof ResNets " + "are compiled " * 9)
    assert len(long.text()) == 80 and long.text().startswith("compiled    8 at a time  only the blocks of ResNets are")
    assert Way("graph", 4, 1, "bf16", 1650.123).text() == "graph       4 at a time  bf16   1650.12 it/s in total"


@pytest.mark.parametrize("option", [["--seconds", "3"], ["--made-up-data"]])
def test_what_belongs_to_ways_is_wrong_without_it(option: list[str], cli: Cli) -> None:
    result = cli("bench", *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--seconds and --made-up-data require --ways" in result.stderr


def test_nothing_measured_is_an_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "measure", lambda *_: iter([Way("plain", 1, 1, error="no time left")]))
    result = cli("bench", "--ways", "--model", "tiny/original")
    assert (result.exit_code, result.stdout) == (
        2,
        "tiny/original, 3 s per measurement\nplain       1 at a time  no time left\n",
    )
    assert "no way of training could be measured" in result.stderr


# --- --ways auto -----------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Way], float]]:
    """What is measured, and within how many seconds; four runs at a time are the fastest, compiled ones above all."""
    found: list[tuple[list[Way], float]] = []

    def measure(run: Any, settings: Any, every: list[Way], *_: Any, limit: float, made_up_data: bool) -> Iterator[Way]:
        assert made_up_data
        found.append((every, limit))
        for way in every:
            yield replace(way, rate=100.0 * (way.jobs == 4) + 50 * (way.step == "compiled") + 1)

    monkeypatch.setattr(resources, "worth_measuring", lambda todo: True)
    monkeypatch.setattr(ways, "measure", measure)
    return found


def test_ways_auto_takes_the_fastest_and_says_so(
    asked: list[tuple[list[Way], float]], small_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    todo = plan.plan(small_root, "tiny", [], 4, spec.FULL)
    stop = Stop(time.monotonic() + 90)
    jobs, settings = resources.choose_fastest(todo, Settings("cuda"), stop, Display([]))
    assert (jobs, settings.step) == (4, "compiled")
    ((every, limit),) = asked
    assert len(every) == 16 and 29 < limit <= 30, "a third of the time limit"
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("--ways auto: using step compiled and 4 jobs (measured graph x4 101 it/s, graph x8 1 it/s, ")


def test_ways_auto_takes_no_step_that_some_run_cannot(
    asked: list[tuple[list[Way], float]], edit: Callable[..., Path], small_root: Path
) -> None:
    """A VGG has no blocks to compile; and "auto" stays, because what is fastest for one may not be for the other."""
    vgg = '{ name = "vgg", config = "A", width_divisor = 32, fc_width = 512 }'
    edit({'model = { block = "bn-after-add" }': f"image_size = 32\nmodel = {vgg}"})
    todo = plan.plan(small_root, "tiny", [], 4, spec.FULL)
    jobs, settings = resources.choose_fastest(todo, Settings("cuda"), Stop(), Display([]))
    assert (jobs, settings.step) == (4, "auto")
    assert {way.step for way in asked[0][0]} == {"graph", "plain"}


def test_ways_auto_goes_on_where_nothing_could_be_measured(
    asked: list[tuple[list[Way], float]],
    small_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ways, "measure", lambda *_, **__: iter([Way("graph", 4, 1, error="no time left")]))
    todo = plan.plan(small_root, "tiny", [], 1, spec.FULL)
    assert resources.choose_fastest(todo, Settings("cuda"), Stop(), Display([])) == (1, Settings("cuda"))
    assert "no measurement succeeded (no time left); training one run at a time" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--jobs", "2"], ["--jobs", "auto"], ["--step", "auto"]])
def test_ways_auto_is_wrong_beside_what_it_chooses(option: list[str], cli: Cli) -> None:
    result = cli("run", "tiny", "--ways", "auto", *option)
    assert result.exit_code == 2
    assert f"leave out --ways or {option[0]}" in result.stderr


def test_what_is_short_is_trained_without_measuring(cli: Cli) -> None:
    result = cli("run", "tiny", "--arm", "original", "--ways", "auto", "--threads", "1")
    assert result.exit_code == 0 and "measuring" not in result.stderr
