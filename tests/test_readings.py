"""Other readings of a recipe: `instead` and `other_arm` of a deviation, and the runs that they name."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import REPO

from repro import records, spec
from repro.errors import UserError
from repro.records.results import Results

Edit = Callable[..., Path]
Record = Callable[..., Path]

DEVIATION = '\n[[deviation]]\nwhat = "fast"\nwhy = "not stated"\neffect = "small"\n'
SLOW = DEVIATION + 'id = "slow"\ninstead = { optimizer = { lr = 0.01 } }\n'


def names(experiment: spec.Experiment, arm: str, scale: spec.Scale = spec.FULL) -> list[str]:
    return [other.arm.name for other in spec.other_readings(experiment, arm, scale)]


def test_a_reading_is_the_arms_recipe_with_what_the_deviation_has_instead(small_root: Path, edit: Edit) -> None:
    edit({}, SLOW)
    tiny = spec.load("tiny", small_root)
    assert [reading.name for reading in tiny.readings] == ["original+slow", "bn-after-add+slow"]
    for name in ("original", "bn-after-add"):
        for scale in (spec.FULL, spec.DEMO):
            stated, read = spec.resolve(tiny, [3], arms=[name, f"{name}+slow"], scale=scale)
            slower = stated.recipe.optimizer.model_copy(update={"lr": 0.01})
            assert read.recipe == stated.recipe.model_copy(update={"optimizer": slower})
            assert (read.arm, read.seed, read.scale) == (f"{name}+slow", 3, scale)
    assert {run.arm for run in spec.resolve(tiny, [0])} == {"original", "bn-after-add"}


def test_a_reading_may_have_its_own_demo(small_root: Path, edit: Edit) -> None:
    edit({}, DEVIATION + 'id = "long"\narms = ["original"]\ninstead = { schedule = { iterations = 24 } }\n')
    tiny = spec.load("tiny", small_root)
    assert (
        names(tiny, "original") == ["original+long"] and names(tiny, "original", spec.DEMO) == []
    )  # [demo] has its own
    edit({"iterations = 24 }": "iterations = 24 }, demo = { schedule = { iterations = 9 } }"})
    tiny = spec.load("tiny", small_root)
    assert names(tiny, "original", spec.DEMO) == ["original+long"] and names(tiny, "bn-after-add") == []
    (run,) = spec.resolve(tiny, [0], arms=["original+long"], scale=spec.DEMO)
    assert (run.recipe.schedule.iterations, run.recipe.schedule.drops) == (9, (3,))


def test_a_reading_may_count_in_the_other_unit(small_root: Path, edit: Edit) -> None:
    edit({}, DEVIATION + 'id = "epochs"\ninstead = { schedule = { epochs = 2 } }\n')
    (run,) = spec.resolve(spec.load("tiny", small_root), [0], arms=["original+epochs"])
    assert (run.recipe.schedule.iterations, run.recipe.schedule.drops) == (-(-2 * 1437 // 16), ())


INVALID = {
    "no id": ("instead = { batch_size = 32 }", ["[[deviation]]", "'id' is missing"]),
    "an arm too": (
        'id = "a"\ninstead = { batch_size = 32 }\nother_arm = "original"',
        ["instead and other_arm = 'original'", "give one"],
    ),
    "not a table": ('id = "a"\ninstead = "small"', ["instead = 'small'", "a table"]),
    "an id that is no name": ('id = "a+b"\ninstead = { batch_size = 32 }', ["id = 'a+b' is not allowed"]),
    "an unknown key": (
        'id = "a"\ninstead = { batchsize = 3 }',
        ["'a' instead", "'batchsize'", "did you mean 'batch_size'"],
    ),
    "a key of an arm": (
        'id = "a"\ninstead = { label = "x" }',
        ["'a' instead", "unknown key 'label'", "allowed: dataset"],
    ),
    "a wrong value": ('id = "a"\ninstead = { optimizer = { lr = -1.0 } }', ["'a' instead (of arm 'original')", "-1.0"]),
    "a recipe that does not fit": ('id = "a"\ninstead = { bn_batch = 7 }', ["'a' instead", "bn_batch = 7 must divide"]),
    "a split of another data set": ('id = "a"\ninstead = { train_split = "train45k" }', ["'a' instead", "train45k"]),
    "a demo that is no table": ('id = "a"\ninstead = { demo = 3 }', ["'a' instead", "demo = 3 must be a table"]),
    "nothing": ('id = "a"\ninstead = { }', ["'a' instead", "changes nothing of any arm"]),
    "nothing of its arm": (
        'id = "a"\narms = ["original"]\ninstead = { batch_size = 16 }',
        ["'a' instead", "changes nothing of arm 'original'"],
    ),
    "an unknown arm": ('id = "a"\narms = ["b"]\ninstead = { batch_size = 8 }', ["unknown arm 'b'", "original"]),
}


@pytest.mark.parametrize("case", INVALID)
def test_an_impossible_reading_is_an_error_that_names_it(case: str, small_root: Path, edit: Edit) -> None:
    text, expected = INVALID[case]
    edit({}, f"{DEVIATION}{text}\n")
    with pytest.raises(UserError) as caught:
        spec.load("tiny", small_root)
    assert "tiny.toml" in str(caught.value)
    assert [part for part in expected if part not in str(caught.value)] == []


def test_ids_of_deviations_are_unique(small_root: Path, edit: Edit) -> None:
    edit({}, SLOW + SLOW)
    with pytest.raises(UserError, match="duplicate deviation: slow"):
        spec.load("tiny", small_root)


def test_another_arm_is_the_other_reading_of_the_arms_it_differs_least_from(small_root: Path) -> None:
    """On 45,000 images there is a ResNet-20 only: it says nothing of ResNet-56."""
    experiment = spec.load("resnet-depth", REPO)
    of = {arm.name: set(names(experiment, arm.name)) & {"resnet20-45k", "resnet20-bn64"} for arm in experiment.arms}
    assert {name: found for name, found in of.items() if found} == {"resnet20": {"resnet20-45k", "resnet20-bn64"}}


# --- runs and records ------------------------------------------------------------------------------------------------


def test_no_arm_can_have_a_readings_name(small_root: Path, edit: Edit) -> None:
    edit({'name = "bn-after-add"': 'name = "original+slow"'})
    with pytest.raises(UserError, match=re.escape("name = 'original+slow' is not allowed")):
        spec.load("tiny", small_root)


def test_its_runs_are_its_own_and_no_arms(small_root: Path, edit: Edit, record: Record) -> None:
    edit({}, SLOW)
    record("original", 0, errors=[50.0, 40.0])
    folder = record("original+slow", 0, errors=[60.0, 45.0])
    assert folder == small_root / "results" / "tiny" / "original+slow" / "seed-0"
    results = Results.load(small_root, "tiny")
    assert list(results.runs.arm) == ["original"] and list(results.counted().runs.arm) == ["original"]
    assert list(results.counted().recorded.arm) == ["original", "original+slow"]
    assert set(results.recorded.stale) == {""} and folder in results.folders()
    assert [run.arm for run in results.done()] == ["original"]


def test_a_changed_reading_is_stale_and_one_that_is_gone_is_no_arm(
    small_root: Path, edit: Edit, record: Record
) -> None:
    edit({}, SLOW)
    record("original+slow", 0, errors=[60.0, 45.0])
    edit({"lr = 0.01": "lr = 0.02"})
    (stale,) = Results.load(small_root, "tiny").recorded.stale
    assert stale == "optimizer.lr 0.01, today 0.02"
    edit({'id = "slow"': 'id = "slower"'})
    results = Results.load(small_root, "tiny")
    assert list(results.recorded.stale) == ["the spec no longer has a reading 'original+slow'"]
    assert not len(results.runs) and not len(results.usable().recorded)


def test_fingerprints_ignore_the_name_of_the_reading(small_root: Path, edit: Edit) -> None:
    """So the run of an arm, here or in another experiment, is reused."""
    edit({}, DEVIATION + 'id = "add"\narms = ["original"]\ninstead = { model = { block = "bn-after-add" } }\n')
    runs = spec.resolve(spec.load("tiny", small_root), [0], arms=["bn-after-add", "original+add"])
    arm, reading = (spec.fingerprint(spec.in_precision(run, "fp32"), "x") for run in runs)
    assert arm == reading


def test_readings_are_listed_with_their_folder(small_root: Path, edit: Edit, record: Record) -> None:
    edit({}, SLOW)
    record("original+slow", 1, errors=[60.0, 45.0], session={"dirty": "0123"})
    results = Results.load(small_root, "tiny")
    assert results.uncommitted() == ("results/tiny/original+slow/seed-1",)
    assert not len(results.clean().recorded) and records.scales(small_root) == [spec.FULL]
