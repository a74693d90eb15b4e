"""repro.cli: commands from end to end, exit codes, and that a user's mistake is a message, never a traceback."""

import inspect
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NoReturn

import click
import pytest
import torch
from click.shell_completion import ShellComplete
from click.testing import Result

from repro import records, spec
from repro.cli import main
from repro.data import catalog
from repro.data.dataset import DataSet
from repro.data.sets.cifar10 import Cifar10
from repro.records.results import Results
from repro.run import launch, session
from repro.run.progress import Display
from repro.train.control import Settings, Stop

REPO = Path(__file__).resolve().parent.parent
RUN = ("run", "tiny", "--threads", "1")

Cli = Callable[..., Result]
Edit = Callable[..., Path]
Record = Callable[..., Path]


def folder_of(root: Path, arm: str = "original", seed: int = 0, scale: str = "1") -> Path:
    return records.results_folder(root, spec.Scale.parse(scale)) / "tiny" / arm / f"seed-{seed}"


def status_of(folder: Path) -> str:
    record = records.read_run(folder)
    return record.status if record else ""


def trained(folder: Path) -> dict[str, object]:
    """A record's numbers: all that must not depend on how the run was launched."""
    record = records.read_run(folder)
    assert record
    metrics = records.read_metrics(folder).drop(columns="images_per_second")
    predictions, labels = records.read_predictions(folder)
    return record.model_dump(include={"status", "iteration", "final", "best", "fingerprint"}) | {
        "metrics": metrics.to_csv(),
        "predictions": predictions.tolist(),
        "labels": labels.tolist(),
    }


# --- help ------------------------------------------------------------------------------------------------------------


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(leaves(main))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_says_what_it_does(path: tuple[str, ...], cli: Cli) -> None:
    result = cli(*path, "--help")
    assert result.exit_code == 0
    command = COMMANDS[path]
    assert command.help
    said = " ".join(result.stdout.split())
    assert inspect.cleandoc(command.help).splitlines()[0] in said
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts
    takes = [parameter.name for parameter in command.params if isinstance(parameter, click.Argument)]
    if takes and path != ("data", "check"):
        assert f"repro {' '.join(path)} " in command.help, "an example is missing"


def examples() -> list[str]:
    texts = [inspect.cleandoc(command.help or "") for command in (main, *COMMANDS.values())]
    lines = [line for text in texts for line in text.splitlines()]
    return [re.split("   | > ", line)[0] for line in lines if line.startswith("repro ")]


@pytest.mark.parametrize("example", examples())
def test_every_example_in_the_help_is_right(example: str) -> None:
    command: click.Command = main
    words = shlex.split(example)[1:]
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    parameters = command.make_context(example, words).params  # raises for what is not there
    named = [parameters[key] for key in ("experiment",) if key in parameters] + list(parameters.get("experiments", ()))
    for name in named:
        arms = [arm.name for arm in spec.load(name, REPO).arms]
        assert set(parameters.get("arms") or [parameters.get("arm") or arms[0]]) <= set(arms)


def test_commands_are_listed_in_the_order_one_needs_them(cli: Cli) -> None:
    output = cli("--help").stdout
    places = [output.index(f"\n  {name} ") for name in ("list", "show", "status", "run", "table", "data")]
    assert places == sorted(places)
    assert "130 interrupted" in output


# --- looking ---------------------------------------------------------------------------------------------------------


def test_list(cli: Cli) -> None:
    assert re.search(r"^tiny +2 arms +1 claims +Two tiny networks$", cli("list").stdout, re.MULTILINE)
    row, *others = json.loads(cli("list", "--json").stdout)
    assert [other["name"] for other in others] == spec.names(REPO) and all(other["built_in"] for other in others)
    assert row == {
        "name": "tiny",
        "title": "Two tiny networks",
        "source": "no paper, Table 1",
        "arms": ["original", "bn-after-add"],
        "claims": ["bn-after-add-is-worse"],
        "built_in": False,
    }


@pytest.mark.parametrize("place", ["tests", "elsewhere"])
def test_the_shipped_experiments_are_found_without_saying_where(place: str, tmp_path: Path) -> None:
    """From any folder of the checkout, and, as the package brings them, from everywhere else."""
    folder = REPO / "tests" if place == "tests" else tmp_path
    environment = {key: value for key, value in os.environ.items() if key != "REPRO_ROOT"} | {"PYTHONPATH": str(REPO)}
    command = [sys.executable, "-m", "repro", "list", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == spec.names(REPO)
    assert {row["built_in"] for row in rows} == {place == "elsewhere"}


def test_show_an_experiment(cli: Cli) -> None:
    output = cli("show", "tiny").stdout
    assert "tiny: Two tiny networks" in output
    assert "published 40.00 % [Nobody, Table 1]" in output
    assert "bn-after-add-is-worse (primary): batch norm after the addition is worse [own]" in output
    assert json.loads(cli("show", "tiny", "--json").stdout)["arms"][1]["recipe"]["model"]["block"] == "bn-after-add"


@pytest.mark.parametrize("name", spec.names(REPO))
def test_show_a_shipped_experiment(name: str, cli: Cli) -> None:
    experiment = spec.load(name, REPO)
    output = " ".join(cli("show", name, root=REPO).stdout.split())  # where it breaks lines is its own affair
    for word in [arm.name for arm in experiment.arms] + [claim.id for claim in experiment.claims]:
        assert word in output
    assert all(" ".join(deviation.what.split()) in output for deviation in experiment.deviations)


def test_show_a_run_with_its_defaults_and_fingerprint(small_root: Path, cli: Cli) -> None:
    run = spec.resolve(spec.load("tiny", small_root), [3], arms=["original"])[0]
    identities = spec.fingerprints(run, catalog.BUILT_IN["digits"].checksum)
    output = cli("show", "tiny", "--arm", "original", "--seed", "3").stdout
    assert all(f'fingerprint.{precision} = "{identity}"' in output for identity, precision in identities.items())
    assert 'recipe.model.init = "he-fan-in"' in output  # a default
    assert "seed = 3" in output
    content = json.loads(cli("show", "tiny", "--arm", "original", "--seed", "3", "--json").stdout)
    assert content["fingerprint"] == {precision: identity for identity, precision in identities.items()}
    assert content["recipe"] == run.recipe.model_dump(mode="json")


def test_show_a_reduced_run_and_a_demo(cli: Cli) -> None:
    assert "recipe.schedule.iterations = 6" in cli("show", "tiny", "--arm", "original", "--scale", "1/2").stdout
    assert "recipe.schedule.drops = [3]" in cli("show", "tiny", "--arm", "original", "--demo").stdout


def test_status(record: Record, cli: Cli) -> None:
    assert re.search(r"tiny +no runs$", cli("status").stdout, re.MULTILINE)
    record("original", 0, errors=[50.0])
    record("original", 1, errors=[50.0], status="interrupted")
    record("original", 2, errors=[50.0], fingerprint="0" * 16)
    record("original", 0, errors=[50.0], scale="demo")
    record("original", 0, errors=[50.0], scale="1/2")
    output = cli("status").stdout
    assert re.search(r"tiny +1 done, 1 interrupted, 1 stale; no runs of BN after addition$", output, re.MULTILINE)
    assert "Also recorded: --scale 1/2, --demo" in output
    content = json.loads(cli("status", "tiny", "--json").stdout)
    assert content["scale"] == "1"
    assert content["experiments"] == [
        {
            "experiment": "tiny",
            "runs": {"done": 1, "interrupted": 1, "stale": 1},
            "arms_without_runs": ["bn-after-add"],
            "arms": 2,
            "unfinished": [{"arm": "original", "seed": 1, "status": "interrupted", "iteration": 12, "iterations": 12}],
        }
    ]
    assert json.loads(cli("status", "--demo", "--json").stdout)["experiments"][0]["runs"] == {"done": 1}


@pytest.mark.parametrize(("command", "shown"), [("list", "2 arms"), ("status", "1 done")])
def test_a_broken_spec_hides_no_other_experiment(
    small_root: Path, record: Record, cli: Cli, command: str, shown: str
) -> None:
    record("original", 0, errors=[50.0])
    (small_root / "experiments" / "broken.toml").write_text("name = [")
    result = cli(command)
    assert result.exit_code == 2
    assert re.search(rf"^ *tiny .*{shown}", result.stdout, re.MULTILINE) and "broken" not in result.stdout
    assert re.fullmatch(r"error: \S+/broken\.toml: not valid TOML: .*\n", result.stderr)
    content = json.loads(cli(command, "--json").stdout)
    rows = [row for row in content if not row["built_in"]] if command == "list" else content["experiments"]
    assert len(rows) == 1


def test_a_finished_run_is_not_trained_again_in_another_precision(record: Record, cli: Cli) -> None:
    """Each seed has one record; asking for another precision prints a message, and nothing is lost."""
    folders = [record(arm, 0, errors=[50.0]) for arm in ("original", "bn-after-add")]
    before = [(folder / "run.json").read_bytes() for folder in folders]
    result = cli("run", "tiny", "--precision", "bf16")
    assert result.exit_code == 0
    assert "done: already trained in fp32, so not trained in bf16: each seed has one record" in result.stderr
    assert [(folder / "run.json").read_bytes() for folder in folders] == before
    assert "one record" not in cli("run", "tiny", "--precision", "fp32").stderr


def test_dry_run_says_done_resume_new_and_stale_with_the_reason_and_does_nothing(
    small_root: Path, record: Record, cli: Cli
) -> None:
    record("original", 0, errors=[50.0])
    record("original", 1, errors=[50.0], status="interrupted", iteration=7)
    recipe = spec.load("tiny", small_root).arms[1].recipe.model_dump(mode="json")
    record(
        "bn-after-add",
        0,
        errors=[50.0],
        fingerprint="0" * 16,
        run={"recipe": recipe | {"batch_size": 8, "precision": "fp32"}},
    )
    before = sorted(small_root.rglob("*"))
    lines = cli(*RUN, "--seeds", "2", "--dry-run").stdout.splitlines()
    assert [line.split(maxsplit=2) for line in lines[:-1]] == [
        ["tiny/original/seed-0", "done", "finished 2026-01-01T00:00:00+00:00 in fp32"],
        ["tiny/bn-after-add/seed-0", "stale", "batch_size 8, today 16"],
        ["tiny/original/seed-1", "resume", "interrupted at iteration 7 of 12"],
        ["tiny/bn-after-add/seed-1", "new", "no record"],
    ]
    assert lines[-1] == "1 done, 1 stale, 1 resume, 1 new"
    rows = json.loads(cli(*RUN, "--seeds", "2", "--dry-run", "--json").stdout)
    assert [row["state"] for row in rows] == ["done", "stale", "resume", "new"]
    assert rows[1] == {"run": "tiny/bn-after-add/seed-0", "state": "stale", "reason": "batch_size 8, today 16"}
    assert sorted(small_root.rglob("*")) == before


# --- training --------------------------------------------------------------------------------------------------------


def test_run_trains_records_and_prints_the_table(small_root: Path, cli: Cli, record: Record) -> None:
    result = cli(*RUN, "--seeds", "2")
    assert result.exit_code == 0
    assert re.search(r"^ ?Original +40\.00 +\d.*\(n = 2\)", result.stdout, re.MULTILINE)
    assert re.search(r"^ ?BN after addition +\d.*\(n = 2\)", result.stdout, re.MULTILINE)
    assert "[4/4] tiny/bn-after-add/seed-1: done" in result.stderr
    for arm in ("original", "bn-after-add"):
        for seed in (0, 1):
            numbers = trained(folder_of(small_root, arm, seed))
            assert (numbers["status"], numbers["iteration"]) == ("done", 12)
            folder = folder_of(small_root, arm, seed)
            predictions, labels = records.read_predictions(folder)
            final = Results.load(small_root, "tiny").runs.query("arm == @arm and seed == @seed").test_error.item()
            assert final == pytest.approx(100 * (predictions != labels).mean())
            assert records.read_metrics(folder).iteration.tolist() == [6, 12]
    # the records that other tests make to order hold what training writes
    real = records.read_run(folder_of(small_root))
    made = records.read_run(record("original", 9, errors=[50.0]))
    assert real and made
    assert real.as_json().keys() == made.as_json().keys()
    assert real.fingerprint != made.fingerprint


def test_what_is_done_is_not_trained_again(small_root: Path, cli: Cli) -> None:
    cli(*RUN, "--arm", "original")
    before = (folder_of(small_root) / "run.json").read_bytes()
    result = cli(*RUN, "--arm", "original")
    assert result.exit_code == 0
    assert "(n = 1)" in result.stdout
    assert (folder_of(small_root) / "run.json").read_bytes() == before


def test_a_stale_run_is_kept_aside_and_trained_anew(small_root: Path, cli: Cli, edit: Edit) -> None:
    cli(*RUN, "--arm", "original")
    before = (folder_of(small_root) / "run.json").read_bytes()
    edit({"lr = 0.05": "lr = 0.06"})
    result = cli(*RUN, "--arm", "original")
    assert result.exit_code == 0
    told = "tiny/original/seed-0: its record is stale (optimizer.lr 0.05, today 0.06) and was moved to seed-0.stale-"
    assert told in result.stderr
    (aside,) = folder_of(small_root).parent.glob("seed-0.stale-*")
    assert (aside / "run.json").read_bytes() == before
    assert (folder_of(small_root) / "run.json").read_bytes() != before
    assert "(n = 1)" in result.stdout


def test_a_refused_run_leaves_a_stale_record_where_it_is(small_root: Path, cli: Cli, edit: Edit) -> None:
    cli(*RUN, "--arm", "original")
    edit({"lr = 0.05": "lr = 0.06"})
    before = sorted(small_root.rglob("*"))
    result = cli("run", "tiny", "--arm", "original", "--step", "graph")
    assert result.exit_code == 2 and "stale" not in result.stderr
    assert sorted(small_root.rglob("*")) == before


def test_a_busy_stale_run_costs_itself_alone(small_root: Path, cli: Cli, edit: Edit) -> None:
    cli(*RUN)
    edit({"lr = 0.05": "lr = 0.06"})
    before = (folder_of(small_root) / "run.json").read_bytes()
    with records.locked(folder_of(small_root)):
        result = cli(*RUN)
    assert result.exit_code == 1 and "tiny/original/seed-0 busy" in result.stderr
    assert (folder_of(small_root) / "run.json").read_bytes() == before
    assert list(folder_of(small_root, "bn-after-add").parent.glob("seed-0.stale-*"))


def test_demo_and_reduced_scale_keep_their_records_apart(small_root: Path, cli: Cli) -> None:
    demo = cli(*RUN, "--arm", "original", "--demo")
    assert demo.exit_code == 0
    assert "DEMO" in demo.stdout and "published" not in demo.stdout
    reduced = cli(*RUN, "--arm", "original", "--scale", "1/2")
    assert reduced.exit_code == 0
    assert "REDUCED SCALE 1/2" in reduced.stdout
    assert trained(folder_of(small_root, scale="demo"))["iteration"] == 6
    assert trained(folder_of(small_root, scale="1/2"))["iteration"] == 6
    assert not (small_root / "results" / "tiny").exists()


def test_json_tells_a_program_how_it_ended(cli: Cli) -> None:
    result = cli(*RUN, "--arm", "original", "--json")
    assert json.loads(result.stdout) == {
        "exit_code": 0,
        "stopped": "",
        "not_begun": 0,
        "runs": {"tiny/original/seed-0": {"status": "done", "message": ""}},
    }


@pytest.mark.slow
def test_one_failure_leaves_the_others_running_side_by_side_too(
    small_root: Path, cli: Cli, tmp_path_factory: pytest.TempPathFactory, preloaded: object
) -> None:
    """A run whose file cannot be written fails alone; the log is named; the rest end as in a single process."""
    alone = tmp_path_factory.mktemp("alone")
    (alone / "experiments").mkdir()
    (alone / "experiments" / "tiny.toml").write_bytes((small_root / "experiments" / "tiny.toml").read_bytes())
    for root, more, name in ((alone, [], "in this process"), (small_root, ["--jobs", "2"], "in two")):
        obstacle = folder_of(root) / "metrics.csv"
        obstacle.mkdir(parents=True)
        result = cli(*RUN, "--seeds", "2", *more, root=root)
        assert result.exit_code == 1, name
        log = folder_of(root) / "run.log"
        assert "tiny/original/seed-0 failed: IsADirectoryError" in result.stderr, name
        assert f"log: {log}" in result.stderr, name
        assert "Traceback" not in result.output, name
        assert "Traceback" in log.read_text(), name
        record = records.read_run(folder_of(root))
        assert record and record.status == "failed", name
        assert record.reason == "IsADirectoryError: Is a directory", "a record is published: no paths"
    for arm, seed in (("bn-after-add", 0), ("original", 1), ("bn-after-add", 1)):
        numbers = trained(folder_of(alone, arm, seed))
        assert numbers["status"] == "done"
        assert trained(folder_of(small_root, arm, seed)) == numbers
    obstacle.rmdir()
    assert cli(*RUN, "--seeds", "2").exit_code == 0
    assert trained(folder_of(small_root))["status"] == "done"


def test_what_cannot_be_trained_as_asked_does_not_stop_what_can(small_root: Path, cli: Cli, edit: Edit) -> None:
    edit({'label = "BN after addition"': 'label = "BN after addition"\nprecision = "bf16"'})
    result = cli(*RUN, "--precision", "fp32")
    assert result.exit_code == 2
    assert "tiny/bn-after-add/seed-0 refused: --precision fp32: " in result.stderr
    assert "its recipe requires bf16; allowed: auto, bf16" in result.stderr
    assert trained(folder_of(small_root))["status"] == "done"


def test_where_the_first_run_is_refused_nothing_is_trained(small_root: Path, cli: Cli, edit: Edit) -> None:
    edit({'label = "Original"': 'label = "Original"\nprecision = "bf16"'})
    result = cli(*RUN, "--precision", "fp32")
    assert result.exit_code == 2 and "its recipe requires bf16; allowed: auto, bf16" in result.stderr
    assert not folder_of(small_root, "bn-after-add").exists()


def test_a_run_that_another_process_trains_is_left_alone(small_root: Path, cli: Cli) -> None:
    with records.locked(folder_of(small_root)):
        result = cli(*RUN)
    assert result.exit_code == 1
    assert "tiny/original/seed-0 busy" in result.stderr and "another process" in result.stderr
    assert not (folder_of(small_root) / "run.json").exists()
    assert trained(folder_of(small_root, "bn-after-add"))["status"] == "done"


def test_a_diverged_run_is_a_result_and_no_failure(small_root: Path, cli: Cli, edit: Edit) -> None:
    edit({"lr = 0.05": "lr = 1e30"})
    result = cli(*RUN, "--arm", "original")
    assert result.exit_code == 0
    assert "diverged at iteration" in result.stdout
    assert trained(folder_of(small_root))["status"] == "diverged"
    assert cli(*RUN, "--arm", "original", "--dry-run").stdout.endswith("1 diverged\n")


# --- stopping --------------------------------------------------------------------------------------------------------


def test_time_limit_before_anything_began(small_root: Path, cli: Cli) -> None:
    result = cli(*RUN, "--time-limit", "0.0001s")
    assert result.exit_code == 4
    assert "Stopped (time limit) with 2 runs left." in result.stderr
    assert not folder_of(small_root).exists()


def test_time_limit_in_mid_run_and_the_same_command_goes_on(
    small_root: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def requested(self: Stop) -> str:
        """The limit falls after the run's fourth iteration; once before the run, the launcher asks."""
        nonlocal asked
        asked += 1
        self.reason = "time limit" if asked > 5 else ""
        return self.reason

    command = (*RUN, "--time-limit", "2h", "--json")
    with monkeypatch.context() as patch:
        patch.setattr(Stop, "requested", requested)
        result = cli(*command)
    assert result.exit_code == 4
    summary = json.loads(result.stdout)
    assert (summary["exit_code"], summary["stopped"], summary["not_begun"]) == (4, "time limit", 1)
    assert summary["runs"] == {"tiny/original/seed-0": {"status": "interrupted", "message": "time limit"}}
    record = records.read_run(folder_of(small_root))
    assert record and (record.status, record.iteration) == ("interrupted", 4)
    assert "resume    interrupted at iteration 4 of 12" in cli(*RUN, "--dry-run").stdout

    assert cli(*command).exit_code == 0
    record = records.read_run(folder_of(small_root))
    assert record and record.status == "done"
    assert [session.iteration for session in record.sessions] == [0, 4]


def test_the_command_to_go_on_with_can_be_pasted_into_a_shell(
    cli: Cli, small_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("with") / "a space"
    (root / "experiments").mkdir(parents=True)
    (root / "experiments" / "tiny.toml").write_bytes((small_root / "experiments" / "tiny.toml").read_bytes())
    result = cli(*RUN, "--time-limit", "0.0001s", root=root)
    (command,) = re.findall("To resume: (.*)", result.stderr)
    assert shlex.split(command) == ["repro", "--root", str(root), *RUN, "--time-limit", "0.0001s"]


@pytest.mark.parametrize(("words", "expected"), [((), (1000, 30.0)), (("--checkpoint-every", "5"), (5, 0.0))])
def test_checkpoints_come_as_often_as_asked_for(
    words: tuple[str, ...], expected: tuple[int, float], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the iteration where that is said, else with some seconds between two."""
    seen: list[Settings] = []

    def launcher(tasks: object, settings: Settings, stop: Stop, jobs: int) -> Iterator[launch.Event]:
        seen.append(settings)
        yield from ()

    monkeypatch.setitem(launch.LAUNCHERS, "in-process", launcher)
    cli(*RUN, *words)
    assert [(settings.checkpoint_every, settings.checkpoint_seconds) for settings in seen] == [expected]


def command(words: list[str], errors: Path) -> None:
    """`repro` in a process, with its errors in a file."""
    sys.argv = ["repro", *words]
    with errors.open("w") as sys.stderr:
        main(words)


def test_ctrl_c_checkpoints_exits_130_and_the_same_command_goes_on(
    small_root: Path, cli: Cli, edit: Edit, tmp_path: Path, preloaded: ForkServerContext
) -> None:
    edit({"iterations = 12, drops = [6, 9]": "iterations = 400", "evaluate_every = 6": "evaluate_every = 20"})
    words = ["--root", str(small_root), *RUN, "--arm", "original"]

    process = preloaded.Process(target=command, args=(words, tmp_path / "errors.txt"))
    process.start()
    assert process.pid
    begun = folder_of(small_root) / "metrics.csv"  # the first evaluation is done
    deadline = time.monotonic() + 120
    while not begun.exists() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 130
    errors = (tmp_path / "errors.txt").read_text()
    assert "Traceback" not in errors
    assert "Saving a checkpoint and stopping." in errors
    assert f"Stopped (SIGINT) with 1 run left. To resume: {shlex.join(['repro', *words])}" in errors
    record = records.read_run(folder_of(small_root))
    assert record and record.status == "interrupted" and 20 <= record.iteration < 400

    assert cli(*words[2:]).exit_code == 0
    done = records.read_run(folder_of(small_root))
    assert done and (done.status, done.iteration) == ("done", 400)
    assert [session.iteration for session in done.sessions] == [0, record.iteration]


def test_the_first_ctrl_c_after_the_time_limit_still_leaves_a_checkpoint() -> None:
    """A limit that has passed is no first Ctrl-C: only the second one breaks off."""
    stop = Stop(deadline=0)
    assert stop.requested() == "time limit"
    with session.stopping_on_signals(stop, Display([])):
        signal.raise_signal(signal.SIGINT)
        assert stop.reason == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_before_training_exits_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("repro.run.plan.plan", interrupted)
    result = cli(*RUN)
    assert result.exit_code == 130


# --- wrong use -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "tiney"], ["unknown experiment 'tiney'", "did you mean 'tiny'?"]),
        (["show", "tiney"], ["unknown experiment 'tiney'", "did you mean 'tiny'?"]),
        (["table", "tiney"], ["unknown experiment 'tiney'", "did you mean 'tiny'?"]),
        (["status", "tiney"], ["unknown experiment 'tiney'", "did you mean 'tiny'?"]),
        (["run", "zzz"], ["unknown experiment 'zzz'", "The experiments are: tiny"]),
        (["run", "tiny", "--arm", "bn-after-ad"], ["no arm 'bn-after-ad'", "did you mean 'bn-after-add'?"]),
        (["show", "tiny", "--arm", "zzz"], ["no arm 'zzz'", "Its arms are: original, bn-after-add"]),
        (["run", "tiny", "--seeds", "0"], ["--seeds", "0", "x>=1"]),
        (["run", "tiny", "--seeds", "many"], ["--seeds", "'many'", "integer"]),
        (["run", "tiny", "--jobs", "0"], ["--jobs", "'0'", "auto, or a whole number from 1"]),
        (["run", "tiny", "--threads", "0"], ["--threads", "0", "1<=x<=256"]),
        (["run", "tiny", "--checkpoint-every", "0"], ["--checkpoint-every", "0", "x>=1"]),
        (["show", "tiny", "--arm", "original", "--seed", "-1"], ["--seed", "-1", "x>=0"]),
        (["run", "tiny", "--scale", "2"], ["scale 2", "at most 1", "1/200"]),
        (["run", "tiny", "--scale", "0"], ["scale 0", "above 0", "1/200"]),
        (["run", "tiny", "--scale", "half"], ["'half'", "not a fraction", "1/200"]),
        (["table", "tiny", "--scale", "1/0"], ["'1/0'", "not a fraction"]),
        (["run", "tiny", "--scale", "1/12"], ["scale 1/12 is too small for 12 iterations", "[6, 9]"]),
        (["run", "tiny", "--demo", "--scale", "1/2"], ["--demo", "--scale 1/2", "choose one"]),
        (["run", "tiny", "--time-limit", "25x"], ["'25x'", "s, m or h"]),
        (["run", "tiny", "--time-limit", "0m"], ["'0m'", "above 0"]),
        (["run", "tiny", "--device", "tpu"], ["--device tpu", "allowed: auto, cpu"]),
        (["table", "tiny", "--format", "pdf"], ["'pdf'", "text", "json"]),
        (["data", "check", "cifar100"], ["unknown data set 'cifar100'", "cifar10, mnist"]),
        (["data", "fetch", "cifar100"], ["unknown data set 'cifar100'", "cifar10, mnist"]),
        (["data", "fetch"], ["Missing argument", "NAMES"]),
        (["runn", "tiny"], ["No such command", "'runn'"]),
        (["run", "tiny", "--seed", "3"], ["No such option", "--seed"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_use_is_exit_code_2_and_a_message(
    words: list[str], expected: list[str], cli: Cli, small_root: Path
) -> None:
    result = cli(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert all(fragment in result.stderr for fragment in expected), result.stderr
    assert "Traceback" not in result.stderr
    assert not (small_root / "results").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none_is_told(cli: Cli, small_root: Path) -> None:
    for device in ("cuda", "cuda:1"):
        result = cli(*RUN, "--device", device)
        assert result.exit_code == 2
        assert f"--device {device} is not available; allowed: auto, cpu (" in result.stderr
    assert not (small_root / "results").exists()


def test_a_root_that_is_not_there_is_told(cli: Cli, tmp_path: Path) -> None:
    result = cli("list", root=tmp_path / "none")
    assert result.exit_code == 2
    assert f"--root {tmp_path / 'none'}: there is no such folder" in result.stderr


def test_a_wrong_spec_is_a_message(cli: Cli, edit: Edit) -> None:
    path = edit({"depth = 8": "depth = 9"})
    for words in (["list"], [*RUN], ["table"], ["show", "tiny"]):
        result = cli(*words)
        assert result.exit_code == 2
        assert f"error: {path}: [base]: model.depth = 9" in result.stderr


def test_no_traceback_reaches_a_terminal(small_root: Path) -> None:
    """As the other tests, but in a process of its own, as a user has it."""
    command = [sys.executable, "-m", "repro", "--root", str(small_root), "show", "tiney"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: unknown experiment 'tiney'; did you mean 'tiny'? The experiments are: tiny, adam-")


@pytest.mark.parametrize("obstacle", ["file", "dangling link"])
def test_results_that_cannot_be_written_are_told_before_training(small_root: Path, cli: Cli, obstacle: str) -> None:
    results = small_root / "results"
    if obstacle == "file":
        results.write_text("not a folder")
    else:
        results.symlink_to(small_root / "gone" / "away")
    result = cli(*RUN)
    assert result.exit_code == 2
    assert f"cannot write results to {results}" in result.stderr
    assert "nothing was trained" in result.stderr


def test_a_damaged_record_is_a_message(record: Record, cli: Cli) -> None:
    folder = record("original", 0, errors=[50.0])
    (folder / "run.json").write_text("{")
    for words in (["table", "tiny"], ["status"], [*RUN]):
        result = cli(*words)
        assert result.exit_code == 1
        assert f"{folder / 'run.json'} cannot be read as a record" in result.stderr


@pytest.mark.parametrize(
    "words", [("show", "tiny", "--scale", "x"), ("show", "tiny", "--seed", "3"), ("show", "tiny", "--demo")]
)
def test_show_takes_what_is_of_one_run_with_an_arm_only(cli: Cli, words: tuple[str, ...]) -> None:
    result = cli(*words)
    assert (result.exit_code, "add --arm" in result.stderr) == (2, True)


# --- data sets -------------------------------------------------------------------------------------------------------


@pytest.fixture
def empty_data(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data directory."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("REPRO_DATA_DIR", str(folder))
    return folder


def test_an_empty_data_folder_is_told_before_training(small_root: Path, cli: Cli, edit: Edit, empty_data: Path) -> None:
    edit({'"digits"': '"cifar10"'})
    result = cli(*RUN)
    assert result.exit_code == 2
    assert f"data set 'cifar10' is not ready in {empty_data}" in result.stderr
    assert "cifar-10-batches-py/test_batch: missing" in result.stderr
    assert "repro data fetch cifar10" in result.stderr
    assert str(empty_data / "cifar-10-batches-py") in result.stderr
    assert "REPRO_DATA_DIR" in result.stderr
    assert not folder_of(small_root).exists()


def test_a_file_with_a_wrong_checksum_is_told_before_training(
    small_root: Path, cli: Cli, edit: Edit, empty_data: Path
) -> None:
    edit({'"digits"': '"cifar10"'})
    batch = empty_data / "cifar-10-batches-py" / "data_batch_3"
    batch.parent.mkdir()
    batch.write_bytes(b"not the official bytes")
    result = cli(*RUN)
    assert result.exit_code == 2
    assert "data_batch_3: wrong checksum (MD5 " in result.stderr
    assert "official 54ebc095f3ab1f0389bbae665268c751" in result.stderr
    assert "repro data fetch cifar10" in result.stderr
    assert not folder_of(small_root).exists()


def test_a_folder_in_the_place_of_a_file_is_told(cli: Cli, empty_data: Path) -> None:
    (empty_data / "cifar-10-batches-py" / "test_batch").mkdir(parents=True)
    result = cli("data", "check", "cifar10")
    assert result.exit_code == 3
    assert "test_batch: not a file" in result.stdout


UNPRIVILEGED = """
import os, sys
from repro.cli import main
from repro.data import catalog
if os.getuid() == 0:  # the administrator may read everything
    os.setuid(65534)
main(["data", "check", "cifar10"])
"""


@pytest.mark.parametrize("part", ["folder", "file"])
def test_what_may_not_be_read_is_told(part: str, empty_data: Path, tmp_path: Path) -> None:
    folder = empty_data / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(b"x")
    for above in (empty_data, *empty_data.parents):
        if above.owner() == tmp_path.owner() and above.stat().st_mode & 0o077 == 0:
            above.chmod(0o755)  # pytest's own folders are private
    shut = folder if part == "folder" else folder / "data_batch_1"
    shut.chmod(0)
    try:
        command = [sys.executable, "-c", UNPRIVILEGED]
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    finally:
        shut.chmod(0o755)
    assert "Traceback" not in done.stderr
    assert done.returncode == 3
    assert "data_batch_1: Permission denied" in done.stdout


def test_data_list(cli: Cli, empty_data: Path) -> None:
    output = cli("data", "list").stdout
    assert f"in {empty_data}:" in output
    assert re.search(r"cifar10 +missing +50000 \+ 10000 images +CIFAR-10", output)
    assert re.search(r"digits +ready +1437 \+ +360 images", output)
    content = json.loads(cli("data", "list", "--json").stdout)
    assert content["folder"] == str(empty_data)
    assert {row["name"]: row["ready"] for row in content["data_sets"]} == {
        "cifar10": False,
        "mnist": False,
        "fashion-mnist": False,
        "digits": True,
    }


def test_data_check_is_exit_code_3_where_a_check_does_not_hold(cli: Cli, empty_data: Path) -> None:
    result = cli("data", "check")
    assert result.exit_code == 3
    assert "cifar10: cifar-10-batches-py/data_batch_1: missing" in result.stdout
    assert "digits: ready" in result.stdout
    assert cli("data", "check", "digits").exit_code == 0


def test_data_check_holds_for_the_official_files(cli: Cli, cifar10: Path) -> None:
    result = cli("data", "check", "cifar10")
    assert (result.exit_code, result.stdout) == (0, "cifar10: ready\n")
    result = cli("data", "fetch", "cifar10")
    assert (result.exit_code, result.stdout) == (0, f"cifar10: already in {cifar10}\n")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cifar10", "cifar-10-batches-py/data_batch_5"),
        ("mnist", "MNIST/raw/train-images-idx3-ubyte"),
        ("fashion-mnist", "FashionMNIST/raw/t10k-labels-idx1-ubyte"),
    ],
)
def test_data_fetch_without_a_network_says_what_to_put_where(
    cli: Cli, empty_data: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    def no_network(*_: object, **__: object) -> NoReturn:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    result = cli("data", "fetch", name)
    assert result.exit_code == 2
    assert f"cannot fetch {name!r}" in result.stderr
    assert f"put the official files here and run `repro data check {name}`" in result.stderr
    assert str(empty_data / file) in result.stderr
    assert os.listdir(empty_data) == []  # no half of a download stays


def test_data_fetch_refuses_what_is_not_the_official_data(
    cli: Cli, empty_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves what was there before alone."""
    old = empty_data / "cifar-10-batches-py" / "data_batch_1"
    old.parent.mkdir()
    old.write_bytes(b"old")

    def forged(_: DataSet, folder: Path) -> None:
        target = folder / "cifar-10-batches-py"
        target.mkdir()
        (target / "data_batch_1").write_bytes(b"forged")

    monkeypatch.setattr(Cifar10, "download", forged)
    result = cli("data", "fetch", "cifar10")
    assert result.exit_code == 2
    assert "not the official data" in result.stderr
    assert "data_batch_1: wrong checksum" in result.stderr
    assert old.read_bytes() == b"old"
    assert os.listdir(empty_data) == ["cifar-10-batches-py"]


def test_data_fetch_moves_other_files_aside(
    cli: Cli, empty_data: Path, cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = empty_data / "cifar-10-batches-py"
    for again in ("first", "second"):
        folder.mkdir(exist_ok=True)
        (folder / "data_batch_1").unlink(missing_ok=True)
        (folder / "data_batch_1").write_text(again)

        def official(_: DataSet, workshop: Path) -> None:
            shutil.copytree(cifar10 / "cifar-10-batches-py", workshop / "cifar-10-batches-py", copy_function=os.symlink)

        monkeypatch.setattr(Cifar10, "download", official)
        result = cli("data", "fetch", "cifar10")
        aside = empty_data / f"cifar-10-batches-py.old-{1 if again == 'first' else 2}"
        assert result.exit_code == 0 and f"now in {aside}" in result.stdout
        assert (aside / "data_batch_1").read_text() == again
        assert cli("data", "check", "cifar10").exit_code == 0


# --- shell completion ------------------------------------------------------------------------------------------------


def completions(root: Path, words: list[str], incomplete: str) -> list[str]:
    shell = ShellComplete(main, {}, "repro", "_REPRO_COMPLETE")
    return [item.value for item in shell.get_completions(["--root", str(root), *words], incomplete)]


@pytest.mark.parametrize("command", ["run", "show", "table", "status"])
def test_experiments_are_completed(command: str) -> None:
    assert completions(REPO, [command], "bn-") == ["bn-placement", "bn-placement-110"]
    assert completions(REPO, [command], "zzz") == []
    assert completions(REPO, [command], "./zz") == ["./zz"], "the shell completes paths"


@pytest.mark.parametrize("command", ["run", "show"])
def test_arms_of_the_experiment_are_completed(command: str, small_root: Path) -> None:
    assert completions(small_root, [command, "tiny", "--arm"], "") == ["original", "bn-after-add"]
    assert completions(small_root, [command, "tiny", "--arm"], "bn") == ["bn-after-add"]
    assert completions(REPO, [command, "resnet-depth", "--arm"], "plain") == [
        "plain20",
        "plain32",
        "plain44",
        "plain56",
        "plain110",
    ]


def lacking(command: click.Command, above: click.Context, path: str = "repro") -> list[str]:
    """The arguments and options of a command, and of those below it, for which the shell offers nothing."""
    context = click.Context(command, parent=above, info_name=path)
    context.params = {"root": REPO, "experiment": "resnet-depth"}
    if isinstance(command, click.Group):
        return [found for name, each in command.commands.items() for found in lacking(each, context, f"{path} {name}")]
    numbers = click.types.BoolParamType, click.types.IntParamType, click.types.FloatParamType
    return [
        f"{path} {param.name}"
        for param in command.params
        if not (isinstance(param.type, numbers) or getattr(param, "is_flag", False))
        and not param.shell_complete(context, "")
    ]


def test_all_that_is_not_free_text_is_completed() -> None:
    free = {"new name", "export authors", "run time_limit", "queue run time_limit", "why time_limit"}
    assert set(lacking(main, click.Context(main))) == {f"repro {each}" for each in free}


@pytest.mark.parametrize(
    ("line", "incomplete", "offered"),
    [
        ("compare", "tin", ["tiny/"]),
        ("compare tiny/original", "tiny/bn", ["tiny/bn-after-add"]),
        ("bench --model", "tiny/o", ["tiny/original"]),
        ("rm", "ti", ["tiny"]),
        ("rm", "tiny/", ["tiny/original"]),
        ("logs", "tiny/original/", ["tiny/original/seed-0"]),
        ("rm", "tiny/../", []),
        ("table --scale", "", ["1", "1/2"]),
        ("table --format", "l", ["latex"]),
        ("run tiny --set", "optimizer.l", ["optimizer.lr="]),
        ("run tiny --device", "c", ["cpu", "cuda", "cuda:0"]),
        ("run tiny --jobs", "", ["auto"]),
        ("data fetch", "cif", ["cifar10"]),
        ("plot --kind", "curve-", ["curve-claims"]),
    ],
)
def test_names_and_words_are_completed(
    line: str, incomplete: str, offered: list[str], record: Callable[..., Path], small_root: Path
) -> None:
    record("original", 0, errors=[50.0, 40.0])
    record("original", 0, errors=[50.0, 40.0], scale="1/2")
    assert completions(small_root, line.split(), incomplete) == offered


def test_completion_is_silent_where_there_is_nothing_to_offer(small_root: Path, edit: Edit, tmp_path: Path) -> None:
    assert completions(small_root, ["run", "zzz", "--arm"], "") == []
    assert completions(small_root, ["run", "--arm"], "") == []
    assert completions(tmp_path / "nowhere", ["run"], "") == []
    edit({"depth = 8": "depth = 9"})
    assert completions(small_root, ["run", "tiny", "--arm"], "") == []
