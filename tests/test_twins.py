"""Two experiments that share a recipe train it once: which records are taken over, and how they say so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import StopAfter, finish, small_run, weights

from repro import records
from repro.show import tables
from repro.spec import FULL, Run
from repro.train import provenance
from repro.train.control import Settings

PLAIN = Settings(threads=1, precision="fp32", step="plain")
COMMITTED = {"commit": "abc", "dirty": None}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """session(device="cuda"): from now on sessions are recorded so."""
    collect = provenance.collect

    def known(**changes: Any) -> None:
        monkeypatch.setattr(provenance, "collect", lambda *what: collect(*what) | changes)

    return known


@pytest.fixture(autouse=True)
def _committed(session: Callable[..., None]) -> None:
    session(**COMMITTED)


def named(experiment: str, arm: str, seed: int = 0, **recipe: Any) -> Run:
    return small_run(seed, **({"iterations": 4} | recipe)).model_copy(update={"experiment": experiment, "arm": arm})


def train_in(root: Path, run: Run, settings: Settings = PLAIN) -> tuple[Path, str]:
    """The run's folder, and what was told."""
    folder = records.run_folder(root, run)
    folder.parent.mkdir(parents=True, exist_ok=True)
    told = finish(run, folder, settings)
    assert told[-1].status == "done"
    return folder, "".join(progress.note for progress in told)


def test_a_run_of_the_same_recipe_and_seed_is_taken_over(tmp_path: Path) -> None:
    source, _ = train_in(tmp_path, named("depth", "resnet32"))
    folder, told = train_in(tmp_path, named("placement", "original"))
    assert told == "same run as depth/resnet32/seed-0: its record was copied"
    theirs, ours = records.read_run(source), records.read_run(folder)
    assert theirs is not None and ours is not None
    own = {"experiment": "placement", "arm": "original", "trained_as": "depth/resnet32/seed-0"}
    run = theirs.run.model_copy(update={"experiment": "placement", "arm": "original"})
    assert ours == theirs.replace(**own, run=run)
    for name in ("metrics.csv", "predictions.npz"):
        assert (folder / name).read_bytes() == (source / name).read_bytes()
    third, told = train_in(tmp_path, named("adam", "sgd"))
    record = records.read_run(third)
    assert record is not None and record.trained_as == "depth/resnet32/seed-0" and "depth/resnet32" in told


@pytest.mark.parametrize("times", [("2030-01-02", "2030-01-01"), ("1970-01-01", "1970-01-01")], ids=["back", "still"])
def test_a_run_whose_clock_was_wrong_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: tuple[str, str]
) -> None:
    """It finished before it started, or at once: its times are recorded, and nothing is computed from them."""
    clock = iter([f"{day}T00:00:00+00:00" for day in times])
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "now", lambda: next(clock))
        source, _ = train_in(tmp_path, named("depth", "resnet32"))
    record = records.read_run(source)
    assert record and (record.sessions[0].started[:10], (record.finished or "")[:10]) == times
    assert record.wall_seconds > 0
    _, told = train_in(tmp_path, named("placement", "original"))
    assert told == "same run as depth/resnet32/seed-0: its record was copied"


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "another"},
        {"status": "interrupted"},
        {"sessions": {"dirty": "abc"}},
        {"sessions": {"precision": "bf16"}},
        {"sessions": {"step": "kernels"}},
        {"sessions": {"hardware": "a faster processor"}},
        {"sessions": {"threads": 2}},
        {"sessions": {"commit": None}},
    ],
    ids=str,
)
def test_no_other_run_is(tmp_path: Path, change: dict[str, Any]) -> None:
    source, _ = train_in(tmp_path, named("depth", "resnet32"))
    record = records.read_run(source)
    assert record is not None
    sessions = tuple(s.model_copy(update=change.get("sessions", {})) for s in record.sessions)
    records.write_run(source, record.replace(**(change | {"sessions": sessions})))
    folder, told = train_in(tmp_path, named("placement", "original"))
    assert told == "" and weights(folder)
    record = records.read_run(folder)
    assert record is not None and not record.trained_as


def test_on_a_gpu_the_hosts_threads_do_not_matter(tmp_path: Path, session: Callable[..., None]) -> None:
    session(**COMMITTED, device="cuda")
    train_in(tmp_path, named("depth", "resnet32"))
    folder, told = train_in(tmp_path, named("placement", "original"), replace(PLAIN, threads=2))
    assert "same run as depth/resnet32/seed-0" in told
    record = records.read_run(folder)
    assert record is not None and record.sessions[0].threads == 1


def test_a_run_that_was_begun_is_gone_on_with(tmp_path: Path) -> None:
    """Its own iterations are not thrown away for another's."""
    run = named("placement", "original")
    folder = records.run_folder(tmp_path, run)
    folder.parent.mkdir(parents=True)
    finish(run, folder, PLAIN, StopAfter(iterations=2))
    train_in(tmp_path, named("depth", "resnet32"))
    _, told = train_in(tmp_path, run)
    assert told == ""


def test_uncommitted_code_is_run_itself(tmp_path: Path, session: Callable[..., None]) -> None:
    train_in(tmp_path, named("depth", "resnet32"))
    session(commit="abc", dirty="0123456789abcdef")
    folder, told = train_in(tmp_path, named("placement", "original"))
    assert told == "" and weights(folder)


@pytest.mark.parametrize("harm", ["metrics.csv", "predictions.npz", "run.json"])
@pytest.mark.fault(
    "a damaged record of a run that could be reused",
    "the run is trained",
)
def test_a_damaged_twin_is_passed_over(tmp_path: Path, harm: str) -> None:
    source, _ = train_in(tmp_path, named("depth", "resnet32"))
    (source / harm).write_text("{") if harm == "run.json" else (source / harm).unlink()
    folder, told = train_in(tmp_path, named("placement", "original"))
    assert told == "" and weights(folder)


def test_a_comparison_of_one_run_with_itself_says_so(small_root: Path, record: Callable[..., Path]) -> None:
    record("original", 0, errors=[50.0])
    record("bn-after-add", 0, errors=[50.0], trained_as="tiny/original/seed-0")
    told = tables.compare(*tables.sides(small_root, ["tiny/original", "tiny/bn-after-add"], FULL), False, False)
    assert "seed 0: both arms share one run" in told
