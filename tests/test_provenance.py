"""The commit in a record is that of the code which trains."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from repro import provenance
from repro.method import Method


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package under version control, in the place of this one."""
    monkeypatch.setattr(provenance, "CODE", tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "-q")
    (tmp_path / "__init__.py").touch()
    commit(tmp_path)
    provenance._code.cache_clear()
    yield tmp_path
    provenance._code.cache_clear()


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "a change")
    return git(folder, "rev-parse", "HEAD")


def told() -> tuple[Any, Any]:
    session = provenance.collect(torch.device("cpu"), Method())
    return session["commit"], session["dirty"]


def test_a_clean_checkout(checkout: Path) -> None:
    assert told() == (git(checkout, "rev-parse", "HEAD"), None)


@pytest.mark.parametrize("name", ["__init__.py", "new.py", "neu und schön.py"])
def test_changes_are_told_apart(checkout: Path, name: str) -> None:
    found = set()
    for text in ("a = 1\n", "a = 2\n"):
        (checkout / name).write_text(text)
        provenance._code.cache_clear()
        found.add(told()[1])
    assert len(found) == 2 and None not in found


def test_what_is_committed_while_a_process_trains_is_not_what_trains(checkout: Path) -> None:
    before = told()
    (checkout / "__init__.py").write_text("a = 1\n")
    assert told() == before
    commit(checkout)
    assert told() == before


def test_outside_a_checkout(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "__init__.py").touch()
    monkeypatch.setattr(provenance, "CODE", tmp_path / "installed")
    assert told() == (None, None), "in a checkout of something else"


def test_the_processor_is_recorded_and_no_serial_number_of_it() -> None:
    found = provenance.processor()
    if found is None:
        pytest.skip("this system does not describe its processor")
    assert found.keys() <= {"vendor", "family", "model", "stepping", "instruction_sets"}
    assert found["instruction_sets"] == sorted(set(found["instruction_sets"]))


def test_numerics_move_with_the_code_that_numbers_go_through_and_with_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(provenance.CODE, tmp_path / "repro", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "CODE", tmp_path / "repro")

    def digest(name: str) -> str:
        with (tmp_path / "repro" / name).open("a") as file:
            file.write("\n")
        provenance.numerics.cache_clear()
        return provenance.numerics()

    before = digest("describe.py")
    assert digest("judge.py") == before
    assert all((tmp_path / "repro" / part).exists() for part in provenance.NUMERICS)
    found = [digest(name) for name in ("step.py", "fast/norm.cpp", "models/vgg.py", "data/batches.py")]
    assert len({before, *found}) == 5
    provenance.numerics.cache_clear()
