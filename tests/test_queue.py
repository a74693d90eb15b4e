"""repro.run.queue and `repro queue`: order, going on, what a wrong file is told, and how long what is left takes."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import Result

from repro import spec
from repro.cli import main
from repro.records.results import Results
from repro.run import queue
from repro.train.control import Stop

REPO = Path(__file__).resolve().parent.parent
RUN = ("queue", "run", "short", "--threads", "1")

Cli = Callable[..., Result]
Edit = Callable[..., Path]
Record = Callable[..., Path]

SHORT = """\
name = "short"
title = "A short queue"

[[entry]]
experiment = "tiny"
arms = ["bn-after-add"]
seeds = 1
scale = "1/2"

[[entry]]
experiment = "tiny"
seeds = 1
"""
IN_ORDER = ["tiny/bn-after-add/seed-0 at 1/2", "tiny/original/seed-0", "tiny/bn-after-add/seed-0"]


@pytest.fixture
def write(small_root: Path) -> Callable[..., Path]:
    """write({old: new}, more): the short queue with each `old`, which must be there, replaced once; its path."""

    def written(changes: dict[str, str] | None = None, more: str = "") -> Path:
        text = SHORT
        for old, new in (changes or {}).items():
            assert old in text
            text = text.replace(old, new, 1)
        path = small_root / "experiments" / "queues" / "short.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + more)
        return path

    return written


def ended(result: Result) -> list[str]:
    """The runs that ended, in that order."""
    return re.findall(r"^\[\d+/\d+\] (.+?): done\b", result.stderr, re.MULTILINE)


# --- running ---------------------------------------------------------------------------------------------------------


def test_runs_are_trained_in_order_and_what_is_done_is_passed_over(
    write: Callable[..., Path], cli: Cli, small_root: Path
) -> None:
    write()
    result = cli(*RUN)
    assert result.exit_code == 0
    assert ended(result) == IN_ORDER
    assert "total: 3 done, 0 left" in result.stdout
    again = cli(*RUN)
    assert (again.exit_code, ended(again)) == (0, [])
    assert len(Results.load(small_root, "tiny", spec.Scale.of("1/2")).runs) == 1


def test_side_by_side_the_whole_queue_is_one_plan(
    write: Callable[..., Path], cli: Cli, in_turns: list[tuple[int, int]]
) -> None:
    """Three runs in two entries, two at a time: the next entry's begin while the first's is at work."""
    write()
    result = cli(*RUN, "--jobs", "2")
    assert result.exit_code == 0
    assert sorted(ended(result)) == sorted(IN_ORDER)
    assert in_turns == [(3, 2)]


def test_the_time_limit_is_the_whole_queues_and_the_same_command_goes_on(
    write: Callable[..., Path], cli: Cli, monkeypatch: pytest.MonkeyPatch, small_root: Path
) -> None:
    write()
    asked = 0

    def requested(self: Stop) -> str:
        """The limit falls in the second run: the first asks seven times for six iterations, the launcher before it."""
        nonlocal asked
        asked += 1
        self.reason = "time limit" if asked > 12 else ""
        return self.reason

    command = (*RUN, "--time-limit", "2h")
    with monkeypatch.context() as patch:
        patch.setattr(Stop, "requested", requested)
        result = cli(*command)
    assert result.exit_code == 4
    assert ended(result) == IN_ORDER[:1]
    assert "1 done, 2 left" in result.stdout
    assert f"2 runs left. To resume: {shlex.join(['repro', '--root', str(small_root), *command])}" in result.stderr
    result = cli(*command)
    assert (result.exit_code, ended(result)) == (0, IN_ORDER[1:])


def test_a_time_limit_in_the_past_trains_nothing(write: Callable[..., Path], cli: Cli) -> None:
    write()
    result = cli(*RUN, "--time-limit", "0.0001s", "--json")
    summary = json.loads(result.stdout)
    assert (result.exit_code, summary["stopped"], summary["not_begun"]) == (4, "time limit", 3)


def test_dry_run_names_every_run_in_order(write: Callable[..., Path], cli: Cli, record: Record) -> None:
    write()
    record("original", 0, errors=[50.0])
    lines = cli(*RUN, "--dry-run").stdout.splitlines()
    assert [re.split("  +", line)[:2] for line in lines[:-1]] == list(
        map(list, zip(IN_ORDER, ["new", "done", "new"], strict=True))
    )
    assert lines[-1] == "2 new, 1 done"
    assert [row["run"] for row in json.loads(cli(*RUN, "--dry-run", "--json").stdout)] == IN_ORDER


def test_a_run_that_two_entries_name_is_the_firsts(write: Callable[..., Path], small_root: Path) -> None:
    write(more='[[entry]]\nexperiment = "tiny"\narms = ["original"]\nseeds = 2\n')
    entries = queue.plan(small_root, queue.load("short", small_root))
    assert [len(entry.planned) for entry in entries] == [1, 2, 1]
    assert [p.run.name for p in queue.runs(entries)] == [*IN_ORDER, "tiny/original/seed-1"]


def test_the_options_are_those_of_run() -> None:
    """All of `repro run`'s but what an entry says."""
    run = {option for parameter in main.commands["run"].params for option in parameter.opts}
    group = main.commands["queue"]
    queued = {option for parameter in group.commands["run"].params for option in parameter.opts}  # type: ignore
    assert run - queued == {
        "experiment",
        "--arm",
        "--seeds",
        "--scale",
        "--demo",
        "--scratch",
        "--set",
        "--until-decided",
    }
    assert queued - run == {"name"}
    assert {"--jobs", "--threads", "--device", "--time-limit"} <= queued


# --- looking ---------------------------------------------------------------------------------------------------------


def test_list(write: Callable[..., Path], cli: Cli) -> None:
    """The folder's own, then the built-in ones."""
    built_in = cli("queue", "list").stdout
    assert built_in.startswith("cpu ")
    write()
    assert cli("queue", "list").stdout == "short       2 entries   A short queue\n" + built_in
    first = json.loads(cli("queue", "list", "--json").stdout)[0]
    assert first == {"name": "short", "title": "A short queue", "entries": 2}


def test_show_counts_and_times_by_the_records(write: Callable[..., Path], cli: Cli, record: Record) -> None:
    """120 s for 12 iterations is 10 s an iteration; a median, so that one slow run weighs little. What is left of a
    run that was stopped counts for that, a scale of its own goes before another, a diverged run times nothing."""
    write({"seeds = 1": "seeds = 2"})
    assert "time unknown" in cli("queue", "show", "short").stdout
    for seed, seconds in enumerate((120.0, 120.0, 9000.0), start=1):
        record("bn-after-add", seed, errors=[50.0], wall_seconds=seconds)
    record("bn-after-add", 0, errors=[50.0], status="interrupted", iteration=9)
    lines = cli("queue", "show", "short").stdout.splitlines()
    assert lines[0] == "short: A short queue"
    assert lines[1:3] == [
        "  1. tiny, scale 1/2, 2 seeds of BN after addition",
        "     0 done, 2 left: about 2 min on a processor, fp32",
    ]
    assert lines[3:5] == [
        "  2. tiny, full scale, 1 seed of all arms",
        "     0 done, 2 left: about 30 s on a processor, fp32 for 1 of them",
    ]
    assert lines[5] == "total: 0 done, 4 left: about 2 min on a processor, fp32 for 3 of them"
    record("bn-after-add", 0, errors=[50.0], scale="1/2", wall_seconds=6.0)
    record("original", 0, errors=[50.0], status="diverged", iteration=1, session={"hardware": "another"})
    entries = json.loads(cli("queue", "show", "short", "--json").stdout)["entries"]
    assert [(e["done"], e["left"]) for e in entries] == [(1, 1), (1, 1)]
    assert entries[0]["expected"] == [{"hardware": "a processor, fp32", "runs": 1, "seconds": 6}]


def test_each_hardware_has_its_own_time(write: Callable[..., Path], cli: Cli, record: Record) -> None:
    write()
    record("bn-after-add", 1, errors=[50.0], wall_seconds=120.0)
    record("bn-after-add", 2, errors=[50.0], wall_seconds=12.0, session={"hardware": "a GPU", "precision": "bf16"})
    assert "about 6 s on a GPU, bf16; about 1 min on a processor, fp32" in cli("queue", "show", "short").stdout


def test_a_run_that_its_twin_will_have_trained_takes_no_time(
    write: Callable[..., Path], cli: Cli, edit: Edit, record: Record
) -> None:
    """Of two arms of one recipe one is trained; a record made elsewhere, or a run begun already, is no twin."""
    edit({'block = "bn-after-add"': 'block = "original"'})
    write()

    def expected() -> list[dict[str, object]]:
        (entry,) = json.loads(cli("queue", "show", "short", "--json").stdout)["entries"][1:]
        return entry["expected"]

    for arm in ("original", "bn-after-add"):
        record(arm, 1, errors=[50.0], wall_seconds=120.0)
    assert expected() == [{"hardware": "a processor, fp32", "runs": 2, "seconds": 120}]
    elsewhere = record("original", 0, errors=[50.0], wall_seconds=12.0, session={"hardware": "a GPU"})
    assert expected() == [{"hardware": "a processor, fp32", "runs": 1, "seconds": 120}]
    shutil.rmtree(elsewhere)
    record("original", 0, errors=[50.0], wall_seconds=120.0)
    assert expected() == [{"hardware": "a processor, fp32", "runs": 1, "seconds": 0}]
    record("bn-after-add", 0, errors=[50.0], status="interrupted", iteration=6)
    assert expected() == [{"hardware": "a processor, fp32", "runs": 1, "seconds": 60}]


def test_the_claims_that_its_seeds_cannot_decide_are_named(write: Callable[..., Path], cli: Cli, edit: Edit) -> None:
    """The first look is at 5 seeds, so one seed cannot; twenty can. An arm without seeds is nobody's loss."""
    edit({"margin = 0.3": "margin = 0.3\nsize = 1.0\nlooks = [5, 20]"})
    write()
    told = cli("queue", "show", "short", "--power").stdout
    assert "not or hardly decided by the queue's seeds" in told
    assert "tiny/bn-after-add-is-worse: no look (sd 0.20)" in told
    write({'experiment = "tiny"\nseeds = 1': 'experiment = "tiny"\nseeds = 20'})
    assert "the queue's seeds are enough for every claim" in cli("queue", "show", "short", "--power").stdout
    write({'experiment = "tiny"\nseeds = 1': 'experiment = "tiny"\narms = ["original"]\nseeds = 1'})
    assert "the queue's seeds are enough" in cli("queue", "show", "short", "--power").stdout
    assert cli("queue", "show", "short", "--power", "--json").exit_code == 2


def test_queues_are_completed() -> None:
    shell = ShellComplete(main, {}, "repro", "_REPRO_COMPLETE")
    for command in ("show", "run"):
        words = ["--root", str(REPO), "queue", command]
        assert [item.value for item in shell.get_completions(words, "")] == ["cpu", "first", "full", "notes"]


# --- the files -------------------------------------------------------------------------------------------------------

BAD = {
    "unknown key": ({'title = "A': 'titel = "A'}, "", ["the top level: unknown key 'titel'", "did you mean 'title'?"]),
    "no title": ({'title = "A short queue"\n': ""}, "", ["'title' is missing"]),
    "another name": ({'"short"': '"long"'}, "", ["name = 'long'", "the file's name, 'short'"]),
    "unknown key of an entry": ({"seeds = 1": "seed = 1"}, "", ["[[entry]] 1: unknown key 'seed'", "mean 'seeds'?"]),
    "no experiment": ({'experiment = "tiny"\n': ""}, "", ["[[entry]] 1: 'experiment' is missing"]),
    "unknown experiment": ({'"tiny"': '"tiney"'}, "", ["[[entry]] 1: unknown experiment 'tiney'", "mean 'tiny'?"]),
    "unknown arm": ({'"bn-after-add"': '"bn"'}, "", ["[[entry]] 1:", "no arm 'bn'", "arms are: original, bn-after"]),
    "an arm twice": ({'["bn-after-add"]': '["original", "original"]'}, "", ["[[entry]] 1: arms", "listed twice"]),
    "no arms": ({'["bn-after-add"]': "[]"}, "", ["[[entry]] 1: arms = []", "at least 1"]),
    "no seeds": ({"seeds = 1": "seeds = 0"}, "", ["[[entry]] 1: seeds = 0 is not allowed", "above 0"]),
    "seeds in words": ({"seeds = 1": 'seeds = "1"'}, "", ["[[entry]] 1: seeds = '1' is not allowed", "a whole number"]),
    "scale above one": ({'"1/2"': '"2"'}, "", ["[[entry]] 1: scale = '2' is not allowed", "at most 1"]),
    "scale too small": ({'"1/2"': '"1/12"'}, "", ["[[entry]] 1: scale 1/12 is too small for 12"]),
    "scale not as text": ({'"1/2"': "1"}, "", ["[[entry]] 1: scale = 1 is not allowed", "it must be a string"]),
    "a demo": ({'"1/2"': '"demo"'}, "", ["[[entry]] 1: scale = 'demo' is not allowed", "not a fraction"]),
    "not TOML": ({"[[entry]]": "[[entry"}, "", ["not valid TOML"]),
    "one entry, not a list": ({"[[entry]]": "[entry]", SHORT[SHORT.rindex("[[entry") :]: ""}, "", ["array of tables"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_queue_is_exit_code_2_and_names_file_key_value_and_what_is_allowed(
    case: str, write: Callable[..., Path], cli: Cli, small_root: Path
) -> None:
    changes, more, expected = BAD[case]
    path = write(changes, more)
    for words in (["queue", "show", "short"], [*RUN], ["queue", "list"]):
        result = cli(*words)
        assert (result.exit_code, result.stdout) == (2, "")
        for fragment in (str(path), *expected):
            assert fragment in result.stderr
    assert not (small_root / "results").exists()


def test_an_unknown_queue_suggests_the_nearest(write: Callable[..., Path], cli: Cli) -> None:
    result = cli("queue", "show", "short")
    assert (result.exit_code, "The queues are: cpu, first, full, notes" in result.stderr) == (2, True)
    write()
    result = cli("queue", "run", "shor")
    assert result.exit_code == 2
    assert "unknown queue 'shor'; did you mean 'short'?" in result.stderr


def test_the_shipped_queues() -> None:
    """The full one in order of worth; the other without anything at full scale."""
    resnets, plain = (tuple(f"{kind}{depth}" for depth in (20, 32, 44, 56)) for kind in ("resnet", "plain"))
    full, cpu = (
        [(e.experiment, e.arms, e.seeds, str(e.scale)) for e in queue.load(name, REPO).entries]
        for name in ("full", "cpu")
    )
    assert full == [
        ("resnet-depth", resnets, 5, "1"),
        ("precision", None, 5, "1"),
        ("bn-placement", None, 5, "1"),
        ("adam-vs-sgd", None, 5, "1"),
        ("resnet-depth", plain, 3, "1"),
        ("vgg-depth", None, 3, "1"),
        ("resnet-depth", ("resnet20-45k", "resnet20-bn64"), 3, "1"),
        ("resnet-depth", ("resnet110", "resnet110-no-warmup", "plain110"), 3, "1"),
        ("bn-placement-110", None, 3, "1"),
        ("resnet18-adam", None, 3, "1"),
        ("vgg-fashion", None, 3, "1"),
        ("network-zoo", None, 1, "1"),
    ]
    assert cpu == [
        ("resnet-depth", resnets, 3, "1/64"),
        ("bn-placement", None, 3, "1/64"),
        ("adam-vs-sgd", None, 3, "1/64"),
        ("vgg-depth", None, 2, "1/128"),
        ("precision", None, 5, "1/20"),
    ]
    notes = ("mnist-mlp", "cifar-cnn", "transfer-small")  # small enough for a CPU, in a queue of their own
    needs_weights = ("transfer",)
    for every, elsewhere in (("full", notes), ("first", (*notes, "network-zoo")), ("notes", ())):
        named = {(e.experiment, arm) for e in queue.load(every, REPO).entries for arm in e.arms or ("all",)}
        names = spec.names(REPO) if every != "notes" else [*notes, "resnet18-adam", "vgg-fashion"]
        for name in names:
            for claim in spec.load(name, REPO).claims if name not in (*elsewhere, *needs_weights) else ():
                assert all((name, arm) in named or (name, "all") in named for arm in claim.arms), claim.id
