"""tools/gpu rehearsed on the CPU: packed here, unpacked, checked, measured and trained there, in a tree without git."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from helpers import REPO, TINY

KIT = REPO / "tools" / "gpu"
LONG = {"iterations = 12, drops = [6, 9]": "iterations = 120000, drops = [60000, 90000]", "= 6\n": "= 60000\n"}
QUEUE = """\
name = "short"
title = "A run that ends at once, and one that does not"

[[entry]]
experiment = "tiny"
arms = ["original"]
seeds = 1
scale = "1/10000"

[[entry]]
experiment = "tiny"
arms = ["original"]
seeds = 1
"""
BROKEN = """\
import pytest

@pytest.mark.gpu
def test_of_a_gpu() -> None:
    assert not "a GPU"
"""


def copy_of_the_tree(folder: Path) -> Path:
    for name in ("repro", "tools"):
        shutil.copytree(REPO / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", ".gitignore"):
        shutil.copy(REPO / name, folder)
    spec = TINY
    for old, new in LONG.items():
        spec = spec.replace(old, new, 1)
    for path, text in {
        "experiments/tiny.toml": spec,
        "experiments/queues/short.toml": QUEUE,
        "tests/test_broken.py": BROKEN,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.mark.slow
def test_rehearsal(tmp_path: Path) -> None:
    here, there = copy_of_the_tree(tmp_path / "here"), copy_of_the_tree(tmp_path / "there")
    work, out = tmp_path / "work", tmp_path / "out"
    environment = {key: value for key, value in os.environ.items() if key not in ("REPRO_ROOT", "REPRO_DATA_DIR")}
    environment |= {"REPRO_KIT_DEVICE": "cpu", "REPRO_KIT_WORK": str(work), "OUT": str(out), "OMP_NUM_THREADS": "1"}
    environment |= {"REPRO_KIT_QUEUE": "short", "REPRO_KIT_ARM": "tiny/original", "REPRO_KIT_EACH": "0.1"}

    def kit(root: Path, command: str, *words: str) -> tuple[int, str, float]:
        """Exit code, output and seconds."""
        begin = time.monotonic()
        asked = [sys.executable, f"tools/gpu/{command}", *words]
        done = subprocess.run(asked, cwd=root, env=environment, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr, time.monotonic() - begin

    def git(*words: str) -> str:
        asked = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(asked, cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    git("init")
    git("add", ".")
    git("commit", "-m", "All")
    begun = Path("results/tiny/bn-after-add/seed-0")
    (here / begun).mkdir(parents=True)
    (here / begun / "checkpoint.pt").write_text("far")
    (here / begun / "run.json").write_text(json.dumps({"status": "interrupted", "sessions": [{"device": "cpu"}]}))
    code, output, packing = kit(here, "pack", "--packages", "")  # which loads torch, as the first step below does
    assert code == 0 and re.search(r"second call: \d\.\d of 64 MiB, the tree and .carry/kit, .carry/resume\n", output)
    shutil.copytree(here / ".carry", there / ".carry")

    limit = max(12, round(3 * packing))
    code, output, seconds = kit(there, "on-gpu", "smoke", str(limit))
    assert code == 1 and seconds < limit + 6, output
    assert (there / begun / "checkpoint.pt").read_text() == "far"
    # each is reported, and passed over; on a slow machine no time is left for the tests
    assert re.search(r"FAILED tests(: |, .*: no time left)", output), output
    assert "FAILED measure: stopped after " in output
    (start,) = map(int, re.findall(r"versions: done in (\d+) s", output))  # how long torch takes to start here
    assert (out / "measured.jsonl").exists() and "missing packages: " in (out / "log.txt").read_text()

    ways = [{"step": "none such", "jobs": 1, "rate": 9.0, "best": True}, {"step": "plain", "jobs": 1, "rate": 1.0}]
    (work / "measured.jsonl").write_text("".join(json.dumps(way) + "\n" for way in ways))
    limit = max(30, 20 + 6 * start)
    code, output, seconds = kit(there, "on-gpu", "train", str(limit))
    assert code == 1 and seconds < limit + 6, output
    assert "FAILED training --step none such --jobs 1: exit code 2" in output
    back = tmp_path / "back"
    for path in (out / "results.tar.gz", out / "checkpoints-1.tar"):
        with tarfile.open(path) as archive:
            archive.extractall(back, filter="data")
    runs = {path.parent: json.loads(path.read_text()) for path in back.rglob("run.json")}
    ended = {folder.relative_to(back / "results").as_posix(): run["status"] for folder, run in runs.items()}
    assert ended == {"scale-1-10000/tiny/original/seed-0": "done", "tiny/original/seed-0": "interrupted"}
    assert {session["commit"] for run in runs.values() for session in run["sessions"]} == {git("rev-parse", "HEAD")}
    assert (back / "results/tiny/original/seed-0/checkpoint.pt").exists()


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """Those of tools/gpu, in a project below tmp_path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUT", str(tmp_path))
    monkeypatch.syspath_prepend(KIT)
    names = ("steps", "archives", "cifar10")
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]


def test_a_batch_is_unpacked_byte_for_byte(
    cifar10: Path, modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    official = cifar10 / "cifar-10-batches-py" / "test_batch"
    monkeypatch.setattr(modules["cifar10"], "METHOD", 0)  # the fastest
    modules["cifar10"].pack(official, tmp_path)
    target = tmp_path / "target"
    target.mkdir()
    modules["cifar10"].unpack(tmp_path / "test_batch.webp", target)
    assert (target / "test_batch").read_bytes() == official.read_bytes()
    packed = [tmp_path / f"test_batch.{kind}" for kind in ("webp", "xz")]
    assert 3 * sum(path.stat().st_size for path in packed) < 52 * 2**20, "half a data set fits into a call"


def test_of_the_checkpoints_the_farthest_come_back(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four, in two archives that hold one each: the one that is done need not go on."""
    archives = modules["archives"]
    monkeypatch.setattr(archives, "PART", 60_000)
    monkeypatch.setattr(archives, "PARTS", 2)
    for name, (status, iteration) in {
        "near": ("interrupted", 10),
        "far": ("interrupted", 90),
        "farther": ("running", 95),
        "done": ("done", 100),
    }.items():
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        (folder / "checkpoint.pt").write_bytes(bytes(30_000))
        run = {"recipe": {"schedule": {"iterations": 100}}}
        (folder / "run.json").write_text(json.dumps({"status": status, "iteration": iteration, "run": run}))
    archives.checkpoints()
    found = []
    for path in sorted(tmp_path.glob("checkpoints-*.tar")):
        assert path.stat().st_size <= 60_000
        with tarfile.open(path) as archive:
            found += archive.getnames()
    assert found == ["results/farther/checkpoint.pt", "results/far/checkpoint.pt"]
    archives.remember(until=0.0)
    archives.checkpoints()
    assert "0 of 0 runs" in (tmp_path / "log.txt").read_text()
