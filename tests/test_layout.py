"""repro.show.layout and the terminal: every line fits, nothing is cut, lost or broken, whatever the width."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from click.testing import Result
from helpers import REPO
from rich.cells import cell_len

from repro.records import results
from repro.show import terminal
from repro.show.layout import Column, wrapped

Cli = Callable[..., Result]

WIDE = 2000
JUDGED = "arm,seed,test_error\n" + "".join(f"resnet20,{seed},{8.6 + seed / 10}\n" for seed in range(5))
VIEWS = [
    "table cifar-cnn",
    "table resnet-depth",
    "table --scale 1/200",
    "table network-zoo",
    "table cifar-cnn transfer-small --per-class",
    "table bn-placement --scale 1/200 --per-class",
    "table resnet18-adam mnist-mlp --curves",
    "table bn-placement --scale 1/64 --curves",
    "show resnet-depth",
    "show vgg-fashion",
    "show resnet-depth --arm resnet20",
    "list",
    "status",
    "compare resnet18-adam/lenet resnet18-adam/lenet-1e-3",
    "power precision",
    "why cifar-cnn --no-run",
    "why resnet-depth --no-run",
    "queue list",
    "queue show full",
    "run resnet-depth --dry-run",
    "judge resnet-depth --results JUDGED.csv",
    "freeze --check",
    "data list",
]


@pytest.fixture
def show(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int | None], str]:
    """show("table", 60): what a command prints of this project's records at that width; None = to a pipe."""
    (tmp_path / "JUDGED.csv").write_text(JUDGED)

    def run(words: str, width: int | None) -> str:
        monkeypatch.delenv("COLUMNS", raising=False)
        if width:
            monkeypatch.setenv("COLUMNS", str(width))
        done = cli(*words.replace("JUDGED.csv", str(tmp_path / "JUDGED.csv")).split(), root=REPO)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def words_of(text: str) -> Counter[str]:
    """The words and numbers of a text, without rules between them."""
    return Counter(word for word in text.split() if not set(word) <= {"─"})


@pytest.mark.parametrize("widths", [(60, None), pytest.param((80, 140), marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize("view", VIEWS)
def test_every_line_fits_and_nothing_is_lost(
    view: str, widths: Sequence[int | None], show: Callable[[str, int | None], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No word is broken, no cell is cut, no column is left out."""
    monkeypatch.setattr(results, "load_all", keeping(results.load_all))  # the records are read once
    whole = words_of(show(view, WIDE))
    for width in widths:
        text = show(view, width)
        for line in text.splitlines():
            assert cell_len(line) <= (width or 100) or len(line.split()) == 1, (width, line)  # a URL stays whole
        assert whole - words_of(text) == Counter(), f"lost at {width} columns"
        assert "…" not in text and "\x1b" not in text


def keeping(load: Callable[..., list[results.Results]]) -> Callable[..., list[results.Results]]:
    kept = cache(lambda root, names, scales: load(root, list(names), list(scales)))
    return lambda root, names, scales: kept(root, tuple(names), tuple(scales))


@pytest.mark.slow
def test_a_terminal_is_filled_and_coloured_and_a_pipe_gets_plain_text() -> None:
    words = [sys.executable, "-m", "repro", "table", "cifar-cnn"]
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    environment |= {"TERM": "xterm-256color"}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 72, 0, 0))
    with subprocess.Popen(words, cwd=REPO, env=environment, stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        while chunk := read(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    text = shown.decode()
    assert "\x1b[31mnot reproduced" in text
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in text.splitlines()]
    assert 66 < max(map(cell_len, lines)) <= 72
    piped = subprocess.run(words, cwd=REPO, env=environment, capture_output=True, text=True, check=True).stdout
    assert "\x1b" not in piped and 94 < max(map(cell_len, piped.splitlines())) <= 100


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other end is closed
        return b""


COLUMNS = [
    Column("arm", ["ResNet-110 without warm-up", "plain"], words=True),
    Column("ours: mean ± sd (n)", ["6.61 ± 0.16 (n = 5), 1 of 6 diverged", "no runs"]),
    Column("peek bias", ["-0.01", "+0.30"]),
    Column("time", ["3 h 18 min", ""]),
]


def test_a_table_breaks_between_numbers_and_aligns_them_right() -> None:
    assert terminal.printed(terminal.tables(COLUMNS, 60), 60).splitlines()[1:] == [
        "                                           peek",
        "arm                  ours: mean ± sd (n)   bias        time",
        "───────────────────────────────────────────────────────────",
        "ResNet-110 without  6.61 ± 0.16 (n = 5),  -0.01  3 h 18 min",
        "warm-up                  1 of 6 diverged",
        "plain                            no runs  +0.30",
    ]


def test_a_wide_table_continues_below_with_its_first_column() -> None:
    parts = terminal.printed(terminal.tables(COLUMNS, 40), 40).strip().split("\n\n")
    assert [part.splitlines()[-1].split()[0] for part in parts] == ["plain", "plain"]
    assert "3 h 18 min" in parts[1] and "1 of 6 diverged" in parts[0]


def test_a_label_without_a_space_is_broken_only_where_it_must() -> None:
    columns = [Column("arm", ["x" * 70], words=True), Column("error", ["12.34"])]
    lines = terminal.printed(terminal.tables(columns, 60), 60).splitlines()
    assert max(map(len, lines)) <= 60 and sum(line.count("x") for line in lines) == 70


def test_lines_continue_below_their_last_column() -> None:
    assert wrapped("tiny      2 arms   a title of some words that is too long for one line", 40) == (
        "tiny      2 arms   a title of some words\n                   that is too long for\n                   one line"
    )
    assert wrapped("- a note of 8.68 ± 0.30 % (n = 3)", 20) == "- a note of\n  8.68 ± 0.30 %\n  (n = 3)"
    assert (
        wrapped("see https://example.org/a/very/long/address", 20) == "see\n  https://example.org/a/very/long/address"
    )
