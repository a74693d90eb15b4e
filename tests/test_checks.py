"""Records against their own files: every kind of damage is named, is in no table, and stops nothing else."""

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from helpers import TINY, StopAfter, finish, small_run
from PIL import Image

from repro import records, spec
from repro.records.results import Results
from repro.train import checkpoint
from repro.train.control import Settings

Cli = Callable[..., Result]
Record = Callable[..., Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with one trained run, which is in a git repository."""
    root = tmp_path_factory.mktemp("trained")
    (root / "experiments").mkdir()
    (root / "experiments" / "tiny.toml").write_text(TINY)
    run = spec.resolve(spec.load("tiny", root), [0], arms=["original"])[0]
    folder = records.run_folder(root, run)
    folder.mkdir(parents=True)
    finish(run, folder, Settings(threads=1, checkpoint_every=6, checkpoint_seconds=0, root=root))
    git(root, "init", "-q")
    git(
        root, "add", "experiments", "results/tiny/original/seed-0/run.json", *(str(folder / f) for f in records.RESULTS)
    )
    git(root, "commit", "-q", "-m", "a run")
    return root


def git(root: Path, *words: str) -> None:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *names, *words], cwd=root, check=True)


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    """A copy of it, to damage."""
    return shutil.copytree(trained, tmp_path / "copy")


@pytest.fixture
def folder(root: Path) -> Path:
    return root / "results" / "tiny" / "original" / "seed-0"


def faults(folder: Path) -> list[str]:
    record = records.read_run(folder)
    assert record
    return [f"{fault.path.name} {fault.reason}" for fault in records.faults(folder, record)]


def change(folder: Path, where: str, value: object) -> None:
    """Rewrite one number of run.json, such as that of final.test_error."""
    path = folder / "run.json"
    content = json.loads(path.read_text())
    *keys, last = where.split(".")
    inner = content
    for key in keys:
        inner = inner[key]
    assert inner[last] != value
    inner[last] = value
    path.write_text(json.dumps(content))


def without_digests(folder: Path) -> None:
    """As a record of an older version."""
    content = json.loads((folder / "run.json").read_text())
    del content["digests"]
    (folder / "run.json").write_text(json.dumps(content))
    assert faults(folder) == []


# --- what training writes agrees --------------------------------------------------------------------------------------


def test_a_trained_run_has_digests_and_no_fault(folder: Path) -> None:
    record = records.read_run(folder)
    assert record and record.digests == records.digests(folder) and set(record.digests) == set(records.RESULTS)
    assert faults(folder) == []


def test_a_checkout_may_change_line_ends(folder: Path) -> None:
    path = folder / "metrics.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert faults(folder) == []
    assert records.read_metrics(folder).iteration.tolist() == [6, 12]


@pytest.mark.parametrize(
    "changes",
    [
        {"diverge_above": 0.5},
        {"train_split": "train80%"},
        {"train_split": "train80%", "keep": "lowest-validation-loss", "optimizer": {"name": "sgd", "lr": 0.5}},
    ],
    ids=["diverged", "validated", "kept"],
)
def test_runs_of_all_kinds_have_no_fault(tmp_path: Path, changes: dict[str, Any]) -> None:
    run = small_run(iterations=24, evaluate_every=8, **changes)
    finish(run, tmp_path / "run", stop=StopAfter(iterations=10))
    finish(run, tmp_path / "run")
    record = records.read_run(tmp_path / "run")
    assert record and record.is_finished and (record.status == "diverged") == ("diverge_above" in changes)
    assert faults(tmp_path / "run") == []


def test_an_unfinished_run_is_not_checked(tmp_path: Path) -> None:
    """Killed after an evaluation and before the checkpoint, its metrics are ahead of its record."""
    finish(small_run(), tmp_path / "run", stop=StopAfter(iterations=20))
    (tmp_path / "run" / "metrics.csv").unlink()
    assert faults(tmp_path / "run") == []


# --- damage -----------------------------------------------------------------------------------------------------------

NUMBERS = {
    "final.test_error": "has final.test_error {value}, but metrics.csv gives {old}",
    "final.train_error": "has final.train_error {value}, but metrics.csv gives {old}",
    "final.test_loss": "has final.test_loss {value}, but metrics.csv gives {old}",
    "final.iteration": "has final.iteration {value}, but metrics.csv gives {old}",
    "best.test_error": "has best.test_error {value}, but metrics.csv gives {old}",
    "best.iteration": "has best.iteration {value}, but metrics.csv gives {old}",
    "iteration": "has iteration {value}, but metrics.csv ends at {old}",
    "final.test_error_fp32": "has final.test_error_fp32 {value} of a run in fp32 with final.test_error",
    "run.recipe.schedule.iterations": "has iteration 12 of a run that is done, of {value} iterations",
}


@pytest.mark.parametrize("where", NUMBERS)
def test_a_changed_number_of_a_record_is_named(folder: Path, where: str) -> None:
    old: Any = json.loads((folder / "run.json").read_text())
    for key in where.split("."):
        old = old[key]
    value = old + 1
    change(folder, where, value)
    assert faults(folder)[0].startswith("run.json " + NUMBERS[where].format(value=value, old=old))


def test_predictions_contradict_a_record_and_its_metrics(folder: Path) -> None:
    """In an older record, in which nothing else would show it."""
    without_digests(folder)
    content = json.loads((folder / "run.json").read_text())
    old, new = content["final"]["test_error"], 99.5 if content["best"]["iteration"] == 6 else 0.5
    for file in ("run.json", "metrics.csv"):
        (folder / file).write_text((folder / file).read_text().replace(f"{old}", f"{new}"))
    assert faults(folder) == [f"run.json has final.test_error {new}, but predictions.npz gives {old}"]


def cut(content: bytes) -> bytes:
    return content[:-3]


def cut_row(content: bytes) -> bytes:
    return b"".join(content.splitlines(True)[:-1])


def one_cell_more(content: bytes) -> bytes:
    head, first, *rest = content.splitlines(True)
    return b"".join([head, b"1," + first, *rest])


def other_digit(content: bytes) -> bytes:
    head, first, last = content.splitlines(True)
    cells = last.split(b",")
    cells[5] = b"5.97"
    return head + first + b",".join(cells)


METRICS: list[tuple[Callable[[bytes], bytes], str]] = [
    (cut, "metrics.csv cannot be read: its last line is cut"),
    (cut_row, "run.json has iteration 12, but metrics.csv ends at 6"),
    (one_cell_more, "metrics.csv cannot be read: line 2 has 10 cells, but there are 9 columns"),
    (other_digit, "run.json has final.test_error "),
    (lambda c: b"", "metrics.csv cannot be read: it is empty"),
    (lambda c: c.splitlines(True)[0], "run.json has iteration 12, but metrics.csv ends at 0"),
    (lambda c: c.replace(b"\n12,", b"\n1e999,"), "metrics.csv cannot be read: line 3: iteration is '1e999'"),
    (lambda c: c.replace(b"\n12,", b"\n6,"), "metrics.csv cannot be read: its iterations do not increase"),
    (
        lambda c: c.replace(b",0.05,", b",1e999,"),
        "metrics.csv cannot be read: line 2: lr is 1e999, which is out of range",
    ),
    (
        lambda c: c.replace(b",0.05,", b",nan,"),
        "metrics.csv cannot be read: line 2: lr is 'nan', which is not a number",
    ),
    (lambda c: c.replace(b",0.05,", b",,"), "metrics.csv cannot be read: line 2 has no lr"),
    (lambda c: c.replace(b"test_error", b"test_errer", 1), "metrics.csv cannot be read: missing columns: test_error"),
    (lambda c: c.replace(b",0.05,", b",0.0\xff,"), "metrics.csv cannot be read: 'utf-8' codec can't decode byte 0xff"),
]


@pytest.mark.parametrize(("harm", "told"), METRICS, ids=[told for _, told in METRICS])
def test_damaged_metrics_are_named(folder: Path, harm: Callable[[bytes], bytes], told: str) -> None:
    """By the digest, and in an older record by what is wrong inside."""
    path = folder / "metrics.csv"
    whole = path.read_bytes()
    path.write_bytes(harm(whole))
    assert faults(folder) == ["metrics.csv was changed: its SHA-256 digest is not the one in run.json"]
    path.write_bytes(whole)
    without_digests(folder)
    path.write_bytes(harm(whole))
    assert [fault[: len(told)] for fault in faults(folder)] == [told]


def archive(top1: np.ndarray, label: np.ndarray, **more: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, top1=top1, label=label, **more)
    return content.getvalue()


ZEROS = np.zeros(360, np.uint8)
PREDICTIONS = {
    "empty file": (b"", "cannot be read: File is not a zip file"),
    "no images": (archive(ZEROS[:0], ZEROS[:0]), "cannot be read: top1 has 0 images in 128 bytes"),
    "half of the images": (archive(ZEROS[:180], ZEROS[:180]), "has 180 images, but the test set of digits 360"),
    "of different length": (archive(ZEROS[:180], ZEROS), "cannot be read: it has 180 predictions of 360 images"),
    "an eleventh class": (archive(ZEROS + 10, ZEROS), "has class 10, but digits has 10 classes, numbered from 0"),
    "floats": (archive(ZEROS / 2, ZEROS), "cannot be read: top1 is float64 (360,), but must be uint8 (N,)"),
    "objects": (archive(np.array([{}]), ZEROS), "cannot be read: top1 is object (1,), but must be uint8 (N,)"),
    "a column": (archive(ZEROS[:, None], ZEROS), "cannot be read: top1 is uint8 (360, 1), but must be uint8 (N,)"),
    "another array": (archive(ZEROS, ZEROS, more=ZEROS), "cannot be read: it holds top1.npy, label.npy, more.npy"),
}


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_damaged_predictions_are_named(folder: Path, kind: str) -> None:
    content, told = PREDICTIONS[kind]
    without_digests(folder)
    (folder / "predictions.npz").write_bytes(content)
    assert [fault[: len(told) + 16] for fault in faults(folder)] == [f"predictions.npz {told}"]


@pytest.mark.parametrize("name", records.RESULTS)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert faults(folder) == [f"{name} cannot be read: No such file or directory"]


def test_another_prediction_is_named(folder: Path) -> None:
    top1, label = records.read_predictions(folder)
    top1 = np.where(np.arange(360) == 7, (top1 + 1) % 10, top1)
    records.write_predictions(folder, top1, label)
    assert faults(folder) == ["predictions.npz was changed: its SHA-256 digest is not the one in run.json"]


# --- commands ---------------------------------------------------------------------------------------------------------

HARM: dict[str, tuple[Callable[[Path], object], str]] = {
    "a number": (lambda f: change(f, "final.test_error", 1.25), "run.json has final.test_error 1.25, but metrics.csv"),
    "no metrics": (lambda f: (f / "metrics.csv").unlink(), "metrics.csv cannot be read: No such file"),
    "no predictions": (lambda f: (f / "predictions.npz").unlink(), "predictions.npz cannot be read: No such file"),
    "no record": (lambda f: (f / "run.json").write_text("{"), "run.json cannot be read as a record: EOF"),
    "another seed": (lambda f: change(f, "seed", 7), "run.json is the record of tiny/original/seed-7 at scale 1"),
}


@pytest.fixture(params=[name if name == "a number" else pytest.param(name, marks=pytest.mark.slow) for name in HARM])
def harmed(request: pytest.FixtureRequest, record: Record) -> str:
    """Two seeds of an arm, one of them damaged: what is said of that one."""
    record("original", 0, errors=[50.0, 40.0])
    harm, told = HARM[request.param]
    folder = record("original", 1, errors=[50.0, 20.0])
    harm(folder)
    return f"{folder}/{told}"


def test_commands_go_on_without_a_damaged_record_and_name_it(harmed: str, cli: Cli, small_root: Path) -> None:
    (small_root / "results" / "gone").mkdir()
    queue = 'name = "q"\ntitle = "A queue"\n[[entry]]\nexperiment = "tiny"\nseeds = 2\n'
    (small_root / "experiments" / "queues").mkdir()
    (small_root / "experiments" / "queues" / "q.toml").write_text(queue)
    commands = (
        "table",
        "table --per-class",
        "table --curves",
        "status",
        f"plot --kind final --out {small_root}/figures",
        "queue show q",
        "report",
    )
    for command in (*commands, "compare tiny/original tiny/bn-after-add", "show tiny"):
        done = cli(*command.split())
        assert done.exit_code == 1, command
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("damaged: ")]
        assert line.startswith(f"damaged: {harmed}"), command
        if command.startswith(("table", "status", "report", "plot")):
            assert f"warning: {small_root}/results/gone is not read: " in done.stderr, command
    table = " ".join(cli("table").stdout.split())
    name = Path(harmed.split(" ")[0]).name
    assert "40.00 (n = 1)" in table and f"- Original seed 1 is damaged and not counted: {name} " in table
    assert "1 done, 1 damaged, 2 left" in cli("queue", "show", "q").stdout
    report = (small_root / "REPORT.md").read_text()
    assert f"Original seed 1 is damaged and not counted: {name}" in report and str(small_root) not in report
    assert cli("report", "--check").exit_code == 1, "up to date, without that run"


def test_check_names_every_fault(harmed: str, cli: Cli, small_root: Path, record: Record) -> None:
    (record("bn-after-add", 0, errors=[50.0], scale="1/2") / "metrics.csv").unlink()
    (small_root / "results" / "gone").mkdir()
    done = cli("check")
    assert done.exit_code == 3 and done.stderr == ""
    first, second, stray, count = done.stdout.splitlines()
    assert first.startswith(harmed) and "scale-1-2/tiny/bn-after-add/seed-0/metrics.csv cannot be read" in second
    assert "results/gone is not read" in stray and count.endswith(" checked, 3 faults")


def test_check_finds_nothing_in_sound_records(cli: Cli, record: Record, small_root: Path) -> None:
    record("original", 0, errors=[50.0])
    record("original", 1, errors=[50.0], status="interrupted")
    done = cli("check")
    assert (done.exit_code, done.stdout) == (0, "2 records checked (of 1 unfinished ones run.json alone), 0 faults\n")
    assert cli("check", "tiny").exit_code == 0
    assert cli("check", "tyny").exit_code == 2


def test_a_damaged_run_is_neither_done_nor_trained(root: Path, folder: Path, cli: Cli) -> None:
    """The others of the command are; and git brings it back, as the message says."""
    change(folder, "final.test_error", 1.25)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert f"damaged {folder}/run.json has" in " ".join(cli("run", "tiny", "--dry-run", root=root).stdout.split())
    done = cli("run", "tiny", "--threads", "1", root=root)
    assert done.exit_code == 1
    assert f"tiny/original/seed-0 damaged: {folder}/run.json has final.test_error 1.25" in done.stderr
    assert "Nothing was trained or changed." in done.stderr and f"`git restore {folder}`" in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert Results.load(root, "tiny").counted().recorded.arm.tolist() == ["bn-after-add"], "it was trained"
    git(root, "restore", str(folder))
    assert cli("run", "tiny", root=root).exit_code == 0


def test_the_files_of_a_damaged_run_are_written_again_from_its_checkpoint(root: Path, folder: Path, cli: Cli) -> None:
    before = {name: (folder / name).read_bytes() for name in records.RESULTS}
    for name in records.RESULTS:
        (folder / name).write_bytes(b"gone")
    done = cli("run", "tiny", "--arm", "original", "--json", root=root)
    advice = json.loads(done.stdout)["runs"]["tiny/original/seed-0"]["message"]
    assert advice.endswith(f"or remove {folder}/run.json to write them again from checkpoint.pt")
    (folder / "run.json").unlink()
    assert cli("run", "tiny", "--arm", "original", "--threads", "1", root=root).exit_code == 0
    assert faults(folder) == []
    assert {name: (folder / name).read_bytes() for name in records.RESULTS} == before


def test_a_damaged_run_without_a_checkpoint_can_be_removed(root: Path, folder: Path, cli: Cli) -> None:
    (folder / "metrics.csv").unlink()
    (folder / checkpoint.CURRENT).unlink()
    done = cli("run", "tiny", "--arm", "original", root=root)
    assert done.exit_code == 1 and f"or remove {folder} to train the run again" in done.stderr
    shutil.rmtree(folder)
    assert cli("run", "tiny", "--arm", "original", "--threads", "1", root=root).exit_code == 0
    assert faults(folder) == []


def test_a_damaged_run_stops_no_queue(root: Path, folder: Path, cli: Cli) -> None:
    (folder / "run.json").write_text("{")
    (root / "experiments" / "queues").mkdir()
    queue = 'name = "q"\ntitle = "A queue"\n[[entry]]\nexperiment = "tiny"\nseeds = 1\n'
    (root / "experiments" / "queues" / "q.toml").write_text(queue)
    done = cli("queue", "run", "q", "--threads", "1", root=root)
    assert done.exit_code == 1 and "tiny/original/seed-0 damaged: " in done.stderr
    assert "1 done, 1 damaged, 0 left" in done.stdout


def test_a_damaged_record_is_not_sent_to_wandb(record: Record, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    (record("original", 0, errors=[50.0]) / "predictions.npz").unlink()
    unfinished = record("original", 1, errors=[50.0], status="interrupted")
    (unfinished / "metrics.csv").write_text("iteration,")
    record("original", 2, errors=[50.0])
    done = cli("wandb", "sync", "tiny", "--dry-run")
    assert done.exit_code == 1
    assert [" ".join(line.split())[:40] for line in done.stdout.splitlines()] == [
        "tiny/original/seed-0 not sent: " + str(unfinished)[:9],
        "tiny/original/seed-1 not sent: " + str(unfinished)[:9],
        "tiny/original/seed-2 would be sent: done",
    ]


def test_an_image_folder_with_fewer_classes_than_the_predictions(
    record: Record, cli: Cli, edit: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its classes cannot be known from the record: the classes of the predictions are then shown by number."""
    for kind in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(tmp_path / "pets" / kind / "one.png")
    monkeypatch.setenv("REPRO_DATA_DIR", str(tmp_path))
    edit({'dataset = "digits"': 'dataset = "folder:pets"\nimage_size = 32'})
    record("original", 0, errors=[50.0])
    done = cli("table", "--per-class")
    assert done.exit_code == 0 and [line.split()[0] for line in done.stdout.splitlines() if "50.00" in line] == [
        *"0123456789"
    ]
    assert cli("plot", "--kind", "confusion", "--out", str(tmp_path / "figures")).exit_code == 0
