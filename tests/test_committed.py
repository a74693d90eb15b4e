"""The committed records: each is whole, of today's schema, and a run of today's specs."""

import json
import subprocess
from pathlib import Path

import pytest
from helpers import REPO

from repro import records, spec
from repro.records.record import SCHEMA


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    """The folders of the runs."""
    listed = subprocess.run(["git", "ls-files", "results"], cwd=REPO, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not in a git checkout")
    folders = [(REPO / name).parent for name in listed.stdout.splitlines() if name.endswith("/run.json")]
    assert folders
    return folders


def test_they_are_of_todays_schema(committed: list[Path]) -> None:
    assert {json.loads((folder / "run.json").read_text())["schema"] for folder in committed} == {SCHEMA}


def test_they_are_whole(committed: list[Path]) -> None:
    for folder in committed:
        record = records.read_run(folder)
        assert record and record.is_finished and record.final, folder
        last = records.read_metrics(folder).iloc[-1]
        assert (last.iteration, last.test_error) == (record.iteration, record.final.test_error), folder
        top1, label = records.read_predictions(folder)
        kept = record.final
        if records.trained_recipe(folder).keep == "lowest-validation-loss":
            assert record.best_on_validation, folder
            kept = record.best_on_validation
        assert 100 * (top1 != label).mean() == pytest.approx(kept.test_error), folder


def test_none_is_stale(committed: list[Path]) -> None:
    stale = {}
    for scale in records.scales(REPO):
        for name in spec.names(REPO):
            for run in records.load(REPO, spec.load(name, REPO), scale)[0].itertuples():
                stale[records.folder_of(REPO, scale, name, run.arm, run.seed)] = run.stale
    assert {folder: stale[folder] for folder in committed if stale[folder]} == {}
