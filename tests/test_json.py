"""docs/json.md and what the commands print for programs are the same: every key, with its types."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from helpers import REPO

from repro.cli import main

Cli = Callable[..., Result]

TYPES = {str: "text", bool: "boolean", int: "integer", float: "number", type(None): "null"}
LINE = re.compile(r"^    (\S(?:\S| (?! ))*) +((?:text|integer|number|boolean|null|object|any)(?: or \w+)*)(?: {2,}|$)")

COMMANDS = [
    "list",
    "show vgg-fashion --arm vgg11",
    "status",
    "run resnet-depth --dry-run",
    "queue list",
    "queue show full",
    "queue run full --dry-run",
    "why cifar-cnn --no-run",
    "why resnet-depth --no-run",
    "table cifar-cnn resnet-depth resnet18-adam",
    "table bn-placement --scale 1/200",
    "table cifar-cnn --per-class",
    "table mnist-mlp --curves",
    "compare resnet18-adam/lenet resnet18-adam/lenet-1e-3",
    "compare resnet18-adam/lenet resnet18-adam/lenet-1e-3 --paired",
    "compare bn-placement/original bn-placement/full-preact --scale 1/200",
    "check cifar-cnn",
    "power precision",
    "freeze --check",
    "data list",
    "doctor",
]


def documented() -> dict[str, dict[str, set[str]]]:
    """Command -> path -> types, as docs/json.md states them."""
    found: dict[str, dict[str, set[str]]] = {}
    for section in (REPO / "docs/json.md").read_text().split("\n## repro ")[1:]:
        name, *lines = section.splitlines()
        found[name] = {m[1]: set(m[2].split(" or ")) for line in lines if (m := LINE.match(line))}
        assert len(found[name]) == sum(line.startswith("    ") for line in lines), name
    found["queue run"], found["judge"] = found["run"], found["table"]
    return found


def printed(value: Any, path: str, known: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """(path, type) of each value within; what is documented as an object or as anything is not entered."""
    if {"object", "any"} & known.get(path, set()):
        yield path, "null" if value is None else "any" if "any" in known[path] else "object"
    elif isinstance(value, dict):
        for key, inner in value.items():
            below = f"{path}.{key}" if path else key
            generic = f"{path}.*"
            free = any(known_path == generic or known_path.startswith(f"{generic}.") for known_path in known)
            yield from printed(inner, generic if free else below, known)
    elif isinstance(value, list):
        for inner in value:
            yield from printed(inner, f"{path}[]", known)
    else:
        yield path, TYPES[type(value)]


def assert_documented(content: Any, known: dict[str, set[str]]) -> None:
    for path, kind in printed(content, "", known):
        assert path in known, path
        assert kind in known[path] or (kind == "integer" and "number" in known[path]), (path, kind)


@cache
def content_of(words: str) -> Any:
    """What a command prints of this project's records."""
    done = CliRunner().invoke(main, ["--root", str(REPO), *words.split(), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("words", COMMANDS)
def test_what_is_printed_is_documented(words: str) -> None:
    name = next(name for name in documented() if words.startswith(name))
    assert_documented(content_of(words), documented()[name])


def test_what_is_documented_is_printed() -> None:
    """No line of the document is about a key that no command prints any more."""
    known = documented()
    seen: dict[str, set[str]] = {name: set() for name in known}
    for words in COMMANDS:
        name = next(name for name in known if words.startswith(name))
        seen[name] |= {path for path, _ in printed(content_of(words), "", known[name])}
    after_training = {"exit_code", "stopped", "not_begun", "runs.*.status", "runs.*.message", "training"}
    wrong = re.compile(r"faults\[\]|experiments\[\]\.(unfinished|changes)|same_run\[\]|\.effect\.interval$|^interval$")
    for name in known.keys() - {"show", "bench", "run", "queue list", "queue run", "judge"}:
        left = {path for path in set(known[name]) - seen[name] - after_training if not wrong.search(path)}
        assert left == set(), name


def test_every_command_with_json_is_in_the_document() -> None:
    def having(group: click.Group, before: str = "") -> Iterator[str]:
        for name, command in group.commands.items():
            if isinstance(command, click.Group):
                yield from having(command, f"{before}{name} ")
            elif any("--json" in parameter.opts for parameter in command.params):
                yield before + name

    assert sorted(documented()) == sorted(having(main))


def test_faults_and_changed_claims_as_json(
    small_root: Path, record: Callable[..., Path], edit: Callable[..., Path], cli: Cli
) -> None:
    """What a program has to act on: each fault and each changed field by itself, and exit code 3."""
    (record("original", 0, errors=[50.0]) / "metrics.csv").write_text("")
    (small_root / "results" / "notes").mkdir()
    done = cli("check", "--json")
    content = json.loads(done.stdout)
    assert done.exit_code == 3 and content["records"] == 1
    assert [(fault["kind"], fault["path"]) for fault in content["faults"]] == [
        ("damaged", "results/tiny/original/seed-0/metrics.csv"),
        ("stray", "results/notes"),
    ]
    assert_documented(content, documented()["check"])
    (row,) = json.loads(cli("freeze", "--check", "--json").stdout)["experiments"]
    assert (row["matches"], row["frozen_rules"]) == (False, None)
    assert [change["change"] for change in row["changes"]] == ["new"]
    assert cli("freeze").exit_code == 0
    edit({"margin = 0.3": "margin = 0.4"})
    done = cli("freeze", "--check", "--json")
    (row,) = json.loads(done.stdout)["experiments"]
    assert done.exit_code == 3
    assert row["changes"] == [
        {
            "claim": "bn-after-add-is-worse",
            "change": "changed",
            "fields": [{"field": "margin", "now": 0.4, "frozen": 0.3}],
        }
    ]
    assert_documented(json.loads(done.stdout), documented()["freeze"])
    assert cli("freeze", "--json").exit_code == 2
