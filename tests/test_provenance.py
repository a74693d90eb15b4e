"""The commit in a record is that of the code which trains."""

import json
import os
import shutil
import subprocess
import sys
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
@pytest.mark.fault(
    "a damaged COMMIT.json",
    "the commit counts as unknown",
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


# --- odd files beside the code ---------------------------------------------------------------------------------------


def add_nested_repository(folder: Path) -> None:
    (folder / "nested").mkdir()
    git(folder / "nested", "init", "-q")
    (folder / "nested" / "code.py").write_text("a = 1\n")
    commit(folder / "nested")


def undecodable(folder: Path) -> Path:
    return folder / os.fsdecode(b"caf\xe9.py")


# what is put beside the code -> whether it changes the code, and what of it cannot be read
ODD: dict[str, tuple[Callable[[Path], object], bool, list[str]]] = {
    "an editor's lock": (lambda folder: (folder / ".#__init__.py").symlink_to("somebody.1234:5678"), False, []),
    "a FIFO": (lambda folder: os.mkfifo(folder / "pipe.py"), False, []),
    "a nested repository": (add_nested_repository, True, ["nested"]),
    "Latin-1 in a new file": (lambda folder: (folder / "new.py").write_bytes(b"# \xe9\xe8\n"), True, []),
    "Latin-1 in a diff": (lambda folder: (folder / "__init__.py").write_bytes(b"# \xe9\xe8\n"), True, []),
    "an undecodable name": (lambda folder: undecodable(folder).write_text("a = 1\n"), True, []),
    "a link to a FIFO": (lambda folder: (os.mkfifo(folder / "p"), (folder / "q").symlink_to("p")), True, ["q"]),
    "a link to a folder": (lambda folder: (folder / "link").symlink_to("/usr"), True, ["link"]),
    "an unreadable file": (lambda folder: (folder / "new.py").symlink_to("/proc/self/mem"), True, ["new.py"]),
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.fault(
    "lock links, pipes, nested repositories, unreadable and oddly named files beside the code",
    "the run's session lists what could not be read",
)
def test_odd_files_beside_the_code_are_recorded_and_cost_no_run(checkout: Path, what: str) -> None:
    add, changes, unread = ODD[what]
    assert told() == (git(checkout, "rev-parse", "HEAD"), None)
    add(checkout)
    provenance.code_version.cache_clear()
    session = json.loads(json.dumps(provenance.collect(torch.device("cpu"), Method())).encode())
    assert session["commit"] == git(checkout, "rev-parse", "HEAD")
    assert bool(session["dirty"]) == changes and session.get("unread", []) == unread


def test_an_answer_that_git_does_not_give_is_recorded_as_a_change(checkout: Path) -> None:
    """A file that git cannot read: here one that it has lost."""
    (checkout / "__init__.py").write_text("a = 1\n")
    (blob,) = git(checkout, "ls-files", "--stage").split()[1:2]
    (checkout / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    provenance.code_version.cache_clear()
    session = provenance.collect(torch.device("cpu"), Method())
    assert session["commit"] and session["dirty"] and session["unread"] == ["git diff"]


@pytest.mark.parametrize("what", [name for name in ODD if "diff" not in name])
def test_odd_files_beside_a_stamped_copy(stamped: Path, what: str) -> None:
    add, _, _ = ODD[what]
    for part in ("", *(name for name in provenance.NUMERICS if (stamped / name).is_dir())):
        add(stamped / part)
    provenance.code_version.cache_clear()
    provenance.numerics.cache_clear()
    session = json.loads(json.dumps(provenance.collect(torch.device("cpu"), Method())).encode())
    provenance.numerics.cache_clear()
    assert session["commit"] == committed(stamped) and session["numerics"]
    unreadable = [name for name in session.get("unread", []) if Path(name).name == "new.py"]
    assert len(unreadable) == (4 if what == "an unreadable file" else 0)


def test_a_file_name_that_is_no_text_can_be_committed(tmp_path: Path, stamped: Path, cli: Cli) -> None:
    ours = tmp_path / "ours" / "repro"
    undecodable(ours).write_text("a = 1\n")
    commit(ours)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "CODE", ours)
        provenance.code_version.cache_clear()
        assert cli("stamp").exit_code == 0
    shutil.copy(ours.parent / "COMMIT.json", stamped.parent)
    shutil.copy(undecodable(ours), undecodable(stamped))
    provenance.code_version.cache_clear()
    assert told() == (committed(stamped), None)


@pytest.mark.slow
def test_a_run_trains_beside_odd_files(tmp_path: Path, small_root: Path) -> None:
    """From the command, in a process of its own, which must not wait for any of them."""
    shutil.copytree(PACKAGE, tmp_path / "code" / "repro", ignore=shutil.ignore_patterns("__pycache__"))
    git(tmp_path / "code", "init", "-q")
    head = commit(tmp_path / "code")
    for number, (add, _, _) in enumerate(ODD.values()):
        for folder in ("", "data", "step/kernels"):
            (odd := tmp_path / "code" / "repro" / folder / f"odd{number}").mkdir()
            (odd / "__init__.py").touch()
            add(odd)
    command = [sys.executable, "-m", "repro", "--root", str(small_root), "run", "tiny", "--arm", "original"]
    done = subprocess.run(
        [*command, "--threads", "1"],
        cwd=tmp_path / "code",
        env=os.environ | {"PYTHONPATH": str(tmp_path / "code")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((small_root / "results" / "tiny" / "original" / "seed-0" / "run.json").read_text())
    assert record["sessions"][0]["commit"] == head and record["sessions"][0]["dirty"]
    assert "repro/" not in json.dumps(record["sessions"][0]["unread"]), "names in the package only"
