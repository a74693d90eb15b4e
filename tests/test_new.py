"""repro new: what it writes runs as it is; and README's five minutes, line by line."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from helpers import REPO

from repro import spec

Cli = Callable[..., Result]
HERE = ("--threads", "1", "--device", "cpu", "--wandb", "off")


def test_the_template_runs_as_it_is_and_ends_with_a_verdict(cli: Cli, tmp_path: Path) -> None:
    written = cli("new", "my-claim", root=tmp_path)
    assert written.exit_code == 0, written.stderr
    path = tmp_path / "experiments" / "my-claim.toml"
    assert written.stdout == f"{path} written. To try it: repro run my-claim --demo\n"
    demo = cli("run", "my-claim", "--demo", *HERE, root=tmp_path)
    assert demo.exit_code == 0 and "What momentum" not in demo.stdout, "a demo judges nothing"
    assert cli("freeze", root=tmp_path).exit_code == 0
    judged = cli("run", "my-claim", "--seeds", "3", *HERE, root=tmp_path)
    assert judged.exit_code == 0 and re.search(r"momentum-helps +\w", judged.stdout), judged.output
    assert "not frozen" not in cli("show", "my-claim", root=tmp_path).stdout


def test_the_comments_of_the_template_are_valid_too(tmp_path: Path, cli: Cli) -> None:
    """What is offered as a comment can be used: without the # it is valid."""
    cli("new", "mine", root=tmp_path)
    path = tmp_path / "experiments" / "mine.toml"
    commented = re.compile(r"^# (?=(\[\[|\w+ = ))", re.MULTILINE)
    text = path.read_text()
    assert len(commented.findall(text)) >= 10
    path.write_text(commented.sub("", text))
    experiment = spec.load("mine", tmp_path)
    assert experiment.arm("momentum").published and experiment.deviations and experiment.readings


@pytest.mark.parametrize("name", spec.names(REPO))
def test_a_copy_is_the_experiment_under_another_name(name: str, cli: Cli, tmp_path: Path) -> None:
    assert cli("new", "mine", "--from", name, root=tmp_path).exit_code == 0
    copy, original = spec.load("mine", tmp_path), spec.load(name, REPO)
    assert copy.name == "mine" and copy.claims == original.claims
    assert all(source.name != name for source in copy.sources), "weights are those of its own runs"


MISTAKES = {
    "taken": ("tiny", (), "there is an experiment 'tiny' already"),
    "built in": ("precision", (), "there is an experiment 'precision' already (it is built in)"),
    "no name": ("My Claim", (), "NAME = 'My Claim' is not allowed; allowed: lower-case letters"),
    "a path": ("../mine", (), "NAME = '../mine' is not allowed"),
    "a scale": ("scale-1-2", (), "choose another name"),
    "unknown source": ("mine", ("--from", "nothing"), "unknown experiment 'nothing'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_nothing_is_written_over_or_beside(case: str, cli: Cli, small_root: Path) -> None:
    name, options, expected = MISTAKES[case]
    before = {path: path.read_bytes() for path in small_root.rglob("*") if path.is_file()}
    done = cli("new", name, *options)
    assert done.exit_code == 2 and expected in done.stderr, done.output
    assert {path: path.read_bytes() for path in small_root.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_readmes_five_minutes(tmp_path: Path) -> None:
    """The commands as they stand there, in an empty folder; the verdict rests on runs that began after the freeze."""
    section = (REPO / "README.md").read_text().split("## Your own claim in five minutes\n")[1].split("\n## ")[0]
    lines = re.findall(r"^    (.+)$", section, re.MULTILINE)
    assert len(lines) == 6 and [line.split()[0] for line in lines] == ["mkdir", *["repro"] * 5]
    script = "\n".join(["set -e", f'repro() {{ "{sys.executable}" -m repro "$@"; }}', *lines])
    environment = {key: value for key, value in os.environ.items() if key != "REPRO_ROOT"} | {"PYTHONPATH": str(REPO)}
    command = ["bash", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "post hoc" not in done.stdout
    assert re.search(r"momentum-helps +(reproduced|not reproduced|inconclusive)", done.stdout), done.stdout
    assert (tmp_path / "my-paper" / "results" / "my-claim" / "none" / "seed-4" / "run.json").exists()
