"""repro away from its repository: built-in experiments in any folder, and experiments given by their file's path."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from helpers import REPO, TINY

from repro import spec
from repro.data import catalog
from repro.errors import UserError
from repro.records.results import Results
from repro.run.plan import plan
from repro.spec import places
from repro.spec.freeze import Registry

Cli = Callable[..., Result]
HERE = ("--threads", "1", "--device", "cpu", "--wandb", "off")


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which holds nothing."""
    folder = tmp_path_factory.mktemp("empty")
    monkeypatch.chdir(folder)
    return folder


# --- the built-in experiments ----------------------------------------------------------------------------------------


def test_an_empty_folder_has_the_built_in_experiments_their_queues_and_frozen_claims(cli: Cli, empty: Path) -> None:
    assert spec.names(empty) == list(spec.known(empty)) == spec.names(REPO)
    assert not spec.own(empty)
    assert places.queues(empty).keys() == places.queues(REPO).keys()
    claims = Registry(empty)
    assert claims.in_force("bn-placement") == Registry(REPO).in_force("bn-placement") is not None
    assert claims.difference(spec.load("bn-placement", empty)) == "" and claims.entries == ()
    assert cli("queue", "show", "cpu", root=empty).exit_code == 0
    assert "nothing" not in cli("freeze", "--check", root=empty).stdout
    assert list(empty.iterdir()) == [], "looking writes nothing"


def test_ones_own_experiment_comes_first_and_replaces_a_built_in_one(small_root: Path) -> None:
    own = small_root / "experiments" / "precision.toml"
    own.write_text(TINY.replace('name = "tiny"', 'name = "precision"'))
    assert list(spec.known(small_root))[:2] == ["precision", "tiny"]
    assert spec.load("precision", small_root).file == own
    assert spec.names(small_root) == ["precision", "tiny"], "a command that names none leaves out the others"
    assert Registry(small_root).in_force("precision") is None, "the frozen claims are those of the one it replaces"


def test_a_built_in_experiment_with_results_is_one_of_the_folders(small_root: Path) -> None:
    assert spec.names(small_root) == ["tiny"]
    (small_root / "results" / "demo" / "precision").mkdir(parents=True)
    assert spec.names(small_root) == ["precision", "tiny"]


def test_runs_of_another_experiment_are_started_from_though_it_is_built_in(small_root: Path) -> None:
    text = (REPO / "experiments" / "transfer-small.toml").read_text()
    own = text.replace('name = "transfer-small"', 'name = "mine"', 1)
    (small_root / "experiments" / "mine.toml").write_text(own)
    assert [source.name for source in spec.load("mine", small_root).sources] == ["transfer-small"]


# --- the path of a file ----------------------------------------------------------------------------------------------


@pytest.fixture
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment's file that is in no folder experiments/."""
    path = tmp_path_factory.mktemp("paper") / "mine.toml"
    path.write_text(TINY.replace('name = "tiny"', 'name = "mine"'))
    return path


def test_every_command_takes_a_path_where_it_takes_a_name(cli: Cli, empty: Path, mine: Path) -> None:
    trained = cli("run", str(mine), "--arm", "original", *HERE, root=empty)
    assert trained.exit_code == 0 and "Two tiny networks" in trained.stdout, trained.stderr
    assert (empty / "results" / "mine" / "original" / "seed-0" / "run.json").exists()
    commands = [
        *(["show"], ["show", "--arm", "original"], ["status"], ["table"], ["check"], ["power"], ["freeze"]),
        *(["plot", "--kind", "curves"], ["export", "--ro-crate"], ["wandb", "sync", "--dry-run"]),
        ["run", "--dry-run"],
    ]
    for command in commands:
        done = cli(*command, str(mine), root=empty)
        assert done.exit_code == 0 and not done.stderr.startswith(("warning", "error")), (command, done.output)
    assert (empty / "figures" / "mine" / "curves.svg").exists()
    assert Registry(empty).in_force("mine"), "frozen in the folder of the records"
    shown = json.loads(cli("compare", f"{mine}/original", f"{mine}/original", "--json", root=empty).stdout)
    assert shown
    rows = "\n".join(f"{arm},{seed},{9 + seed / 10}" for arm in ("original", "bn-after-add") for seed in range(3))
    (empty / "theirs.csv").write_text(f"arm,seed,test_error\n{rows}\n")
    assert cli("judge", str(mine), "--results", str(empty / "theirs.csv"), root=empty).exit_code == 0


def test_a_path_is_planned_as_the_name_would_be(small_root: Path) -> None:
    path = str(small_root / "experiments" / "tiny.toml")
    by_path, by_name = (plan(small_root, text, [], 2, spec.FULL) for text in (path, "tiny"))
    assert by_path == by_name
    assert Results.load(small_root, path).name == "tiny"


MISTAKES = {
    "not there": ("none.toml", "cannot read none.toml: No such file or directory"),
    "not a TOML": ("notes.md", "notes.md/..: an experiment is given by its name, or by the path of a TOML file"),
    "not TOML inside": ("text.toml", "text.toml: not valid TOML"),
    "a folder": ("folder.toml", "cannot read folder.toml: Is a directory"),
    "a built-in one's name": ("precision.toml", "precision.toml: a built-in experiment has the same name and other"),
    "a name for a path": ("mine", "unknown experiment 'mine'; did you mean the file ./mine.toml?"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_wrong_path_is_told(case: str, cli: Cli, empty: Path, mine: Path) -> None:
    text, expected = MISTAKES[case]
    (empty / "text.toml").write_text("name = [")
    (empty / "folder.toml").mkdir()
    (empty / "precision.toml").write_text(TINY.replace('name = "tiny"', 'name = "precision"'))
    (empty / "mine.toml").write_bytes(mine.read_bytes())
    given = f"{text}/.." if case == "not a TOML" else text
    for command in ("run", "table", "show"):
        done = cli(command, given, root=empty)
        assert done.exit_code == 2 and expected in done.stderr, done.output
    assert not (empty / "results").exists()


def test_a_copy_of_a_built_in_experiment_is_no_collision(empty: Path) -> None:
    copy = empty / "precision.toml"
    copy.write_bytes((REPO / "experiments" / "precision.toml").read_bytes())
    assert spec.load("precision.toml", empty).file == Path("precision.toml")
    copy.write_text(copy.read_text() + "\n# mine\n")
    with pytest.raises(UserError, match="Rename the file"):
        spec.load("precision.toml", empty)


def test_results_of_a_file_elsewhere_are_named_where_no_file_is(cli: Cli, empty: Path, mine: Path) -> None:
    assert cli("run", str(mine), "--arm", "original", *HERE, root=empty).exit_code == 0
    told = cli("check", root=empty)
    assert told.exit_code == 3 and "results/mine is not read" in told.stdout
    assert "give the path of its file" in told.stdout


# --- the wheel -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_wheel_runs_a_demo_in_an_empty_folder(tmp_path: Path) -> None:
    """Built, installed and run as a user would; the record says the version, and whether the code is as installed."""
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    wheels, site, folder = tmp_path / "wheels", tmp_path / "site", tmp_path / "empty"
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, REPO], check=True)
    (wheel,) = wheels.glob("repro_harness-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)
    folder.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "REPRO_ROOT"} | {"PYTHONPATH": str(site)}

    def repro(*words: str) -> str:
        command = [sys.executable, "-m", "repro", *words]
        return subprocess.check_output(command, cwd=folder, env=environment, text=True)

    def session(seed: int) -> dict[str, object]:
        path = folder / "results" / "demo" / "bn-placement" / "original" / f"seed-{seed}" / "run.json"
        record = json.loads(path.read_text())
        assert record["frozen"] == Registry(REPO).in_force("bn-placement")
        found: dict[str, object] = record["sessions"][0]
        return found

    assert [row["name"] for row in json.loads(repro("list", "--json"))] == spec.names(REPO)
    assert "a check of the pipeline" in repro("run", "bn-placement", "--arm", "original", "--demo", *HERE)
    assert (session(0)["commit"], session(0)["dirty"]) == (None, None)
    assert f"repro_harness-{session(0)['version']}-" in wheel.name
    with (site / "repro" / "numbers.py").open("a") as file:
        file.write("# changed\n")
    repro("run", "bn-placement", "--arm", "original", "--seeds", "2", "--demo", *HERE)
    assert session(1)["dirty"] and session(1)["version"] == session(0)["version"]
    assert list(folder.iterdir()) == [folder / "results"]


def test_data_are_found_where_the_user_keeps_them(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the folder of the project, nor in that of the package."""
    monkeypatch.delenv("REPRO_DATA_DIR", raising=False)
    assert not catalog.data_dir().is_relative_to(empty) and not catalog.data_dir().is_relative_to(places.PACKAGE)
