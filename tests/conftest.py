"""Fixtures that several test files share: a small experiment, records made to order, the command line, data sets."""

import multiprocessing
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from fake_wandb import FakeWandb
from fuzzing import Fuzz, fuzzer
from helpers import REPO, TINY

from repro import cli as command_line
from repro import records, spec
from repro.data import catalog
from repro.records.outcome import outcome
from repro.records.record import FINISHED, Session, new_record
from repro.run import launch
from repro.run.launch.interleaved import interleaved
from repro.spec import Run, Scale
from repro.spec.freeze import Registry
from repro.train.control import Settings, Stop
from repro.train.loop import prepare

OUTCOME = re.compile(
    r"verdict|\breproduced\b|inconclusive|consistent|leaning|\bholds?\b"  # what a claim came to
    r"|margin|interval|holm|\bp(-value)? ?[<=0-9]|\| p \|",  # and what that rests on
    re.IGNORECASE,
)


pytest_plugins = ["counting"]


@pytest.fixture
def fuzz(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Fuzz:
    return fuzzer(request, record_property, quick=40)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`: neighbours run in one process, which shares what they need; one that has no tests left takes some."""
    if config.getoption("dist") != "load":  # another one is asked for
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@pytest.fixture
def outcomes() -> Callable[[str], list[str]]:
    """outcomes(text): the words in it by which a claim would be judged: verdicts, leans, margins, p-values."""
    return lambda text: [found[0] for found in OUTCOME.finditer(text)]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small networks are slower on several threads, and results depend on their number."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is as wide as for a pipe; pytest-xdist sets COLUMNS."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(autouse=True)
def _no_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    """W&B is off but where a test says --wandb, and no test has an account."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "disabled")


@pytest.fixture
def small_root(tmp_path: Path) -> Path:
    """A root whose one experiment, `tiny`, trains two arms on the bundled digits, 12 iterations each."""
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "tiny.toml").write_text(TINY)
    return tmp_path


@pytest.fixture
def edit(small_root: Path) -> Callable[..., Path]:
    """edit({old: new}): the tiny spec with each `old`, which must be there once, replaced; its path."""
    path = small_root / "experiments" / "tiny.toml"

    def edited(changes: dict[str, str], more: str = "") -> Path:
        text = path.read_text()
        for old, new in changes.items():
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the spec"
            text = text.replace(old, new)
        path.write_text(text + more)
        return path

    return edited


@pytest.fixture
def cli(small_root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """cli("table", "tiny"): a command of repro in this process, on the small root unless another is given.

    An error that is not turned into a message is raised here, so it fails the test.
    """

    def invoke(*words: str, root: Path = small_root) -> Result:
        arguments = ["--root", str(root), *words]
        monkeypatch.setattr(sys, "argv", ["repro", *arguments])
        return CliRunner().invoke(command_line.main, arguments, catch_exceptions=False)

    return invoke


@pytest.fixture
def in_turns(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the pool trains is trained in turns in this process, which starts at once; (runs, jobs) it was asked for."""
    asked = []

    def launcher(tasks: Sequence[launch.Task], settings: Settings, stop: Stop, jobs: int) -> Iterator[launch.Event]:
        asked.append((len(tasks), jobs))
        return interleaved(tasks, settings, stop, jobs)

    monkeypatch.setitem(launch.LAUNCHERS, "pool", launcher)
    return asked


@pytest.fixture
def preloaded(monkeypatch: pytest.MonkeyPatch) -> ForkServerContext:
    """The processes that the package spawns start at once: a server that has imported torch forks them.

    They share nothing else with this process, as spawned ones, so nothing that is patched here either.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "sklearn.datasets", "repro.cli", "repro.run.launch.pool"])
    forkserver.ensure_running()  # here, where Ctrl-C is not blocked, as it is while the package starts processes
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: context)
    return context


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that the package spawns are forked from this one: they start at once, with what is patched here.

    For processes that compute no gradients, which torch refuses in a fork of a process that has. A test that uses this
    ignores "fork", the warning of some Python versions about processes with threads.
    """
    context = multiprocessing.get_context("fork")
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: context)


@pytest.fixture
def record(small_root: Path) -> Callable[..., Path]:
    """record("original", 0, errors=[50, 40]): the record of a tiny run as training writes it, without the training.

    `errors` are the test errors (%) at evenly spread evaluations, the last one final; `metrics` replaces other columns,
    {"train_loss": [2.1, 0.5]}. The predictions are as near to the last error as 360 images allow, and the record has no
    digests, as older ones, so that a test can write others. Other keys replace the record's own, and `session` those of
    its session; `fingerprint` and `frozen` default to today's. Returns the folder.
    """

    def write(
        arm: str,
        seed: int,
        *,
        errors: list[float],
        scale: str = "1",
        session: dict[str, Any] | None = None,
        metrics: dict[str, list[float]] | None = None,
        **changes: Any,
    ) -> Path:
        run = spec.resolve(spec.load("tiny", small_root), [seed], arms=[arm], scale=Scale.parse(scale))[0]
        run = spec.in_precision(run, (session or {}).get("precision", "fp32"))
        checksum = catalog.describe(run.recipe.dataset).checksum
        identity = spec.fingerprint(run, checksum)
        end = run.recipe.schedule.iterations
        if changes.get("status") in FINISHED:  # a run that diverged has no later metrics; another may have, if killed
            end = changes.get("iteration", end)
        rows = [
            {"iteration": end * (i + 1) // len(errors), "lr": 0.05, "train_loss": 1.0, "train_accuracy": 60.0}
            | {"test_loss": 2.0, "test_error": error, "validation_loss": None, "validation_error": None}
            | {"images_per_second": 1000.0}
            | {name: column[i] for name, column in (metrics or {}).items()}
            for i, error in enumerate(errors)
        ]
        begun = Session.model_validate(
            {"started": "2025-12-31T23:59:00+00:00", "commit": "abc", "dirty": None, "device": "cpu"}
            | {"hardware": "a processor", "precision": "fp32", "threads": 1}
            | (session or {})
        )
        known = {"status": "done", "iteration": end, "wall_seconds": 90.0, "finished": "2026-01-01T00:00:00+00:00"}
        known |= {"parameters": 4934, "fingerprint": identity, "recipe_version": spec.RECIPE_VERSION}
        known |= {"frozen": Registry(small_root).in_force("tiny"), "data_checksum": checksum}
        content = new_record(run, sessions=(begun,), **(known | outcome(rows, errors[-1]))).replace(**changes)
        folder = records.run_folder(small_root, run)
        folder.mkdir(parents=True)
        records.write_metrics(folder, rows)
        label = np.arange(360) % 10
        records.write_predictions(folder, (label + (np.arange(360) < round(3.6 * errors[-1]))) % 10, label)
        records.write_run(folder, content)
        return folder

    return write


@pytest.fixture
def resnet20() -> Run:
    """The first seed of the arm that most else is measured on, at full scale."""
    experiment = spec.load("resnet-depth", REPO)
    return spec.resolve(experiment, [0], arms=["resnet20"])[0]


@pytest.fixture
def deterministic() -> Iterator[None]:
    prepare(Settings(threads=1))
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Where the data sets that are not bundled lie."""
    return catalog.data_dir()


@pytest.fixture(scope="session")
def cifar10(data_dir: Path) -> Path:
    """The data directory, with the official CIFAR-10 in it; skips where it is not."""
    if wrong := catalog.problems(catalog.BUILT_IN["cifar10"], data_dir):
        pytest.skip(f"needs CIFAR-10 in {data_dir} (REPRO_DATA_DIR), `repro data fetch cifar10`: {wrong[0]}")
    return data_dir


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeWandb]:
    """A W&B server on this machine, and an account there."""
    with FakeWandb() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("WANDB_BASE_URL", server.address)
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb-config"))
        monkeypatch.setenv("WANDB_MODE", "online")
        yield server
        server.shutdown()
        thread.join()
