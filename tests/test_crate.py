"""`repro export --ro-crate`: what RO-Crate 1.1 and Process Run Crate 0.5 ask for is there, and names nothing local."""

import getpass
import json
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import Result
from helpers import REPO

from repro import records, spec

Cli = Callable[..., Result]
Record = Callable[..., Path]
Entity = dict[str, Any]

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
REQUIRED = {  # type -> what both standards require or recommend of it; `agent` and `url` cannot be known
    "Dataset": {"name", "description", "license", "datePublished", "conformsTo", "hasPart", "mentions"},
    "CreateAction": {"name", "description", "instrument", "object", "result", "endTime", "actionStatus"},
    "SoftwareApplication": {"name", "softwareVersion"},
    "File": {"name", "encodingFormat", "contentSize"},
    "CreativeWork": set(),
    "Person": {"name"},
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def graph(path: Path) -> dict[str, Entity]:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["@context"] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in content["@graph"]}
    assert len(entities) == len(content["@graph"]), "each entity is described once"
    return entities


def referenced(entity: Entity) -> Iterator[str]:
    for value in entity.values():
        for each in as_list(value):
            if isinstance(each, dict):
                assert set(each) == {"@id"}, "the graph is flat"
                yield each["@id"]


def ids(value: Any) -> list[str]:
    return [each["@id"] for each in as_list(value)]


def of_type(entities: dict[str, Entity], kind: str) -> list[Entity]:
    return [entity for entity in entities.values() if kind in as_list(entity["@type"])]


def check(entities: dict[str, Entity], root: Path) -> None:
    """All that a crate must be, whatever its records."""
    assert entities["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    about = entities[entities["ro-crate-metadata.json"]["about"]["@id"]]
    assert about["@id"] == "./" and about["conformsTo"] == {"@id": PROFILE} and PROFILE in entities
    known = {"https://w3id.org/ro/crate/1.1", *entities}
    for entity in entities.values():
        assert set(referenced(entity)) <= known, entity["@id"]
        for kind in as_list(entity["@type"]):
            assert REQUIRED[kind] <= entity.keys(), entity["@id"]
    files, actions = of_type(entities, "File"), of_type(entities, "CreateAction")
    assert sorted(ids(about["hasPart"])) == sorted(file["@id"] for file in files)
    assert sorted(ids(about["mentions"])) == sorted(action["@id"] for action in actions)
    for file in files:
        path = root / unquote(file["@id"])
        assert path.is_file() and str(path.stat().st_size) == file["contentSize"]
        assert root.resolve() in path.resolve().parents
    for action in actions:
        for name in ids(action["instrument"]):
            assert entities[name]["@type"] == "SoftwareApplication"
        assert about["datePublished"] >= action["endTime"]
    for word in (str(root), platform.node(), getpass.getuser(), str(Path.home())):
        assert len(word) < 5 or not re.search(rf"\b{re.escape(word)}\b", json.dumps(entities)), word


@pytest.fixture
def crate(small_root: Path, cli: Cli) -> Callable[..., dict[str, Entity]]:
    """crate("--author", ...): the entities of the small root's crate, checked."""

    def export(*words: str) -> dict[str, Entity]:
        result = cli("export", "--ro-crate", *words)
        assert result.exit_code == 0, result.output
        path = small_root / "ro-crate-metadata.json"
        assert result.stdout == f"{path}\n"
        entities = graph(path)
        check(entities, small_root)
        return entities

    return export


def test_a_trained_run_is_an_action_with_its_files(small_root: Path, cli: Cli, crate: Callable[..., Any]) -> None:
    assert cli("run", "tiny", "--arm", "original", "--threads", "1").exit_code == 0
    record = records.read_run(small_root / "results" / "tiny" / "original" / "seed-0")
    assert record
    entities = crate()
    (action,) = of_type(entities, "CreateAction")
    assert ids(action["result"]) == [
        f"results/tiny/original/seed-0/{name}" for name in ("run.json", "metrics.csv", "predictions.npz")
    ]
    spec_file, data = ids(action["object"])
    assert spec_file == "experiments/tiny.toml" and entities[data]["identifier"] == "digits"
    assert (action["startTime"], action["endTime"]) == (record.sessions[0].started, record.finished)
    assert action["actionStatus"] == "http://schema.org/CompletedActionStatus" and "error" not in action
    (software,) = ids(action["instrument"])
    assert entities[software]["softwareVersion"].startswith(str(record.sessions[0].commit or "unknown"))
    assert record.sessions[0].hardware in action["description"] and "torch" in action["description"]
    assert "Person" not in {entity["@type"] for entity in entities.values() if isinstance(entity["@type"], str)}


def test_what_each_record_makes_of_its_action(record: Record, crate: Callable[..., Any]) -> None:
    record("original", 0, errors=[50.0, 40.0])
    record("original", 1, errors=[90.0], status="diverged", session={"dirty": "f" * 16})
    record("original", 2, errors=[50.0], status="interrupted")
    record("original", 3, errors=[50.0], fingerprint="0" * 16)
    record("bn-after-add", 0, errors=[50.0], trained_as="other/arm/seed-0", finished="2026-02-03T00:00:00+00:00")
    record("original", 0, errors=[50.0], scale="1/2")
    entities = crate()
    names = [f"#results/tiny/{name}" for name in ("bn-after-add/seed-0", "original/seed-0", "original/seed-1")]
    actions = {entity["@id"]: entity for entity in of_type(entities, "CreateAction")}
    assert sorted(actions) == names, "finished, not stale, at full scale"
    copied, done, diverged = (actions[name] for name in names)
    assert entities["./"]["datePublished"] == "2026-02-03T00:00:00+00:00"
    assert "other/arm/seed-0" in copied["description"] and "40.00 %" in done["description"]
    assert diverged["actionStatus"] == "http://schema.org/FailedActionStatus" and "iteration 12" in diverged["error"]
    assert done["instrument"] != diverged["instrument"]
    assert "f" * 16 in entities[diverged["instrument"]["@id"]]["softwareVersion"]
    (action,) = of_type(crate("tiny", "--scale", "1/2"), "CreateAction")
    assert action["@id"] == "#results/scale-1-2/tiny/original/seed-0" and action["name"].endswith("at scale 1/2")


def test_a_resumed_run_names_the_code_of_each_session(record: Record, crate: Callable[..., Any]) -> None:
    folder = record("original", 0, errors=[50.0])
    content = json.loads((folder / "run.json").read_text())
    content["sessions"].append(content["sessions"][0] | {"commit": "def", "iteration": 5})
    (folder / "run.json").write_text(json.dumps(content))
    (action,) = of_type(crate(), "CreateAction")
    assert ids(action["instrument"]) == ["#repro-abc", "#repro-def"]


def test_licence_report_and_authors(small_root: Path, record: Record, crate: Callable[..., Any]) -> None:
    record("original", 0, errors=[50.0])
    entities = crate()
    assert "licence" in entities["./"]["license"] and "author" not in entities["./"], "nothing is made up"
    assert all("agent" not in entity for entity in entities.values())
    (small_root / "LICENSE").write_text("Some Licence 1.0\n\nDo as you like.\n")
    (small_root / "REPORT.md").write_text("# A report\n")
    author = "https://orcid.org/0000-0002-1825-0097"
    entities = crate("--author", f"Josiah Carberry <{author}>")
    assert entities[entities["./"]["license"]["@id"]]["name"] == "Some Licence 1.0"
    assert "REPORT.md" in entities
    (action,) = of_type(entities, "CreateAction")
    assert action["agent"] == entities["./"]["author"] == {"@id": author}
    assert entities[author]["name"] == "Josiah Carberry"
    two = crate("--author", f"A B <{author}>", "--author", "C D <https://orcid.org/0000-0001-5109-3700>")
    assert len(two["./"]["author"]) == 2


def test_the_same_records_give_the_same_bytes(small_root: Path, tmp_path: Path, record: Record, cli: Cli) -> None:
    for seed in range(3):
        record("original", seed, errors=[50.0])
    copy = tmp_path / "a copy"
    shutil.copytree(small_root / "results", copy / "results")
    shutil.copytree(small_root / "experiments", copy / "experiments")
    for root in (small_root, copy):
        assert cli("export", "--ro-crate", root=root).exit_code == 0
    assert cli("export", "--ro-crate", "--out", str(tmp_path / "again.json")).exit_code == 0
    first, second = ((root / "ro-crate-metadata.json").read_bytes() for root in (small_root, copy))
    assert first == second == (tmp_path / "again.json").read_bytes()


def test_the_committed_records(tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "crate.json"
    result = cli("export", "--ro-crate", "--out", str(out), root=REPO)
    assert result.exit_code == 0, result.output
    entities = graph(out)
    check(entities, REPO)
    usable = 0
    for name in spec.names(REPO):
        runs, _ = records.load(REPO, spec.load(name, REPO))
        usable += int((runs.status.isin(["done", "diverged"]) & (runs.stale == "")).sum())
    assert len(of_type(entities, "CreateAction")) == usable > 0
    assert entities[entities["./"]["license"]["@id"]]["name"] == "MIT License"
    assert "REPORT.md" in entities


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "choose a format; allowed: --ro-crate"),
        (("--ro-crate",), "no finished run of tiny at scale 1"),
        (("--ro-crate", "--author", "Ada"), "--author 'Ada'; allowed: 'NAME <https://orcid.org/"),
        (("--ro-crate", "--author", "Ada <https://example.org>"), "allowed: 'NAME <https://orcid.org/"),
        (("--ro-crate", "missing"), "unknown experiment 'missing'"),
    ],
)
def test_a_mistake_is_a_message(words: tuple[str, ...], told: str, small_root: Path, cli: Cli) -> None:
    result = cli("export", *words)
    assert result.exit_code == 2 and told in result.stderr
    assert not (small_root / "ro-crate-metadata.json").exists()


def test_a_file_that_cannot_be_written_is_a_message(small_root: Path, record: Record, cli: Cli) -> None:
    record("original", 0, errors=[50.0])
    result = cli("export", "--ro-crate", "--out", str(small_root / "missing" / "crate.json"))
    assert result.exit_code == 2 and "cannot write" in result.stderr and "No such file" in result.stderr
