"""Records of an older schema: what is added, what must not change, and that they count as before."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from repro import records, spec
from repro.records.results import Results

Record = Callable[..., Path]


def as_schema_1(folder: Path) -> dict[str, Any]:
    """Turn a record of today's into what version 1 wrote; its content."""
    path = folder / "run.json"
    record: dict[str, Any] = json.loads(path.read_text())
    recipe = record["run"]["recipe"]
    settled = recipe.pop("precision")  # left out of the fingerprint where it was open
    record["fingerprint"] = spec.identity(recipe, record["seed"], record["data_checksum"], record["recipe_version"])
    recipe["precision"] = None
    assert settled == record["sessions"][0]["precision"]
    del record["frozen"], record["digests"], record["final"]["test_error_fp32"]
    record["schema"] = 1
    path.write_text(json.dumps(record))
    return record


@pytest.mark.parametrize("precision, in_fp32", [("fp32", 41.25), ("bf16", None)])
def test_migrating_changes_no_number(
    small_root: Path, record: Record, cli: Callable[..., Result], precision: str, in_fp32: float | None
) -> None:
    folder = record("original", 0, errors=[50.0, 41.25], session={"precision": precision})
    today = records.read_run(folder)
    old = as_schema_1(folder)
    before = Results.load(small_root, "tiny").runs
    assert list(before.stale) == [""], "it counts before it is migrated"
    done = cli("migrate")
    assert "results/tiny/original/seed-0" in done.stdout and "1 records rewritten" in done.stdout
    assert Results.load(small_root, "tiny").runs.equals(before)
    new = json.loads((folder / "run.json").read_text())
    assert today and new["fingerprint"] == today.fingerprint
    assert new["fingerprint_schema_1"] == old["fingerprint"]
    assert new["run"]["recipe"]["precision"] == precision
    assert new["final"].pop("test_error_fp32") == in_fp32
    same = {*old} - {"schema", "fingerprint", "run"}
    assert {key: new[key] for key in same} == {key: old[key] for key in same}
    assert "0 records rewritten" in cli("migrate").stdout


def test_a_record_that_was_stale_stays_stale(small_root: Path, record: Record) -> None:
    folder = record("original", 0, errors=[50.0])
    old = as_schema_1(folder)
    (folder / "run.json").write_text(json.dumps(old | {"fingerprint": "0" * 16}))
    assert Results.load(small_root, "tiny").runs.stale[0]


def test_digests_are_added_to_sound_records_alone(small_root: Path, record: Record, cli: Callable[..., Result]) -> None:
    sound, unfinished = record("original", 0, errors=[50.0]), record("original", 1, errors=[50.0], status="interrupted")
    damaged, unreadable = record("original", 2, errors=[50.0]), record("original", 3, errors=[50.0])
    (damaged / "metrics.csv").unlink()
    (unreadable / "run.json").write_text("{")
    before = {folder: (folder / "run.json").read_text() for folder in (sound, unfinished, damaged, unreadable)}
    done = cli("migrate")
    assert done.exit_code == 1 and done.stdout == "results/tiny/original/seed-0\n1 records rewritten\n"
    assert [line.split(": ")[1].split(" cannot")[0] for line in done.stderr.splitlines()] == [
        str(damaged / "metrics.csv"),
        str(unreadable / "run.json"),
    ]
    found = records.read_run(sound)
    assert found and found.digests == records.digests(sound) and records.faults(sound, found) == []
    assert {folder for folder, text in before.items() if (folder / "run.json").read_text() != text} == {sound}
