"""What W&B gets is what the records say: its offline files are read back and held against them, value by value."""

import csv
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest
import wandb_offline
from click.testing import Result
from fake_wandb import FakeWandb

from repro import records, spec
from repro.errors import UserError
from repro.tracking import content, mirror
from repro.tracking.process import Worker
from repro.train import loop as train

REPO = Path(__file__).resolve().parent.parent


def segments(root: Path) -> dict[str, wandb_offline.Segment]:
    """The offline runs under a root by group/name; a run has one segment."""
    found = [wandb_offline.read(path) for path in sorted(root.glob("wandb/offline-run-*/run-*.wandb"))]
    names = [f"{segment.group}/{segment.name}" for segment in found]
    assert len(set(names)) == len(names), f"a run has several segments: {names}"
    return dict(zip(names, found, strict=True))


def rows_of(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open() as file:
        return [{key: float(cell) for key, cell in row.items() if cell} for row in csv.DictReader(file)]


def assert_mirrors(segment: wandb_offline.Segment, folder: Path) -> None:
    """History, config and summary of the segment against the folder's record."""
    record = records.read_run(folder)
    assert record
    recipe, session = record.run.recipe.model_dump(), record.sessions[-1]
    beside = ("published_test_error",)
    assert [{k: v for k, v in row.items() if k not in beside} for row in segment.history] == rows_of(folder)
    assert segment.job_type == record.arm and segment.name == f"{record.arm}-s{record.seed}"
    assert segment.id.startswith(record.fingerprint) and segment.id.endswith(f"-s{record.seed}")
    assert segment.config["schedule_drops"] == recipe["schedule"]["drops"]
    assert segment.config["optimizer_lr"] == recipe["optimizer"]["lr"]
    assert segment.config["fingerprint"] == record.fingerprint
    assert segment.config["hardware"] == session.hardware
    assert not any(isinstance(value, dict) for value in segment.config.values()), "keys are flat"
    told = {key: segment.summary.get(key) for key in ("status", "final_test_error", "best_test_error", "wall_seconds")}
    assert told == {
        "status": record.status,
        "final_test_error": record.final and record.final.test_error,
        "best_test_error": record.best and record.best.test_error,
        "wall_seconds": record.wall_seconds,
    }
    assert segment.step_metrics["*"] == "iteration"
    assert segment.exit_code == int(not record.is_finished)


@pytest.fixture(autouse=True)
def _longer_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here is what is written, not how long it may take on a busy machine."""
    monkeypatch.setattr(mirror, "LEAST_WAIT", 60.0)


@pytest.fixture
def folder(small_root: Path) -> Callable[[str, int], Path]:
    return lambda arm, seed: small_root / "results" / "tiny" / arm / f"seed-{seed}"


# --- repro run -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_offline_runs_side_by_side_are_their_records_and_nothing_private(
    cli: Callable[..., Result],
    small_root: Path,
    folder: Callable[[str, int], Path],
    in_turns: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REPRO_TEST_SECRET", "canary-in-the-environment")
    monkeypatch.setenv("WANDB_NOTES", "canary-of-wandb")
    monkeypatch.setenv("WANDB_API_KEY", "canary0000" * 4)
    result = cli("run", "tiny", "--seeds", "2", "--threads", "1", "--jobs", "2", "--wandb", "offline")
    assert result.exit_code == 0 and "W&B" not in result.output and in_turns == [(4, 2)]
    found = segments(small_root)
    expected = [(arm, seed) for arm in ("original", "bn-after-add") for seed in (0, 1)]
    assert sorted(found) == sorted(f"tiny/{arm}-s{seed}" for arm, seed in expected)
    for arm, seed in expected:
        segment = found[f"tiny/{arm}-s{seed}"]
        assert_mirrors(segment, folder(arm, seed))
        assert segment.project == "tiny" and {"tiny", "full-scale", "bn-after-add-is-worse"} <= set(segment.tags)
    assert any(segment.system_samples for segment in found.values())
    one = found["tiny/original-s0"]
    assert one.summary["published_test_error"] == 40.0 and one.history[-1]["published_test_error"] == 40.0
    assert one.summary["peek_bias"] == one.summary["best_test_error"] - one.summary["final_test_error"]
    assert "published_test_error" not in found["tiny/bn-after-add-s0"].history[0]
    private = ["canary", str(small_root), str(REPO), str(Path.home()), sys.executable, socket.gethostname()]
    for path in small_root.glob("wandb/offline-run-*/run-*.wandb"):
        content = path.read_bytes()
        assert not [text for text in private if len(text) > 3 and text.encode() in content]
        assert wandb_offline.read(path).files == [] and not list(path.parent.glob("files/*"))


@pytest.mark.slow
def test_an_interrupted_run_is_one_clean_run(
    cli: Callable[..., Result],
    small_root: Path,
    folder: Callable[[str, int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped after its first evaluation, then run to its end: one segment with the whole history."""
    words = ("run", "tiny", "--arm", "original", "--threads", "1", "--wandb", "offline")
    asked = iter([""] * 8 + ["time limit"] * 99)
    with monkeypatch.context() as patched:
        patched.setattr(train.Stop, "requested", lambda stop: setattr(stop, "reason", next(asked)) or stop.reason)
        assert cli(*words).exit_code == 4
    (first,) = segments(small_root).values()
    assert_mirrors(first, folder("original", 0))
    assert [row["iteration"] for row in first.history] == [6] and first.summary["status"] == "interrupted"
    assert cli(*words).exit_code == 0
    (whole,) = segments(small_root).values()
    assert_mirrors(whole, folder("original", 0))
    assert [row["iteration"] for row in whole.history] == [6, 12] and whole.id == first.id
    assert whole.config["sessions"] == 2


def test_rows_beyond_the_record_are_not_told(record: Callable[..., Path], small_root: Path) -> None:
    """Killed after an evaluation, before the checkpoint: the row is in metrics.csv and not yet vouched for."""
    path = record("original", 0, errors=[50, 40], status="running", iteration=6, final=None, best=None)
    kept = records.read_run(path)
    assert kept
    rows = content.history(path, kept, spec.load("tiny", small_root))
    assert [row["iteration"] for row in rows] == [6]


def test_two_experiments_with_one_recipe_are_two_runs(record: Callable[..., Path]) -> None:
    one = records.read_run(record("original", 0, errors=[50]))
    assert one
    again = one.replace(sessions=(one.sessions[0].model_copy(update={"started": "later"}),))
    ids = [content.run_id(each) for each in (one, one.replace(experiment="other"), again)]
    assert len(set(ids)) == 3


# --- whether W&B is on -----------------------------------------------------------------------------------------------


def test_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mirror.choose(None, spec.FULL) == "off", "WANDB_MODE=disabled, as everywhere in the tests"
    assert mirror.choose("online", spec.FULL) == "online"
    monkeypatch.setenv("WANDB_MODE", "online")
    assert mirror.choose(None, spec.DEMO) == "online"
    monkeypatch.setenv("WANDB_MODE", "onlien")
    with pytest.raises(UserError, match="WANDB_MODE is 'onlien'; allowed: online"):
        mirror.choose(None, spec.FULL)
    monkeypatch.delenv("WANDB_MODE")
    assert mirror.choose(None, spec.Scale.of("1/200")) == "offline"
    assert mirror.choose(None, spec.DEMO) == "off"
    monkeypatch.setattr(mirror, "installed", lambda package: False)
    assert mirror.choose(None, spec.FULL) == "off"


def test_the_command_never_imports_wandb() -> None:
    """It would cost a second at the start, and bring its hooks into the process that trains."""
    rooms = "repro.cli, repro.tracking.mirror, repro.tracking.sync, repro.tracking.review_command"
    code = f"import sys, {rooms}; sys.exit('wandb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPO, check=False).returncode == 0


# --- repro wandb sync ------------------------------------------------------------------------------------------------


@pytest.fixture
def offline_sync(cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def run(*words: str) -> str:
        monkeypatch.setenv("WANDB_MODE", "offline")
        result = cli("wandb", "sync", *words)
        assert result.exit_code == 0, result.output
        return result.output

    return run


@pytest.mark.slow
def test_sync_of_records_that_were_never_logged(
    record: Callable[..., Path], small_root: Path, offline_sync: Callable[..., str]
) -> None:
    folders = [record(arm, 0, errors=[50, 45, 40]) for arm in ("original", "bn-after-add")]
    record("original", 1, errors=[50], fingerprint="0" * 16)
    record("bn-after-add", 1, errors=[50, 90], status="diverged", session={"dirty": "abc"})
    assert "tiny/original/seed-0" in offline_sync("--dry-run") and not (small_root / "wandb").exists()
    told = offline_sync()
    assert "3 rows sent" in told and "tiny/original/seed-1      skipped, stale" in told
    found = segments(small_root)
    assert sorted(found) == ["tiny/bn-after-add-s0", "tiny/bn-after-add-s1", "tiny/original-s0"]
    for path in folders:
        assert_mirrors(found[f"tiny/{path.parent.name}-s0"], path)
    diverged = found["tiny/bn-after-add-s1"]
    assert diverged.summary["status"] == "diverged" and diverged.exit_code == 0, "a run that diverged is a result"
    assert "dirty" in diverged.tags and "dirty" not in found["tiny/original-s0"].tags
    offline_sync()
    assert segments(small_root) == found, "sent twice, there once"
    path = next(small_root.glob("wandb/offline-run-*/run-*.wandb"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(wandb_offline.Damaged, match="ends in the middle"):
        wandb_offline.read(path)
    path.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    with pytest.raises(wandb_offline.Damaged, match="checksum"):
        wandb_offline.read(path)


@pytest.mark.slow
def test_sync_online_sends_what_is_lacking(
    record: Callable[..., Path], cli: Callable[..., Result], server: FakeWandb, small_root: Path
) -> None:
    """W&B's client only ever adds to a history: sent twice, a run would have every row twice."""
    path = record("original", 0, errors=[50, 45, 40], status="interrupted", iteration=8)
    first = cli("wandb", "sync")
    assert first.exit_code == 0 and "2 rows sent" in first.output, first.output
    kept = records.read_run(path)
    assert kept
    records.write_run(path, kept.replace(status="done", iteration=12))
    assert "1 row sent, 2 already there" in cli("wandb", "sync").output
    assert "up to date with 3 rows" in cli("wandb", "sync").output
    (run_id,) = server.runs
    told = [{k: v for k, v in row.items() if k != "published_test_error"} for row in server.history(run_id)]
    assert told == rows_of(path)
    sent = json.dumps(server.runs[run_id]) + "".join(map(repr, server.files.values()))
    for text in (str(small_root), str(REPO), socket.gethostname(), sys.executable):
        assert len(text) < 4 or text not in sent, f"{text} was sent"


@pytest.mark.slow
def test_sync_says_what_the_server_did_not_take(
    record: Callable[..., Path], cli: Callable[..., Result], server: FakeWandb
) -> None:
    """A run that is begun, and whose rows are refused: wandb itself raises nothing then."""
    record("original", 0, errors=[50, 40])
    server.refuses = 403
    result = cli("wandb", "sync")
    assert result.exit_code == 1 and "W&B did not accept all data" in result.output and "rows sent" not in result.output


def test_sync_where_wandb_is_forbidden(cli: Callable[..., Result], record: Callable[..., Path]) -> None:
    record("original", 0, errors=[50])
    result = cli("wandb", "sync")
    assert result.exit_code == 2 and "WANDB_MODE disables W&B" in result.output


# --- the file and the process ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_mirrors_of_one_run_leave_one_segment(record: Callable[..., Path], small_root: Path) -> None:
    """As where two `repro run` share out an experiment: either may mirror a run, one does at a time."""
    path = record("original", 0, errors=[50, 40])
    runs = [{"folder": str(path), "sessions": 0, "experiment": "tiny"}]
    heard: list[object] = []
    job = mirror.job("follow", small_root, "offline", runs=runs)
    workers = [Worker(job, heard.append) for _ in range(2)]
    assert [worker.end(30) for worker in workers] == [0, 0] and not heard
    assert_mirrors(segments(small_root)["tiny/original-s0"], path)


@pytest.mark.slow
def test_sync_leaves_a_run_alone_that_is_being_sent(
    record: Callable[..., Path], small_root: Path, cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where `repro run` is done with a run and its mirror is not."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    path = record("original", 0, errors=[50, 40])
    kept = records.read_run(path)
    assert kept is not None
    (small_root / "wandb").mkdir()
    with filelock.FileLock(small_root / "wandb" / f".{content.run_id(kept)}.lock"):
        result = cli("wandb", "sync")
    assert result.exit_code == 0 and "skipped, another process is sending it" in result.output
    assert not segments(small_root)
    assert cli("wandb", "sync").exit_code == 0
    assert_mirrors(segments(small_root)["tiny/original-s0"], path)


@pytest.mark.slow
def test_each_run_of_a_queue_goes_to_its_own_experiment(record: Callable[..., Path], small_root: Path) -> None:
    """The second as it is where it was taken over from the first."""
    spec_file = small_root / "experiments" / "tiny.toml"
    other = spec_file.read_text().replace('name = "tiny"', 'name = "other"')
    (spec_file.parent / "other.toml").write_text(other)
    path = record("original", 0, errors=[50, 40])
    twin = small_root / "results" / "other" / "original" / "seed-0"
    twin.mkdir(parents=True)
    (twin / "metrics.csv").write_bytes((path / "metrics.csv").read_bytes())
    content = records.read_run(path)
    assert content is not None
    names = {
        "experiment": "other",
        "trained_as": "tiny/original/seed-0",
        "run": content.run.model_copy(update={"experiment": "other"}),
    }
    records.write_run(twin, content.replace(**names))
    runs = [{"folder": str(f), "sessions": 0, "experiment": name} for f, name in ((path, "tiny"), (twin, "other"))]
    heard: list[object] = []
    assert Worker(mirror.job("follow", small_root, "offline", runs=runs), heard.append).end(30) == 0 and not heard
    found = segments(small_root)
    assert_mirrors(found["tiny/original-s0"], path)
    assert_mirrors(found["other/original-s0"], twin)
    assert found["other/original-s0"].config["trained_as"] == "tiny/original/seed-0"


@pytest.mark.slow
def test_a_worker_whose_run_was_killed_ends_by_itself(small_root: Path) -> None:
    """Nobody is left to end it: the end of its input is enough."""
    job = mirror.job("follow", small_root, "offline", runs=[])
    worker = Worker(job, lambda message: None)
    worker.close()
    assert worker.process.wait(20) == 0
