"""`repro rm` and `repro clean`: what they remove, what they leave, and that they ask first."""

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from repro import records

Cli = Callable[..., Result]
Write = Callable[..., Path]


def test_what_is_named_goes_and_nothing_else(record: Write, cli: Cli, small_root: Path) -> None:
    one, other, third = (
        record(arm, seed, errors=[50, 40]) for arm, seed in (("original", 0), ("original", 1), ("bn-after-add", 0))
    )
    demo = record("original", 0, errors=[50, 40], scale="demo")
    asked = cli("rm", "tiny/original/seed-0")
    assert asked.exit_code == 1 and "Remove 1 run" in asked.output and one.exists(), "without an answer nothing goes"
    assert cli("rm", "tiny/original/seed-0", "--yes").exit_code == 0
    assert not one.exists() and other.exists() and third.exists() and demo.exists()
    assert cli("rm", "tiny", "--yes").exit_code == 0
    assert not (small_root / "results/tiny").exists() and demo.exists()


def test_what_is_not_recorded_is_told(record: Write, cli: Cli) -> None:
    folder = record("original", 0, errors=[50, 40])
    for target in ("tiny/original/seed-1", "tiny/nothing", "other", "../results", "/", "tiny/original/seed-0/run.json"):
        result = cli("rm", target, "--yes")
        assert result.exit_code == 2 and result.stderr.startswith("error:"), target
    assert folder.exists()


def test_a_run_that_is_being_trained_stays(record: Write, cli: Cli) -> None:
    folder = record("original", 0, errors=[50, 40], status="running", finished=None)
    with records.locked(folder):
        result = cli("rm", "tiny", "--yes")
    assert result.exit_code == 2 and "being trained" in result.stderr and (folder / "run.json").exists()


def test_clean_removes_stale_orphaned_and_scratch_runs_only(
    record: Write, cli: Cli, edit: Callable[..., Path], small_root: Path
) -> None:
    good = record("original", 0, errors=[50, 40])
    stale = record("original", 1, errors=[50, 40], fingerprint="0" * 16)
    aside = stale.with_name("seed-2.stale-0123456789abcdef")
    aside.mkdir()
    scratch = record("original", 0, errors=[50, 40], scale="scratch 1")
    nobodys = small_root / "results" / "gone" / "arm" / "seed-0"
    nobodys.mkdir(parents=True)
    (nobodys / "run.json").write_text("{}")
    own = small_root / "results" / "notes"
    own.mkdir()
    (own / "mine.txt").write_text("not a run")

    listed = cli("clean").output
    assert all(kind in listed for kind in ("(stale:", "(orphaned:", "(scratch)")) and "Remove 4 runs" in listed
    assert cli("clean", "--scratch", "--yes").exit_code == 0 and not scratch.exists() and stale.exists()
    assert cli("clean", "--yes").exit_code == 0
    assert not (stale.exists() or aside.exists() or nobodys.exists())
    assert good.exists() and (own / "mine.txt").exists()
    assert "nothing to remove" in cli("clean", "--yes").stdout
