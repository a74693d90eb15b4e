"""`repro wandb review`: what a reviewer opens says what the records say. Read back from offline files and from JSON."""

import itertools
import json
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wandb_offline
from click.testing import Result
from fake_wandb import FakeWandb
from PIL import Image

from repro import records
from repro.data import catalog
from repro.records import links
from repro.records.results import Results
from repro.show import report, tables
from repro.show.plots import pixels
from repro.spec import FULL
from repro.tracking import content, mirror


@pytest.fixture
def recorded(record: Callable[..., Path]) -> dict[tuple[str, int], Path]:
    """Two arms of two seeds at full scale, with predictions of the real test images."""
    digits = catalog.describe("digits")
    _, labels = pixels.read_images(digits, catalog.data_dir(), list(range(digits.test_images)), None)
    folders = {}
    for arm, final in (("original", 40.0), ("bn-after-add", 44.0)):
        for seed in (0, 1):
            folder = record(arm, seed, errors=[60.0, final + seed, final + 2 * seed])
            more = round(3.6 * (final + 2 * seed)) - 5
            wrong = [*range(5), *(range(5, 5 + more) if seed == 0 else range(360 - more, 360))]  # five in every run
            top1 = labels.copy()
            top1[wrong] = (top1[wrong] + 1) % 10
            records.write_predictions(folder, top1, labels)
            folders[arm, seed] = folder
    return folders


def texts(block: Any) -> str:
    if isinstance(block, list):
        return "".join(map(texts, block))
    return texts(list(block.values())) if isinstance(block, dict) else block if isinstance(block, str) else ""


@pytest.mark.slow
def test_a_review_says_what_the_records_say(
    cli: Callable[..., Result], small_root: Path, recorded: dict[tuple[str, int], Path]
) -> None:
    (small_root / "REPORT.md").write_text("# The report")
    result = cli("wandb", "review", "tiny", "--save-json", str(small_root / "review.json"))
    assert result.exit_code == 0, result.output
    (found,) = json.loads((small_root / "review.json").read_text())["reports"]
    assert_a_section_a_claim(found, small_root, recorded)
    assert_tables_figures_images_and_papers(small_root)


def assert_a_section_a_claim(reviewed: dict[str, Any], small_root: Path, recorded: dict[tuple[str, int], Path]) -> None:
    (claim,) = tables.summarise(Results.load(small_root, "tiny")).claims
    blocks = reviewed["spec"]["blocks"]
    heads = [i for i, block in enumerate(blocks) if block["type"] == "heading"]
    start = next(i for i in heads if claim.id in texts(blocks[i]["children"]))
    assert claim.verdict in texts(blocks[start]["children"])
    assert claim.says in texts(blocks[start + 1]) and claim.sentence in texts(blocks[start + 2])
    grid = blocks[start + 3]["metadata"]
    (runs,) = grid["runSets"]
    assert runs["grouping"] == [{"section": "config", "name": "arm.value"}]
    kept = [records.read_run(folder) for folder in recorded.values()]
    assert sorted(runs["filters"]["filters"][0]["value"]) == sorted(content.run_id(r) for r in kept if r)
    curves, bars = (panel["config"] for panel in grid["panelBankSectionConfig"]["panels"])
    assert curves["xAxis"] == "iteration" and curves["metrics"] == ["test_error", "published_test_error"]
    assert "summary_metrics.final_test_error" in bars["metrics"] and bars["groupBy"] == "arm.value"


def assert_tables_figures_images_and_papers(small_root: Path) -> None:
    (path,) = small_root.glob("wandb/offline-run-*/run-review-*.wandb")
    segment = wandb_offline.read(path)
    assert (segment.project, segment.group, segment.job_type) == ("tiny", "tiny", "review")
    (shown,) = segment.history
    assert {"arms", "claims", "hardest", "figures/final", "figures/curves"} <= {key.split(".")[0] for key in shown}
    assert segment.artifacts["review-tiny"] == ["REPORT.md", "tiny.toml"], "and no other file"
    arms = table(path.parent, "arms")
    assert [(row["arm"], row["n"], row["mean"]) for row in arms] == [("original", 2, 41.0), ("bn-after-add", 2, 45.0)]
    assert arms[0]["published"] == 40.0
    hardest = table(path.parent, "hardest")
    assert [row["runs wrong"] for row in hardest] == [4] * 5 + [2] * 19
    assert hardest[0]["original predicts"] == f"{(int(hardest[0]['true class']) + 1) % 10} x2"


@pytest.mark.slow
def test_a_review_of_a_reduced_scale_judges_no_claim(
    cli: Callable[..., Result],
    small_root: Path,
    record: Callable[..., Path],
    outcomes: Callable[[str], list[str]],
) -> None:
    """One section over all runs, in place of one per claim; nothing published, neither numbers nor deviations."""
    for seed in range(3):
        record("original", seed, errors=[51.0 + seed / 10], scale="1/2")
        record("bn-after-add", seed, errors=[61.0 + seed / 10], scale="1/2")
    result = cli("wandb", "review", "tiny", "--scale", "1/2", "--save-json", str(small_root / "review.json"))
    assert result.exit_code == 0, result.output
    (found,) = json.loads((small_root / "review.json").read_text())["reports"]
    blocks = found["spec"]["blocks"]
    heads = [texts(block["children"]) for block in blocks if block["type"] == "heading"]
    assert heads == ["Early training", "The arms", "Figures and images"]
    grid = next(block["metadata"] for block in blocks if "metadata" in block)
    assert len(grid["runSets"][0]["filters"]["filters"][0]["value"]) == 6
    curves, bars = (panel["config"] for panel in grid["panelBankSectionConfig"]["panels"])
    assert curves["metrics"] == ["test_error"] and bars["metrics"] == ["summary_metrics.final_test_error"]
    body = texts(blocks)
    assert "Claims are judged at full scale only" in body and "51.10 ± 0.10 (n = 3)" in body
    assert outcomes(body) == [] and "Two tiny networks" not in found["title"]
    (path,) = small_root.glob("wandb/offline-run-*/run-review-*.wandb")
    segment = wandb_offline.read(path)
    assert "claims" not in {key.split(".")[0] for row in segment.history for key in row}
    assert not [key for key in segment.summary if key.startswith("claims")]


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    (path,) = folder.glob(f"files/media/table/{name}_*.table.json")
    read = json.loads(path.read_text())
    return [dict(zip(read["columns"], row, strict=True)) for row in read["data"]]


@pytest.mark.slow
def test_a_report_is_saved_once_and_then_over_itself(
    cli: Callable[..., Result], small_root: Path, record: Callable[..., Path], server: FakeWandb
) -> None:
    """By wandb's real client, to a server on this machine; without predictions, so with few figures."""
    for arm in ("original", "bn-after-add"):
        record(arm, 0, errors=[60.0, 40.0])
    result = cli("wandb", "review", "tiny")
    assert result.exit_code == 0, result.output
    address = links.find(small_root, "tiny", FULL)
    assert address.startswith(server.address) and address in result.output
    (sent,) = server.reports.values()
    first = without_ids(sent["spec"])
    assert sent["projectName"] == "tiny" and "bn-after-add-is-worse" in sent["spec"]
    assert "review-tiny-full-scale" in server.runs
    assert cli("wandb", "review", "tiny").exit_code == 0
    assert links.find(small_root, "tiny", FULL) == address
    (again,) = server.reports.values()
    assert without_ids(again["spec"]) == first, "the same records give the same report"


def without_ids(spec: str) -> str:
    """wandb draws those of panels and run sets at random."""
    return re.sub(r'"(__id__|id)":"[^"]*"', "", spec)


def test_wandb_workspaces_is_not_installed(
    cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, recorded: object
) -> None:
    monkeypatch.setattr(mirror, "installed", lambda package: package == "wandb")
    result = cli("wandb", "review", "tiny")
    assert result.exit_code == 2 and "pip install 'repro-harness[review]'" in result.output


def test_a_report_cannot_be_saved_without_a_server(
    cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, recorded: object
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    result = cli("wandb", "review", "tiny")
    assert result.exit_code == 2 and "--save-json FILE" in result.output


def test_report_md_links_to_the_saved_report(small_root: Path, recorded: object) -> None:
    links.write(small_root, "tiny", FULL, "https://wandb.ai/reviewer/tiny/reports/tiny--abc")

    def nothing(results: Results, kind: str) -> None:
        return None

    text = report.markdown(small_root, nothing)
    assert text.count("[Every run on W&B](https://wandb.ai/reviewer/tiny/reports/tiny--abc)") == 1
    assert text == report.markdown(small_root, nothing)
    assert 'href="https://wandb.ai/reviewer/tiny/reports/tiny--abc"' in report.html(small_root, nothing)


@pytest.mark.slow
def test_images_of_ones_own_do_not_leave_the_machine(
    cli: Callable[..., Result],
    edit: Callable[..., Path],
    record: Callable[..., Path],
    small_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor do the names of their files, of the machine and of its folders."""
    assert not content.images_are_private(Results.load(small_root, "tiny"))
    for split, kind in itertools.product(("train", "test"), ("cat", "dog")):
        (tmp_path / "pets" / split / kind).mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(tmp_path / "pets" / split / kind / "holiday.png")
    monkeypatch.setenv("REPRO_DATA_DIR", str(tmp_path))
    edit({'dataset = "digits"': 'dataset = "folder:pets"\nimage_size = 32'})
    assert content.images_are_private(Results.load(small_root, "tiny"))
    records.write_predictions(record("original", 0, errors=[50.0]), np.array([1, 1]), np.array([0, 1]))
    monkeypatch.setenv("WANDB_MODE", "offline")
    result = cli("wandb", "review", "tiny", "--save-json", str(small_root / "review.json"))
    assert result.exit_code == 0, result.output
    (path,) = small_root.glob("wandb/offline-run-*/run-review-*.wandb")
    (shown,) = wandb_offline.read(path).history
    keys = {key.split(".")[0] for key in shown}
    assert "figures/final" in keys and not {"hardest", "figures/hardest"} & keys
    sent = b"".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file() and file.suffix != ".log")
    for text in ("holiday.png", str(tmp_path), socket.gethostname(), sys.executable):
        assert len(text) < 4 or text.encode() not in sent, f"{text} was sent"
