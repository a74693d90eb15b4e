"""Random specs, queues, command lines and checkpoints: a message and an exit code, never a traceback."""

import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from click.testing import Result
from fuzzing import Fuzz, places
from helpers import SETTINGS, TINY, StopAfter, assert_same_bits, finish, small_run
from hypothesis import strategies as st

from repro import records
from repro.train import checkpoint

Cli = Callable[..., Result]
Record = Callable[..., Path]

NO_TRACEBACK = "a message, exit code 2 (or the command works); no traceback"
CODES = (0, 1, 2, 3, 4)

WORDS = (
    *("", " ", "x", "tiny", "original", "a" * 300, "../x", "/abs", "demo", "scale-1-2", "sgd", "adam", "cifar10[cat]"),
    *("folder:x", "folder:../x", "train45k", "1/2", "1/0", "$\\frac{", "<b>", "%s", "{0}", "é", "\u202e", "nan", "-1"),
)
WHOLE = (0, 1, -1, 2, 7, 12, 10**6, 10**9, 10**18, 10**30)
REAL = (0.0, -0.0, 0.5, 1.0, 1e-300, 1e300, float("inf"), float("nan"))
VALUES = st.recursive(
    st.sampled_from([*WORDS, *WHOLE, *REAL, True, False]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=6,
)


def mutated(text: str, changes: list[tuple[str, int, Any]]) -> str:
    """The document with each change made: a value replaced, a key deleted, or one added, at a random place."""
    tree = tomllib.loads(text)
    for how, where, value in changes:
        if not (found := list(places(tree))):
            break
        container, key = found[where % len(found)]
        if how == "replace":
            container[key] = value
        elif how == "delete":
            del container[key]
        elif isinstance(container, dict):
            container[str(where)] = value
        else:
            container.append(value)
    return tomli_w.dumps(tree)


CHANGES = st.lists(
    st.tuples(st.sampled_from(["replace", "replace", "delete", "add"]), st.integers(0, 10**4), VALUES),
    min_size=1,
    max_size=3,
)
BYTES = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "insert"]), st.integers(0, 10**4), st.binary(max_size=3)),
    min_size=1,
    max_size=3,
)


def damaged(content: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    """The bytes with some flipped, inserted, or everything after a place cut off."""
    for how, where, new in changes:
        at = where % (len(content) + 1)
        if how == "cut":
            content = content[:at]
        elif how == "insert":
            content = content[:at] + new + content[at:]
        elif content:
            at %= len(content)
            content = content[:at] + bytes([content[at] ^ (1 + (new[0] if new else 0) % 255)]) + content[at + 1 :]
    return content


def ends_well(cli: Cli, *words: str) -> None:
    """The command raises nothing (`cli` would pass it on), and what it prints cannot move the cursor."""
    result = cli(*words)
    assert result.exit_code in CODES, (words, result.exit_code, result.output)
    assert "\x1b" not in result.output and "Traceback" not in result.output


# --- specs and queues ------------------------------------------------------------------------------------------------

SHORT = """
name = "short"
title = "A short queue"

[[entry]]
experiment = "tiny"
arms = ["original"]
seeds = 2
scale = "1/2"
"""


@pytest.mark.fault("specs with random values, keys and tables", NO_TRACEBACK)
def test_specs(fuzz: Fuzz, cli: Cli, small_root: Path) -> None:
    spec = small_root / "experiments/tiny.toml"

    def check(changes: list[tuple[str, int, Any]]) -> None:
        spec.write_text(mutated(TINY, changes))
        for command in (["show", "tiny"], ["table", "tiny"], ["run", "tiny", "--dry-run", "--seeds", "2"]):
            ends_well(cli, *command)

    fuzz(CHANGES, check)


@pytest.mark.fault("specs with damaged bytes", NO_TRACEBACK)
def test_specs_of_damaged_bytes(fuzz: Fuzz, cli: Cli, small_root: Path) -> None:
    spec = small_root / "experiments/tiny.toml"

    def check(changes: list[tuple[str, int, bytes]]) -> None:
        spec.write_bytes(damaged(TINY.encode(), changes))
        ends_well(cli, "show", "tiny")
        ends_well(cli, "status")

    fuzz(BYTES, check)


@pytest.mark.fault("queues with random values, keys and tables", NO_TRACEBACK)
def test_queues(fuzz: Fuzz, cli: Cli, small_root: Path) -> None:
    queue = small_root / "experiments/queues/short.toml"
    queue.parent.mkdir()

    def check(changes: list[tuple[str, int, Any]]) -> None:
        queue.write_text(mutated(SHORT, changes))
        ends_well(cli, "queue", "show", "short")
        ends_well(cli, "queue", "run", "short", "--dry-run")

    fuzz(CHANGES, check)


# --- command lines ---------------------------------------------------------------------------------------------------

SAFE = "list show status table compare plot report power freeze migrate judge export run".split()
OPTIONS = """-- -h --demo --scale --format --json --arm --seed --seeds --kind --check --results --paired --per-class
--form --until-decided --jobs --precision --threads --time-limit""".split()
ARGUMENTS = (*WORDS, *OPTIONS, *"tiny/original tiny/bn-after-add 3 curves md csv mlrc auto bf16 1h".split())
LINES = st.tuples(st.sampled_from(SAFE), st.lists(st.sampled_from(ARGUMENTS), max_size=6))


@pytest.mark.fault("random command lines", NO_TRACEBACK)
def test_command_lines(fuzz: Fuzz, cli: Cli, small_root: Path, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """What trains gets --dry-run, and files are written within the test's folder."""
    for seed in range(2):
        record("original", seed, errors=[50.0, 40.0 + seed])
        record("bn-after-add", seed, errors=[50.0, 41.0 + seed])
    here = small_root / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def check(line: tuple[str, list[str]]) -> None:
        command, words = line
        trains = ["--dry-run"] if command == "run" else []
        writes = ["--out", str(here)] if command in ("plot", "export") else []
        ends_well(cli, command, *trains, *writes, *[word for word in words if word not in ("--out", "/abs")])

    fuzz(LINES, check)


# --- checkpoints -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.fault(
    "checkpoints with damaged bytes, the current one or both",
    "the one before it is used, or the run begins anew; of every tenth case, trained to its end, the same bits",
)
def test_checkpoints(fuzz: Fuzz, tmp_path: Path) -> None:
    model = {"name": "mlp", "hidden": [8], "dropout": 0.2, "init": "torch-default"}
    run = small_run(iterations=6, model=model, evaluate_every=6)
    settings = replace(SETTINGS, checkpoint_every=2)
    finish(run, tmp_path / "straight", settings)
    finish(run, tmp_path / "stopped", settings, StopAfter(iterations=5))
    again, names = tmp_path / "again", (checkpoint.CURRENT, checkpoint.PREVIOUS)
    shutil.copytree(tmp_path / "stopped", again)
    sound = {name: (again / name).read_bytes() for name in names}
    record = records.read_run(again)
    assert record

    def check(case: tuple[list[tuple[str, int, bytes]], bool, bool]) -> None:
        changes, both, to_the_end = case
        if to_the_end:
            shutil.rmtree(again)
            shutil.copytree(tmp_path / "stopped", again)
        files = {name: damaged(sound[name], changes) if both or name == names[0] else sound[name] for name in names}
        for name, content in files.items():
            (again / name).write_bytes(content)
        state = checkpoint.load(again, [record.fingerprint], lambda text: None)
        intact = [iteration for name, iteration in zip(names, (5, 4), strict=True) if files[name] == sound[name]]
        assert (state["learner"]["iteration"] if state else None) == (intact[0] if intact else None)
        if to_the_end:
            finish(run, again, settings)
            assert_same_bits(tmp_path / "straight", again)

    once_in_ten = st.integers(0, 9).map(lambda number: number == 9)
    fuzz(st.tuples(BYTES, st.booleans(), once_in_ten), check)
