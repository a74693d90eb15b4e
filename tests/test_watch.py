"""`repro watch`, `repro logs` and `repro status`: how far runs are, and why they failed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from repro.records.watcher import Watcher
from repro.show import watch

Cli = Callable[..., Result]
Write = Callable[..., Path]
LEFT = {"status": "interrupted", "finished": None, "iteration": 6, "reason": "time limit", "final": None}


@pytest.mark.parametrize("width", [60, 80, 140])
def test_each_run_shows_how_far_it_is(record: Write, small_root: Path, width: int) -> None:
    record("original", 0, errors=[50, 40], **LEFT)
    record("original", 1, errors=[50, 41.5])
    text = watch.text(Watcher(small_root).look(), width)
    assert "1 run unfinished, 1 finished" in text
    for part in ("tiny/original/seed-0", "interrupted: time limit", "test error 40.00 %", "done, test error 41.50 %"):
        assert part in text
    assert max(map(len, text.splitlines())) <= width


def test_the_next_look_shows_what_was_written_since(record: Write, small_root: Path, cli: Cli) -> None:
    record("original", 0, errors=[50, 40], **LEFT)
    watcher = Watcher(small_root)
    assert len(watcher.look()) == 1
    damaged = record("original", 1, errors=[50, 40], scale="demo")
    assert [seen.name for seen in watcher.look()] == ["tiny/original/seed-1 at demo", "tiny/original/seed-0"]
    (damaged / "run.json").write_text("{")
    assert [seen.name for seen in watcher.look()] == ["tiny/original/seed-0"], "what is damaged, `repro check` names"
    assert "tiny/original/seed-0" in cli("watch").stdout, "where the output is no terminal, once"


def test_status_shows_how_far_unfinished_runs_are(record: Write, cli: Cli) -> None:
    record("original", 0, errors=[50, 40], **LEFT)
    assert "Original, seed 0: interrupted at 6 of 12 iterations" in cli("status").stdout
    assert '"iteration": 6' in cli("status", "--json").stdout


def test_logs(record: Write, cli: Cli) -> None:
    folder = record("original", 0, errors=[50, 40], **LEFT)
    assert "no log; its status: interrupted" in cli("logs", "tiny/original/seed-0").stderr
    (folder / "run.log").write_text("Traceback: what happened\n")
    assert cli("logs", "tiny/original/seed-0").stdout == "Traceback: what happened\n"
    for wrong in ("tiny", "tiny/original/seed-5"):
        assert cli("logs", wrong).exit_code == 2
