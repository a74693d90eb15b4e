"""Quick tries (`--set`, `--scratch`): their recipes, their names, and that they count for nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from repro import records, spec
from repro.errors import UserError
from repro.spec import tries
from repro.spec.scale import Scale

Cli = Callable[..., Result]
SETTINGS = (
    "optimizer.lr=0.07",
    "schedule.iterations=10",
    "schedule.drops=[5]",
    "schedule.warmup={iterations = 2, lr = 0.01}",
)
SET = [word for setting in SETTINGS for word in ("--set", setting)]


def test_a_name_gives_the_settings_back() -> None:
    name = tries.name_of("original", SETTINGS)
    assert "/" not in name and tries.is_try(name) and not tries.is_try("original")
    assert tries.split(name) == (
        "original",
        {
            "optimizer": {"lr": 0.07},
            "schedule": {"iterations": 10, "drops": [5], "warmup": {"iterations": 2, "lr": 0.01}},
        },
    )
    odd = tries.name_of(
        "a", ['weights.source="../x,y=1%2"', "augment=[hflip]".replace("hflip", '"hflip"'), "keep=last"]
    )
    assert tries.split(odd)[1] == {"weights": {"source": "../x,y=1%2"}, "augment": ["hflip"], "keep": "last"}
    assert "/" not in odd
    one, other = (tries.name_of("a", [text]) for text in ("optimizer.lr=1e-2", "optimizer.lr = 0.010"))
    assert one == other, "the same value, however it is written, is the same try"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("optimizer.lr", "KEY=VALUE"),
        ("=1", "KEY=VALUE"),
        ("optimizer.lr=", "KEY=VALUE"),
        ("Optimizer lr=1", "KEY=VALUE"),
        ("optimizer.lr=[1", "not a value of TOML"),
        ("schedule.drops=1979-05-27", "not a value of TOML"),
        ("optimizer.lr=1\nx = 2", "not a value of TOML"),
        (f"dataset={'x' * 300}", "300"),
    ],
)
def test_what_is_no_setting_is_told(setting: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        tries.name_of("original", [setting])
    assert expected in str(error.value) or "allowed: 200" in str(error.value)
    with pytest.raises(UserError, match="set twice"):
        tries.name_of("original", ["a=1", "a=2"])


def test_a_try_has_the_recipe_of_its_arm_with_the_settings_on_top(small_root: Path) -> None:
    name = tries.name_of("original", SETTINGS)
    experiment = spec.load("tiny", small_root, [name])
    (tried,), arm = experiment.tries, experiment.arm("original")
    assert tried.recipe.optimizer == arm.recipe.optimizer.model_copy(update={"lr": 0.07})
    assert tried.recipe.schedule.iterations == 10 and tried.demo and tried.demo.schedule.iterations == 10  # type: ignore
    kept = {"optimizer", "schedule"}
    assert tried.recipe.model_dump(exclude=kept) == arm.recipe.model_dump(exclude=kept)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("optimizer.lrr=1", ["--set", "optimizer.lrr", "'lr'"]),
        ("optimizer.lr=-1", ["--set", "optimizer.lr = -1"]),
        ("label=x", ["--set", "'label'"]),
        ("model.depth=9", ["9"]),
    ],
)
def test_a_wrong_setting_is_exit_code_2_and_trains_nothing(
    setting: str, expected: list[str], cli: Cli, small_root: Path
) -> None:
    result = cli("run", "tiny", "--set", setting)
    assert result.exit_code == 2 and all(fragment in result.stderr for fragment in expected), result.stderr
    assert not (small_root / "results").exists()


@pytest.mark.slow
def test_tries_lie_beside_each_other_and_count_for_nothing(cli: Cli, small_root: Path) -> None:
    result = cli("run", "tiny", "--arm", "original", *SET)
    assert result.exit_code == 0, result.output
    assert cli("run", "tiny", "--arm", "original", "--set", "optimizer.lr=0.01").exit_code == 0
    again = cli("run", "tiny", "--arm", "original", *SET)
    assert "Training" not in again.stderr, "a try that is done is not trained again"
    assert "optimizer.lr=0.01" in again.stdout and "optimizer.lr=0.07" in again.stdout
    for words in (["table", "tiny"], ["status"], ["check"]):
        result = cli(*words)
        assert "optimizer.lr" not in result.output and result.exit_code == 0, words
    assert "no runs" in cli("table", "tiny").stdout and "0 records" in cli("check").stdout
    assert records.scales(small_root) == [spec.FULL], "so neither the report nor W&B can show them"
    assert not records.strays(small_root)
    shown = cli("table", "tiny", "--scratch").stdout
    assert "count for nothing" in shown and "claim" not in shown.replace("claims are judged", "")


def test_a_try_whose_settings_are_not_valid_today_is_stale(cli: Cli, edit: Callable[..., Path]) -> None:
    assert cli("run", "tiny", "--arm", "original", "--set", "optimizer.momentum=0.5").exit_code == 0
    edit({'optimizer = { name = "sgd", lr = 0.05, momentum = 0.9 }': 'optimizer = { name = "adam", lr = 0.05 }'})
    result = cli("status", "tiny", "--scratch")
    assert result.exit_code == 0 and "1 stale" in result.stdout, result.output


def test_scratch_alone_keeps_the_recipe_and_its_record_apart(cli: Cli, small_root: Path) -> None:
    assert cli("run", "tiny", "--arm", "original", "--scratch").exit_code == 0
    assert (small_root / "results/scratch/tiny/original/seed-0/run.json").exists()
    assert not (small_root / "results/tiny").exists()
    assert "no quick tries" in cli("table", "tiny", "--scratch", "--demo").stderr


def test_a_try_is_never_sent_to_wandb(cli: Cli, small_root: Path) -> None:
    result = cli("run", "tiny", "--scratch", "--wandb", "offline")
    assert result.exit_code == 2 and "quick tries" in result.stderr


def test_scales_of_tries() -> None:
    for text in ("scratch 1", "scratch 1/200", "scratch demo"):
        scale = Scale.parse(text)
        assert str(scale) == text and scale.scratch and not scale.is_full
        assert scale.folder.startswith("scratch") and scale.flag.startswith(" --scratch")
    assert Scale.parse("scratch demo").is_demo
