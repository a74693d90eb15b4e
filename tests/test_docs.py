"""README and the command line say the same."""

import re
from pathlib import Path

from repro import spec
from repro.cli import main

REPO = Path(__file__).resolve().parent.parent


def test_every_command_is_in_readmes_table() -> None:
    table = re.findall(r"^\| `repro ([a-z]+)` \|", (REPO / "README.md").read_text(), re.MULTILINE)
    assert table == list(main.commands)


def test_every_experiment_is_in_readmes_table() -> None:
    table = re.findall(r"^\| `([a-z0-9-]+)` \|", (REPO / "README.md").read_text(), re.MULTILINE)
    assert sorted(table) == spec.names(REPO)


def test_every_room_is_in_readmes_tree() -> None:
    told = set(re.findall(r"^      (\S+?)/?  ", (REPO / "README.md").read_text(), re.MULTILINE))
    rooms = {path.name for path in (REPO / "repro").iterdir() if not path.name.startswith("__")}
    small = {
        "errors.py",
        "fields.py",
        "files.py",
        "interrupts.py",
        "durations.py",
        "wording.py",
    }  # a function or two each
    assert rooms - small == told
