"""The commit in a record is that of the code which trains."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result

from repro.step.method import Method
from repro.train import provenance

PACKAGE = provenance.CODE

Cli = Callable[..., Result]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package under version control, in the place of this one."""
    monkeypatch.setattr(provenance, "CODE", tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "-q")
    (tmp_path / "__init__.py").touch()
    commit(tmp_path)
    provenance.code_version.cache_clear()
    yield tmp_path
    provenance.code_version.cache_clear()


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
        provenance.code_version.cache_clear()
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

    before = digest("show/describe.py")
    assert digest("claims/judge.py") == before
    assert all((tmp_path / "repro" / part).exists() for part in provenance.NUMERICS)
    found = [digest(name) for name in ("step/plain.py", "step/kernels/norm.cpp", "models/vgg.py", "data/batches.py")]
    assert len({before, *found}) == 5
    provenance.numerics.cache_clear()


@pytest.fixture
def stamped(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Path:
    """The package in a copy of a stamped tree, without `.git`; CODE is there."""
    ours, copy = tmp_path / "ours", tmp_path / "copy"
    shutil.copytree(PACKAGE, ours / "repro", ignore=shutil.ignore_patterns("*.py[cod]", "__pycache__"))
    (ours / "repro" / "neu und schön.txt").write_text("committed too\n")
    git(ours.parent, "init", "-q", str(ours))
    monkeypatch.setattr(provenance, "CODE", ours / "repro")
    result = cli("stamp")
    assert result.exit_code == 2 and "error: " in result.stderr and "is not in a git checkout" in result.stderr
    head = commit(ours)
    result = cli("stamp")
    assert result.exit_code == 0 and result.stdout == f"{ours / 'COMMIT.json'}: commit {head}\n" and not result.stderr
    shutil.copytree(ours, copy, ignore=shutil.ignore_patterns(".git"))
    monkeypatch.setattr(provenance, "CODE", copy / "repro")
    provenance.code_version.cache_clear()
    return copy / "repro"


def committed(package: Path) -> str:
    return str(json.loads((package.parent / "COMMIT.json").read_text())["commit"])


def test_a_copy_without_git_has_the_commit_it_was_stamped_with(tmp_path: Path, stamped: Path) -> None:
    (stamped / "data" / "__pycache__").mkdir()
    (stamped / "data" / "__pycache__" / "load.cpython-312.pyc").touch()
    assert told() == (git(tmp_path / "ours", "rev-parse", "HEAD"), None)


CHANGES: dict[str, Callable[[Path], object]] = {
    "changed": lambda package: (package / "data" / "load.py").write_text("a = 1\n"),
    "changed otherwise": lambda package: (package / "data" / "load.py").write_text("a = 2\n"),
    "added": lambda package: (package / "new.py").write_text("a = 1\n"),
    "missing": lambda package: (package / "data" / "load.py").unlink(),
    "renamed": lambda package: (package / "errors.py").rename(package / "error.py"),
}


def test_a_stamped_copys_changes_are_told_apart(tmp_path: Path, stamped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for number, change in enumerate(CHANGES.values()):
        for again in range(2):
            package = tmp_path / f"{number}-{again}" / "repro"
            shutil.copytree(stamped.parent, package.parent)
            change(package)
            monkeypatch.setattr(provenance, "CODE", package)
            provenance.code_version.cache_clear()
            found.add(told())
    assert len(found) == len(CHANGES), "the same change has the same hash"
    assert {where for where, _ in found} == {committed(stamped)} and None not in {dirty for _, dirty in found}


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"commit": 1}', '{"commit": "main", "files": {}}', "\udcff", None],
    ids=repr,
)
def test_a_damaged_stamp_is_no_commit(stamped: Path, content: str | None) -> None:
    path = stamped.parent / "COMMIT.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content.encode(errors="surrogateescape"))
    assert told() == (None, None)


def test_a_stamp_names_what_is_committed(stamped: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what the working tree holds: a copy of that is marked, and stamping says so."""
    ours = stamped.parent.parent / "ours" / "repro"
    monkeypatch.setattr(provenance, "CODE", ours)
    (ours / "errors.py").write_text("a = 1\n")
    result = cli("stamp")
    assert result.exit_code == 0 and "will be marked dirty" in result.stderr
    shutil.copytree(ours.parent, stamped.parent, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
    monkeypatch.setattr(provenance, "CODE", stamped)
    where, dirty = told()
    assert where == committed(ours) and dirty
    shutil.copy(PACKAGE / "errors.py", stamped / "errors.py")
    provenance.code_version.cache_clear()
    assert told() == (where, None)
