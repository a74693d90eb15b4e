"""repro.spec: what a spec file means, that the shipped ones say what the papers say, and how mistakes are told."""

import importlib
import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from repro import spec
from repro.claims.rules import Difference
from repro.data import catalog
from repro.errors import UserError
from repro.spec.epochs import resolve_schedule

REPO = Path(__file__).resolve().parent.parent
SHIPPED = sorted(
    "adam-vs-sgd bn-placement bn-placement-110 cifar-cnn mnist-mlp network-zoo precision resnet-depth resnet18-adam "
    "transfer transfer-small vgg-depth vgg-fashion".split()
)
DIGITS = catalog.BUILT_IN["digits"].checksum
TRAIN_IMAGES = 1437  # of the digits

Edit = Callable[..., Path]


def run_of(root: Path, arm: str = "original", seed: int = 0, scale: spec.Scale = spec.FULL) -> spec.Run:
    return spec.resolve(spec.load("tiny", root), [seed], arms=[arm], scale=scale)[0]


def identity(run: spec.Run, checksum: str) -> str:
    """The run's fingerprint where it is trained in fp32."""
    return spec.fingerprint(spec.in_precision(run, "fp32"), checksum)


# --- layers ----------------------------------------------------------------------------------------------------------


def test_an_arm_lays_its_keys_over_the_base_and_leaves_the_rest(small_root: Path) -> None:
    tiny = spec.load("tiny", small_root)
    assert [arm.name for arm in tiny.arms] == ["original", "bn-after-add"]
    plain, changed = (arm.recipe for arm in tiny.arms)
    assert (changed.model.depth, changed.model.width, changed.model.block) == (8, 4, "bn-after-add")
    same_model = changed.model.model_copy(update={"block": "original"})
    assert changed.model_copy(update={"model": same_model}) == plain


def test_four_layers_each_beat_the_one_below(edit: Edit, small_root: Path) -> None:
    edit(
        {
            'block = "bn-after-add" }': """block = "bn-after-add" }
batch_size = 20
evaluate_every = 5
demo = { evaluate_every = 2 }""",
            "[demo]\n": "[demo]\nbatch_size = 24\n",
        }
    )
    first, second = spec.load("tiny", small_root).arms
    assert first.demo and second.demo
    assert (first.recipe.evaluate_every, first.recipe.batch_size) == (6, 16)  # [base]
    assert (second.recipe.evaluate_every, second.recipe.batch_size) == (5, 20)  # [[arm]]
    assert (first.demo.evaluate_every, first.demo.batch_size) == (3, 24)  # [demo]
    assert (second.demo.evaluate_every, second.demo.batch_size) == (2, 24)  # the arm's demo, else [demo]


def test_demo_keeps_what_the_arm_is_about(small_root: Path) -> None:
    demo = spec.load("tiny", small_root).arm("bn-after-add").demo
    assert demo
    assert demo.model.block == "bn-after-add"
    assert (demo.schedule.iterations, demo.schedule.drops, demo.schedule.factor) == (6, (3,), 0.1)


def test_a_table_of_another_name_replaces_the_one_below_it(edit: Edit, small_root: Path) -> None:
    """Were Adam laid over SGD, SGD's momentum would be an unknown key of Adam's."""
    edit(
        {
            'block = "bn-after-add" }': 'block = "bn-after-add" }\noptimizer = { name = "adam", lr = 0.001 }',
            "[demo]\n": "[demo]\noptimizer = { lr = 0.01 }\n",
        }
    )
    sgd, adam = spec.load("tiny", small_root).arms
    assert adam.recipe.optimizer.model_dump() == {
        "name": "adam",
        "lr": 0.001,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
        "weight_decay": 0.0,
        "decay_norm_and_bias": True,
    }
    assert sgd.demo and sgd.demo.optimizer.model_dump() == sgd.recipe.optimizer.model_dump() | {"lr": 0.01}
    assert adam.demo and adam.demo.optimizer.model_dump() == adam.recipe.optimizer.model_dump() | {"lr": 0.01}


def test_an_array_replaces_the_one_below_it(edit: Edit, small_root: Path) -> None:
    edit({"[demo]\nschedule = { iterations = 6, drops = [3] }": "[demo]\nschedule = { drops = [] }"})
    demo = spec.load("tiny", small_root).arms[0].demo
    assert demo and (demo.schedule.iterations, demo.schedule.drops) == (12, ())


def test_image_size_is_the_data_sets_own_unless_said(edit: Edit, small_root: Path) -> None:
    edit({"[demo]\n": "[demo]\nimage_size = 16\n"})
    arm = spec.load("tiny", small_root).arms[0]
    assert arm.recipe.image_size == 8
    assert arm.demo and arm.demo.image_size == 16


def test_models_are_frozen(small_root: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        run_of(small_root).recipe.batch_size = 1


# --- epochs, scale, order --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_batch", "iterations", "drops"),
    [
        # 1437 images in batches of 16 are 89.8125 an epoch
        ("wrap", math.ceil(10 * 89.8125), (math.ceil(5 * 89.8125), math.ceil(7 * 89.8125))),
        ("keep", 10 * 90, (5 * 90, 7 * 90)),
        ("drop", 10 * 89, (5 * 89, 7 * 89)),
    ],
)
def test_epochs_become_iterations(
    edit: Edit, small_root: Path, last_batch: str, iterations: int, drops: tuple[int, int]
) -> None:
    edit(
        {
            "iterations = 12, drops = [6, 9]": "epochs = 10, drops = [5, 7]",
            "batch_size = 16": f'batch_size = 16\nlast_batch = "{last_batch}"',
            "[demo]\nschedule = { iterations = 6, drops = [3] }\n": "[demo]\n",
        }
    )
    schedule = run_of(small_root).recipe.schedule
    assert (schedule.iterations, schedule.drops) == (iterations, drops)


def test_epochs_are_those_of_the_training_split(edit: Edit, small_root: Path) -> None:
    edit(
        {
            "iterations = 12, drops = [6, 9]": "epochs = 2",
            "batch_size = 16": 'batch_size = 100\ntrain_split = "train1k"',
            "[demo]\nschedule = { iterations = 6, drops = [3] }\n": "[demo]\n",
        }
    )
    assert run_of(small_root).recipe.schedule.iterations == 20


@pytest.mark.parametrize(("warmup", "iterations"), [("epochs = 2", 180), ("iterations = 7", 7)])
def test_a_warm_up_in_epochs_or_iterations(edit: Edit, small_root: Path, warmup: str, iterations: int) -> None:
    long = "iterations = 12, drops = [6, 9]"
    edit({long: f"epochs = 3, warmup = {{ lr = 0.01, {warmup} }}"} | NO_DEMO)
    schedule = run_of(small_root).recipe.schedule
    assert schedule.iterations == 270
    assert schedule.warmup and schedule.warmup.model_dump() == {"lr": 0.01, "iterations": iterations}


def test_an_image_folder_is_asked_when_its_runs_are_resolved(
    edit: Edit, small_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a spec can be read where its images are not."""
    monkeypatch.setenv("REPRO_DATA_DIR", str(small_root / "data"))
    edit({'"digits"': '"folder:pets"\nimage_size = 8', "iterations = 12, drops = [6, 9]": "epochs = 3"} | NO_DEMO)
    assert spec.load("tiny", small_root).arms[0].recipe.schedule.model_dump()["epochs"] == 3
    with pytest.raises(catalog.Absent, match="'folder:pets': no folder"):
        run_of(small_root)
    for part, title, count in (("train", "cat", 30), ("train", "dog", 34), ("test", "cat", 1), ("test", "dog", 1)):
        for number in range(count):
            path = small_root / "data" / "pets" / part / title / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"never decoded here")
    assert run_of(small_root).recipe.schedule.iterations == 3 * 64 / 16


def test_train45k_leaves_45000_images() -> None:
    recipe = spec.load("resnet-depth", REPO).arm("resnet20").recipe
    assert spec.train_images(recipe) == 50_000
    assert spec.train_images(recipe.model_copy(update={"train_split": "train45k"})) == 45_000
    assert spec.train_images(recipe.model_copy(update={"train_split": "train49999"})) == 49_999


@pytest.mark.parametrize(
    ("text", "expected"), [("1/200", "1/200"), ("0.01", "1/100"), ("1", "1"), ("2/4", "1/2"), ("1e-3", "1/1000")]
)
def test_scale_is_a_fraction_written_one_way(text: str, expected: str) -> None:
    assert str(spec.Scale.of(text)) == expected


@pytest.mark.parametrize("text", ["0", "-1/2", "2", "1.5", "x", "1/0", "nan", "inf", "", "1e-999999999", "demo"])
def test_scale_out_of_range_or_not_a_fraction(text: str) -> None:
    with pytest.raises(UserError, match=rf"{text}.*allowed: above 0 and at most 1"):
        spec.Scale.of(text)


@pytest.mark.parametrize(
    ("text", "folder", "flag"),
    [("1", "", ""), ("1/200", "scale-1-200", " --scale 1/200"), ("demo", "demo", " --demo")],
)
def test_a_scale_is_text_in_records_and_has_a_folder_and_a_flag(text: str, folder: str, flag: str) -> None:
    scale = spec.Scale.parse(text)
    assert (str(scale), scale.folder, scale.flag) == (text, folder, flag)
    assert (scale.is_full, scale.is_demo) == (scale == spec.FULL, scale == spec.DEMO) == (text == "1", text == "demo")


def test_a_run_is_dumped_with_its_scale_as_text_and_read_back(small_root: Path) -> None:
    run = run_of(small_root, scale=spec.DEMO)
    assert json.loads(run.model_dump_json())["scale"] == "demo"
    assert spec.Run.model_validate(run.model_dump()) == run


def test_scale_shrinks_iterations_drops_and_warmup_alike() -> None:
    full = spec.load("resnet-depth", REPO).arm("resnet110").recipe
    run = spec.resolve(spec.load("resnet-depth", REPO), [0], arms=["resnet110"], scale=spec.Scale.of("1/100"))[0]
    assert (run.scale.fraction, run.model_dump()["scale"]) == (Fraction(1, 100), "1/100")
    assert (run.recipe.schedule.iterations, run.recipe.schedule.drops) == (640, (320, 480))
    assert run.recipe.schedule.warmup and run.recipe.schedule.warmup.model_dump() == {"lr": 0.01, "iterations": 4}
    assert run.recipe.evaluate_every == 160  # four evaluations
    rest = {"schedule", "evaluate_every"}
    assert run.recipe.model_dump(exclude=rest) == full.model_dump(exclude=rest)


def test_a_scale_that_leaves_nothing_is_told(small_root: Path) -> None:
    with pytest.raises(UserError, match=r"scale 1/12 is too small for 12 iterations with drops at \[6, 9\]"):
        run_of(small_root, scale=spec.Scale.of("1/12"))


def test_every_arm_has_a_run_before_any_has_two(small_root: Path) -> None:
    runs = spec.resolve(spec.load("tiny", small_root), range(2))
    assert [run.name for run in runs] == [
        "tiny/original/seed-0",
        "tiny/bn-after-add/seed-0",
        "tiny/original/seed-1",
        "tiny/bn-after-add/seed-1",
    ]


def test_no_demo_table_no_demo(edit: Edit, small_root: Path) -> None:
    path = edit({})
    path.write_text(
        path.read_text().replace("[demo]\nschedule = { iterations = 6, drops = [3] }\nevaluate_every = 3\n", "")
    )
    with pytest.raises(UserError, match=r"'tiny' has no \[demo\] table"):
        run_of(small_root, scale=spec.DEMO)


# --- fingerprints ----------------------------------------------------------------------------------------------------


def test_fingerprint_of_one_run_is_pinned() -> None:
    """It moves only with the recipe, its defaults or RECIPE_VERSION: committed records go stale whenever it does."""
    run = spec.resolve(spec.load("resnet-depth", REPO), [0], arms=["resnet20"])[0]
    assert spec.RECIPE_VERSION == 1, "pin the fingerprints anew"
    found = spec.fingerprints(run, catalog.BUILT_IN["cifar10"].checksum)
    assert found == {"2f90d71f39ee1af2": "fp32", "edf770e9c050b798": "tf32", "27371e708400f27f": "bf16"}


def test_precision_is_part_of_the_identity_and_the_recipe_may_settle_it(small_root: Path) -> None:
    run = run_of(small_root)
    assert list(spec.fingerprints(run, DIGITS).values()) == ["fp32", "tf32", "bf16"]
    settled = spec.in_precision(run, "bf16")
    assert spec.fingerprints(settled, DIGITS) == {spec.fingerprint(settled, DIGITS): "bf16"}
    assert spec.in_precision(settled, "fp32") == settled
    with pytest.raises(AssertionError, match="not set"):
        spec.fingerprint(run, DIGITS)


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size = 16": "batch_size = 32"},
        {"lr = 0.05": "lr = 0.06"},
        {"drops = [6, 9]": "drops = [6, 10]"},
        {"drops = [6, 9]": 'shape = "cosine"', "drops = [3]": "drops = []"},
        {"width = 4": 'width = 4, init = "he-fan-out"'},
        {"batch_size = 16": 'batch_size = 16\naugment = ["hflip"]'},
        {"batch_size = 16": 'batch_size = 16\nlast_batch = "keep"'},
        {"batch_size = 16": "batch_size = 16\nbn_batch = 8"},
        {"batch_size = 16": "batch_size = 16\nimage_size = 16"},
        {"momentum = 0.9": "momentum = 0.9, decay_norm_and_bias = false"},
    ],
    ids=lambda change: next(iter(change.values())).replace("\n", " "),
)
def test_fingerprint_moves_with_the_recipe(edit: Edit, small_root: Path, change: dict[str, str]) -> None:
    before = identity(run_of(small_root), DIGITS)
    edit(change)
    assert identity(run_of(small_root), DIGITS) != before


def test_fingerprint_moves_with_seed_data_and_recipe_version(small_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(small_root)
    prints = [
        identity(run, DIGITS),
        identity(run_of(small_root, seed=1), DIGITS),
        identity(run, "another checksum"),
    ]
    monkeypatch.setattr(importlib.import_module("repro.spec.resolve"), "RECIPE_VERSION", spec.RECIPE_VERSION + 1)
    prints.append(identity(run, DIGITS))
    assert len(set(prints)) == 4
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in prints)


def test_fingerprint_does_not_move_with_names_published_numbers_and_lessons(edit: Edit, small_root: Path) -> None:
    before = identity(run_of(small_root), DIGITS)
    path = edit(
        {
            'name = "tiny"': 'name = "other"',
            'name = "original"\nlabel = "Original"': 'name = "renamed"\nlabel = "Another"',
            '["original", "bn-after-add"]': '["renamed", "bn-after-add"]',
            "test_error = 40.0": "test_error = 41.0",
            "margin = 0.3": "margin = 0.4",
        },
        '[[lesson]]\nquestion = "So?"\nclaims = ["bn-after-add-is-worse"]\n',
    )
    path.rename(path.with_name("other.toml"))
    run = spec.resolve(spec.load("other", small_root), [0], arms=["renamed"])[0]
    assert identity(run, DIGITS) == before


def test_fingerprint_does_not_move_when_defaults_are_made_explicit(edit: Edit, small_root: Path) -> None:
    before = identity(run_of(small_root), DIGITS)
    edit(
        {
            "batch_size = 16": """batch_size = 16
train_split = "train"
image_size = 8
normalise = "per-pixel-mean"
padding = "after-normalise"
augment = []
last_batch = "wrap"
diverge_above = 10000""",
            "width = 4": 'width = 4, shortcut = "identity", subsample = "in-block", init = "he-fan-in"',
            "momentum = 0.9": "momentum = 0.9, nesterov = false, weight_decay = 0, decay_norm_and_bias = true",
            "drops = [6, 9]": 'drops = [6, 9], factor = 0.1, shape = "steps"',
        }
    )
    assert identity(run_of(small_root), DIGITS) == before


def test_a_resolved_run_holds_every_key_of_the_models(small_root: Path) -> None:
    recipe = run_of(small_root).recipe.model_dump(mode="json")
    assert set(recipe) == set(spec.Recipe.model_fields) - set(spec.Recipe.ADDED)
    assert set(recipe["schedule"]) == set(spec.Schedule.model_fields) - set(spec.Schedule.ADDED)
    assert {"block", "shortcut", "subsample", "init", "width"} < set(recipe["model"])
    assert {"nesterov", "weight_decay", "decay_norm_and_bias"} < set(recipe["optimizer"])
    assert recipe["image_size"] == 8


# --- the shipped experiments -----------------------------------------------------------------------------------------

PUBLISHED: dict[str, dict[str, float | None]] = {
    "resnet-depth": {  # He et al. 2015, Table 6; plain nets: reproductions elsewhere
        "resnet20": 8.75,
        "resnet32": 7.51,
        "resnet44": 7.17,
        "resnet56": 6.97,
        "resnet110": 6.61,
        "plain20": 9.35,
        "plain32": 11.15,
        "plain44": 14.12,
        "plain56": 12.32,
        "plain110": None,
        "resnet110-no-warmup": None,
        "resnet20-45k": None,
        "resnet20-bn64": None,
    },
    "bn-placement": {  # the original from He et al. 2015, Table 6; the others from a note's 87.5 and 89 % accuracy
        "original": 7.51,
        "bn-after-add": 12.5,
        "relu-before-add": None,
        "relu-only-preact": None,
        "full-preact": None,
        "separate-subsampling": 11.0,
    },
    "bn-placement-110": {  # He et al. 2016, Table 2
        "original": 6.61,
        "bn-after-add": 8.17,
        "relu-before-add": 7.84,
        "relu-only-preact": 6.71,
        "full-preact": 6.37,
    },
    "adam-vs-sgd": {  # a note's 87.5 and 61 % accuracy without augmentation
        "sgd": 7.51,
        "adam-1e-3": None,
        "adam-1e-4": None,
        "sgd-no-aug": 12.5,
        "adam-1e-3-no-aug": 39.0,
        "adam-1e-4-no-aug": 39.0,
    },
    "network-zoo": {  # 100 - the accuracies of kuangliu/pytorch-cifar
        "vgg16": 7.36,
        "resnet18": 6.98,
        "resnet50": 6.38,
        "resnet101": 6.25,
        "regnetx-200mf": 5.76,
        "regnety-400mf": 5.71,
        "mobilenet-v2": 5.57,
        "resnext29-32x4d": 5.27,
        "resnext29-2x64d": 5.18,
        "densenet121": 4.96,
        "preact-resnet18": 4.89,
        "dpn92": 4.84,
        "resnet50-batch32": None,
    },
    "precision": {"fp32": None, "bf16": None},  # no paper's
    "vgg-depth": {  # Simonyan & Zisserman 2014, Table 3; with BN: accuracies elsewhere
        "a": 29.6,
        "a-lrn": 29.7,
        "b": 28.7,
        "c": 28.1,
        "d": 27.0,
        "e": 27.3,
        "a-paper-init": None,
        "a-bn": 7.83,
        "b-bn": 5.82,
        "d-bn": 6.14,
        "e-bn": 6.35,
    },
    "mnist-mlp": {"file-order": None, "shuffled": None},  # a curve, in a claim
    "cifar-cnn": {"epochs8": 30.0, "epochs30": None},  # "about 70 %"
    "vgg-fashion": dict.fromkeys(["vgg11-note", "vgg11", "vgg13", "vgg16", "vgg19"]),  # no figure survives
    "resnet18-adam": {"lenet": 32.0, "lenet-1e-3": None, "vgg16": 15.0, "resnet18": 9.6},  # 100 - accuracy
    "transfer": dict.fromkeys(["scratch", "head", "tuned"]),  # no figure survives
    "transfer-small": dict.fromkeys(  # this project's question
        ["pretrained", *(f"{how}-{images}" for images in (100, 500, 5000) for how in ("scratch", "head", "tuned"))]
    ),
}
NOTHING_PUBLISHED = ("precision", "mnist-mlp", "cifar-cnn", "vgg-fashion", "transfer", "transfer-small")


def test_the_shipped_experiments_are_these() -> None:
    assert spec.names(REPO) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_arms_and_published_numbers(name: str) -> None:
    experiment = spec.load(name, REPO)
    assert {a.name: a.published and a.published.test_error for a in experiment.arms} == PUBLISHED[name]
    assert all(arm.published.where for arm in experiment.arms if arm.published)
    used = {arm.published.reference for arm in experiment.arms if arm.published}
    used |= {claim.reference for claim in experiment.claims if claim.reference}
    assert used == {reference.id for reference in experiment.references}
    for claim in experiment.claims:
        assert claim.looks, claim.id
        if claim.same_as:  # the same recipe against the same number
            other, _, twin = claim.same_as.partition("/")
            first = spec.load(other, REPO)
            there = next(c for c in first.claims if c.id == twin)
            mine, theirs = experiment.arm(claim.arms[0]), first.arm(there.arms[0])
            assert mine.recipe == theirs.recipe and not there.same_as and not claim.primary
            assert mine.published and theirs.published and mine.published.test_error == theirs.published.test_error
    assert experiment.primary, "what is it about?"


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_demos_are_small_and_need_no_download(name: str) -> None:
    for arm in spec.load(name, REPO).arms:
        assert arm.demo is not None
        assert arm.demo.dataset.startswith("digits")
        assert 100 <= resolve_schedule(arm.demo).schedule.iterations <= 400


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_claims_point_the_way_the_published_numbers_do(name: str) -> None:
    """The better arm comes first; a claim with its arms the wrong way round would be judged backwards."""
    experiment = spec.load(name, REPO)
    assert experiment.claims
    assert experiment.deviations
    compared = 0
    for claim in experiment.claims:
        published = [experiment.arm(arm).published for arm in claim.arms]
        if claim.kind not in ("difference", "order") or not all(published) or claim.metric == "train_error":
            continue
        errors = [p.test_error for p in published if p]
        assert errors == sorted(errors), claim.id
        if isinstance(claim, Difference) and claim.size is not None:
            assert claim.size == pytest.approx(errors[-1] - errors[0]), claim.id
        compared += 1
    assert compared or name in NOTHING_PUBLISHED


def test_resnet_depth_is_the_papers_recipe() -> None:
    experiment = spec.load("resnet-depth", REPO)
    recipe = experiment.arm("resnet20").recipe
    assert recipe.dataset == "cifar10"
    assert (recipe.batch_size, recipe.augment) == (128, ("pad-crop-4", "hflip"))
    assert (recipe.normalise, recipe.padding) == ("per-pixel-mean", "after-normalise")
    assert recipe.optimizer.model_dump(include={"name", "lr", "momentum", "weight_decay", "nesterov"}) == {
        "name": "sgd",
        "lr": 0.1,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "nesterov": False,
    }
    for arm in experiment.arms:
        schedule = arm.recipe.schedule
        assert (schedule.iterations, schedule.drops, schedule.factor) == (64_000, (32_000, 48_000), 0.1)
        depth = int(re.findall(r"\d+", arm.name)[0])
        shortcut = "none" if arm.name.startswith("plain") else "identity"
        assert (arm.recipe.model.depth, arm.recipe.model.shortcut) == (depth, shortcut)
        warmup = schedule.warmup.model_dump() if schedule.warmup else None
        assert warmup == ({"lr": 0.01, "iterations": 400} if arm.name == "resnet110" else None)
    five = experiment.arm("resnet110").published
    assert five and (five.sd, five.runs) == (0.16, 5)
    assert {(c.kind, c.arms) for c in experiment.claims} >= {
        ("value", ("resnet56",)),
        ("order", ("resnet110", "resnet56", "resnet44", "resnet32", "resnet20")),
        ("difference", ("plain20", "plain56")),
    }
    others = {d.other_arm: d.what for d in experiment.deviations if d.other_arm}
    assert "50,000" in others["resnet20-45k"] and "128" in others["resnet20-bn64"]
    plain = experiment.arm("resnet20").recipe
    assert experiment.arm("resnet20-45k").recipe == plain.model_copy(update={"train_split": "train45k"})
    assert experiment.arm("resnet20-bn64").recipe == plain.model_copy(update={"bn_batch": 64})


def test_bn_placement_is_five_blocks_and_a_reading_of_subsampling() -> None:
    arms = {arm.name: arm.recipe.model for arm in spec.load("bn-placement", REPO).arms}
    assert {model.depth for model in arms.values()} == {32}
    blocks = ["original", "bn-after-add", "relu-before-add", "relu-only-preact", "full-preact"]
    assert [(m.block, m.subsample) for m in arms.values()] == [
        *((block, "in-block") for block in blocks),
        ("original", "separate-conv"),
    ]
    deep = {arm.name: arm.recipe.model for arm in spec.load("bn-placement-110", REPO).arms}
    assert [(name, m.block, m.depth) for name, m in deep.items()] == [(block, block, 110) for block in blocks]


def test_adam_vs_sgd_differs_in_optimizer_and_augmentation_alone() -> None:
    arms = {arm.name: arm.recipe for arm in spec.load("adam-vs-sgd", REPO).arms}
    rates = {name: (recipe.optimizer.name, recipe.optimizer.lr) for name, recipe in arms.items()}
    assert rates["sgd"] == rates["sgd-no-aug"] == ("sgd", 0.1)
    assert rates["adam-1e-3"] == rates["adam-1e-3-no-aug"] == ("adam", 1e-3)
    assert rates["adam-1e-4"] == rates["adam-1e-4-no-aug"] == ("adam", 1e-4)
    assert all(bool(recipe.augment) != name.endswith("no-aug") for name, recipe in arms.items())
    rest = [recipe.model_dump(exclude={"optimizer", "augment"}) for recipe in arms.values()]
    assert all(other == rest[0] for other in rest)
    for arm in spec.load("adam-vs-sgd", REPO).arms:
        assert arm.demo and bool(arm.demo.augment) != arm.name.endswith("no-aug")


def test_vgg_depth_has_the_six_configurations_as_published_and_four_with_bn() -> None:
    experiment = spec.load("vgg-depth", REPO)
    arms = {arm.name: arm.recipe.model for arm in experiment.arms}
    assert [(name, model.config, model.batch_norm) for name, model in arms.items()] == [
        *((config.lower(), config, False) for config in ("A", "A-LRN", "B", "C", "D", "E")),
        ("a-paper-init", "A", False),
        *((f"{config.lower()}-bn", config, True) for config in "ABDE"),
    ]
    assert {model.dropout for model in arms.values()} == {0.5}
    assert {name for name, model in arms.items() if model.init == "normal-0.1"} == {"a-paper-init"}
    assert all("a-paper-init" not in claim.arms for claim in experiment.claims)
    for arm in experiment.arms:
        if not arm.published:
            continue
        if arm.recipe.model.batch_norm:
            assert not arm.published.same_protocol and arm.published.selection == "best-test"
        else:
            assert arm.published.dataset == "imagenet"


def test_network_zoo_is_the_recipe_of_its_source_and_compares_best_epochs() -> None:
    experiment = spec.load("network-zoo", REPO)
    runs = {run.arm: run.recipe for run in spec.resolve(experiment, [0])}
    own = runs.pop("resnet50-batch32")
    assert len(runs) == 12
    for recipe in (*runs.values(), own):
        epoch = math.ceil(50_000 / recipe.batch_size)
        assert recipe.batch_size == (32 if recipe is own else 128)
        assert recipe.evaluate_every == epoch
        schedule = recipe.schedule
        assert (schedule.iterations, schedule.shape, schedule.pieces) == (200 * epoch, "cosine", 200)
        assert recipe.model.init == "torch-default"
    assert own.model == runs["resnet50"].model
    for arm in experiment.arms:
        if arm.published:
            assert arm.published.selection == "best-test"
            assert f"{100 - arm.published.test_error:.2f} %" == arm.published.quote
    assert {claim.metric for claim in experiment.claims} == {"best"}
    hand_set = next(d.arms for d in experiment.deviations if "cosine" in d.what and "earlier README" in d.why)
    assert set(hand_set) == {arm.name for arm in experiment.arms if arm.published and not arm.published.same_protocol}


# --- bad input -------------------------------------------------------------------------------------------------------

NO_DEMO = {"[demo]\nschedule = { iterations = 6, drops = [3] }\n": "[demo]\n"}
CLOSE = 'published = { test_error = 40.3, reference = "nobody", where = "Table 1" }'
OWN = 'why_margin = "w"\nsays = "x"\norigin = "own"\n'
VALUE_CLAIM = '\n[[claim]]\nid = "c"\nkind = "value"\narms = ["{arm}"]\nmargin = 0.5\n' + OWN
BOUND_CLAIM = '\n[[claim]]\nid = "b"\nkind = "bound"\narms = ["original"]\nabove = 60.0\nsays = "x"\norigin = "own"\n'

BAD: dict[str, tuple[dict[str, str], str, list[str]]] = {
    # name: (edits, text to add, what the message must hold beside the file)
    "unknown key at the top": ({'title = "Two': 'titel = "Two'}, "", ["'titel'", "did you mean 'title'", "source"]),
    "unknown key in base": ({"batch_size": "batch_sise"}, "", ["[base]", "'batch_sise'", "16", "mean 'batch_size'"]),
    "unknown key in a table of base": (
        {"momentum": "momentun"},
        "",
        ["[base]", "'optimizer.momentun'", "0.9", "mean 'momentum'"],
    ),
    "unknown key in the schedule": ({"drops = [6, 9]": "dropps = [6, 9]"}, "", ["'schedule.dropps'", "mean 'drops'"]),
    "unknown key in an arm": (
        {'label = "BN after addition"': 'lable = "x"'},
        "",
        ["[[arm]] 'bn-after-add'", "'lable'", "mean 'label'"],
    ),
    "unknown key in demo": ({"evaluate_every = 3": "evaluate_evry = 3"}, "", ["[demo]", "mean 'evaluate_every'"]),
    "unknown key in published": ({"where = ": "wher = "}, "", ["'original' published", "'wher'", "mean 'where'"]),
    "unknown key in a claim": ({"margin = 0.3": "margins = 0.3"}, "", ["[[claim]]", "'margins'", "mean 'margin'"]),
    "text for a number": (
        {"batch_size = 16": 'batch_size = "16"'},
        "",
        ["[base]", "batch_size", "'16'", "a whole number"],
    ),
    "truth for a number": ({"batch_size = 16": "batch_size = true"}, "", ["batch_size", "true", "a whole number"]),
    "fraction for a count": (
        {"iterations = 12": "iterations = 12.5"},
        "",
        ["schedule.iterations", "12.5", "a whole number"],
    ),
    "number for a list": ({"drops = [6, 9]": "drops = 6"}, "", ["schedule.drops", "6"]),
    "number for a table": ({'model = { block = "bn-after-add" }': "model = 5"}, "", ["'bn-after-add'", "model", "5"]),
    "text for a rate": ({"lr = 0.05": 'lr = "0.05"'}, "", ["optimizer.lr", "'0.05'", "number"]),
    "not a number": ({"lr = 0.05": "lr = nan"}, "", ["optimizer.lr", "nan", "finite"]),
    "nothing a batch": ({"batch_size = 16": "batch_size = 0"}, "", ["batch_size", "0", "above 0"]),
    "drop at the end": ({"drops = [6, 9]": "drops = [6, 12]"}, "", ["[base]", "schedule", "[6, 12]", "below", "12"]),
    "drops not rising": ({"drops = [6, 9]": "drops = [9, 6]"}, "", ["[base]", "drops", "[9, 6]", "increasing"]),
    "drop twice": ({"drops = [6, 9]": "drops = [6, 6]"}, "", ["drops", "[6, 6]", "increasing"]),
    "warm-up to the end": (
        {"drops = [6, 9]": "drops = [], warmup = { lr = 0.01, iterations = 12 }"},
        "",
        ["warmup.iterations", "below", "12"],
    ),
    "arm named twice": (
        {'name = "bn-after-add"': 'name = "original"', '["original", "bn-after-add"]': '["original", "original"]'},
        "",
        ["twice", "original"],
    ),
    "claim named twice": ({}, VALUE_CLAIM.format(arm="original") * 2, ["duplicate claim: c"]),
    "claim about an unknown arm": (
        {'["original", "bn-after-add"]': '["original", "full-preact"]'},
        "",
        ["'bn-after-add-is-worse'", "'full-preact'", "the arms are: original, bn-after-add"],
    ),
    "claim about one arm too few": (
        {'["original", "bn-after-add"]': '["original"]'},
        "",
        ["'bn-after-add-is-worse'", "two arms", "['original']"],
    ),
    "claim of an unknown kind": ({'kind = "difference"': 'kind = "better"'}, "", ["kind", "'better'", "'difference'"]),
    "claim without a margin to miss": ({"margin = 0.3": "margin = 0"}, "", ["margin", "0", "above 0"]),
    "a margin that hides the claimed size": (
        {"margin = 0.3": "margin = 0.3\nsize = 0.3"},
        "",
        ["'bn-after-add-is-worse'", "margin = 0.3 must be below size = 0.3"],
    ),
    "a size of another kind of claim": (
        {'kind = "difference"': 'kind = "equivalence"\nsize = 1.0'},
        "",
        ["'bn-after-add-is-worse'", "size is allowed only for kind 'difference', not 'equivalence'"],
    ),
    "a margin that hides a published step": (
        {'label = "BN after addition"': 'label = "BN"\n' + CLOSE, "margin = 0.3": "margin = 0.1"},
        '\n[[arm]]\nname = "third"\n'
        '\n[[claim]]\nid = "o"\nkind = "order"\narms = ["original", "bn-after-add", "third"]\nmargin = 0.3\n' + OWN,
        ["'o'", "margin = 0.3 must be below each published step", "from 'original' to 'bn-after-add' it is 0.30"],
    ),
    "a margin without a reason": (
        {'why_margin = "less would not matter"\n': ""},
        "",
        ["[[claim]] 'bn-after-add-is-worse': 'why_margin' is missing"],
    ),
    "claim without a kind": ({'kind = "difference"\n': ""}, "", ["[[claim]]", "'kind' is missing", "'bound'"]),
    "a bound without its number": (
        {},
        BOUND_CLAIM.replace("above = 60.0\n", ""),
        ["[[claim]] 'b': kind 'bound' takes either above or below"],
    ),
    "a bound of two arms": (
        {},
        BOUND_CLAIM.replace('["original"]', '["original", "bn-after-add"]'),
        ["'b'", "one arm"],
    ),
    "a bound with a margin": (
        {'kind = "difference"': 'kind = "bound"\nabove = 60.0', '["original", "bn-after-add"]': '["original"]'},
        "",
        ["'bn-after-add-is-worse'", "margin is allowed only for kinds 'value', ", ", not 'bound'"],
    ),
    "above of another kind": ({'kind = "difference"': 'kind = "difference"\nabove = 60.0'}, "", ["above", "'bound'"]),
    "a paper's claim of nobody": (
        {'origin = "own"': 'origin = "paper"'},
        "",
        ["reference is required for origin 'paper'"],
    ),
    "an author without a name": (
        {'author = "Nobody"': 'author = "Ann Lee, "'},
        "",
        ["[[reference]]: author", "a name is empty"],
    ),
    "an unknown reference": ({'reference = "nobody"': 'reference = "noone"'}, "", ["'noone'", "are: nobody"]),
    "looks not rising": (
        {'origin = "own"': 'origin = "own"\nlooks = [5, 3]'},
        "",
        ["looks = [5, 3] must be strictly increasing"],
    ),
    "a look at one seed": ({'origin = "own"': 'origin = "own"\nlooks = [1, 3]'}, "", ["looks.0", "1", "2 or more"]),
    "a deviation's unknown other arm": (
        {},
        '\n[[deviation]]\nwhat = "w"\nwhy = "y"\neffect = "e"\nother_arm = "nope"\n',
        ["'w'", "'nope'", "the arms are"],
    ),
    "a training error against a published number": (
        {},
        VALUE_CLAIM.format(arm="original") + 'metric = "train_error"\n',
        ["'c'", "metric = 'train_error' is not allowed", "kind 'value' takes final, best"],
    ),
    "an absurd batch": ({"batch_size = 16": "batch_size = 10000000000"}, "", ["batch_size", "1,000,000,000 or less"]),
    "absurd epochs": (
        {"iterations = 12, drops = [6, 9]": "epochs = 10000000, drops = [6]"},
        "",
        ["epochs", "1,000,000 or less"],
    ),
    "drops beyond the last epoch": (
        {"iterations = 12, drops = [6, 9]": "epochs = 4, drops = [2, 4]"} | NO_DEMO,
        "",
        ["schedule", "drops = [2, 4] must be below the schedule's 4 epochs"],
    ),
    "drops of a cosine schedule": (
        {"iterations = 12, drops = [6, 9]": 'iterations = 12, drops = [6], shape = "cosine"'},
        "",
        ["schedule", 'drops = [6] goes with shape = "steps"; a cosine schedule has none'],
    ),
    "pieces of a step schedule": (
        {"iterations = 12, drops = [6, 9]": "iterations = 12, pieces = 3"},
        "",
        ["schedule", 'pieces = 3 goes with shape = "cosine"'],
    ),
    "epochs of no iteration": (
        {"batch_size = 16": 'batch_size = 2000\nlast_batch = "drop"', "iterations = 12, drops = [6, 9]": "epochs = 2"}
        | NO_DEMO,
        "",
        ["batch_size = 2,000 is not allowed: digits has 1,437 images"],
    ),
    "unknown key among epochs": (
        {"iterations = 12, drops = [6, 9]": "epochs = 4, drop = [2]"} | NO_DEMO,
        "",
        ["[base]: unknown key 'schedule.drop'", "did you mean 'drops'?", "allowed: epochs, drops, factor, warmup"],
    ),
    "no label": ({'label = "BN after addition"': 'label = ""'}, "", ["label", "at least 1 character"]),
    "a number for a table": (
        {'{ test_error = 40.0, reference = "nobody", where = "Table 1" }': "3"},
        "",
        ["[[arm]] 'original' published = 3 is not allowed"],
    ),
    "a paper that is no name": ({'paper = "tiny"': 'paper = "a/b c"'}, "", ["paper = 'a/b c' is not allowed"]),
    "value claim without a published number": ({}, VALUE_CLAIM.format(arm="bn-after-add"), ["'c'", "no published"]),
    "deviation of an unknown arm": (
        {},
        '\n[[deviation]]\nwhat = "w"\nwhy = "y"\neffect = "e"\narms = ["nope"]\n',
        ["'w'", "'nope'", "the arms are"],
    ),
    "published error above 100 %": ({"test_error = 40.0": "test_error = 140.0"}, "", ["test_error", "140.0", "100"]),
    "depth not 6n+2": ({"depth = 8": "depth = 9"}, "", ["[base]", "model.depth", "9", "6n+2", "8, 14, 20"]),
    "unknown network": ({'"resnet-cifar"': '"alexnet"'}, "", ["model", "'alexnet'", "'resnet-cifar', 'vgg'"]),
    "plain net with another block": (
        {"width = 4": 'width = 4, shortcut = "none"'},
        "",
        ["[[arm]] 'bn-after-add'", 'shortcut = "none"', 'block = "original"'],
    ),
    "unknown data set": ({'"digits"': '"cifar100"'}, "", ["dataset", "'cifar100'", "cifar10, mnist", "folder:NAME"]),
    "image folder of no size": ({'"digits"': '"folder:cats"'}, "", ["'folder:cats'", "image_size", "missing"]),
    "training split of a wrong form": (
        {"batch_size = 16": 'batch_size = 16\ntrain_split = "45k"'},
        "",
        ["train_split", "'45k'", "train"],
    ),
    "training split too large": (
        {"batch_size = 16": 'batch_size = 16\ntrain_split = "train2k"'},
        "",
        ["train_split", "'train2k'", "1437"],
    ),
    "training split too large, in epochs": (
        {"batch_size = 16": 'batch_size = 16\ntrain_split = "train2k"', "iterations = 12, drops = [6, 9]": "epochs = 2"}
        | NO_DEMO,
        "",
        ["train_split", "'train2k'", "1437"],
    ),
    "unknown augmentation": (
        {"batch_size = 16": 'batch_size = 16\naugment = ["rotate"]'},
        "",
        ["augment", "'rotate'", "pad-crop", "hflip"],
    ),
    "augmentation twice": (
        {"batch_size = 16": 'batch_size = 16\naugment = ["pad-crop-1", "pad-crop-2"]'},
        "",
        ["augment", "pad-crop-2", "twice"],
    ),
    "epochs and iterations": (
        {"iterations = 12, ": "iterations = 12, epochs = 2, "},
        "",
        ["schedule", "epochs or iterations, not both"],
    ),
    "half an epoch": (
        {"iterations = 12, drops = [6, 9]": "epochs = 0.5"} | NO_DEMO,
        "",
        ["epochs = 0.5", "a whole number"],
    ),
    "drops in epochs not a list": (
        {"iterations = 12, drops = [6, 9]": "epochs = 4, drops = 2"} | NO_DEMO,
        "",
        ["schedule", "drops", "2"],
    ),
    "bn_batch that does not divide": (
        {"batch_size = 16": "batch_size = 16\nbn_batch = 5"},
        "",
        ["bn_batch = 5", "divide", "batch_size = 16"],
    ),
    "bn_batch with a short last batch": (
        {"batch_size = 16": 'batch_size = 16\nbn_batch = 8\nlast_batch = "keep"'},
        "",
        ["bn_batch = 8", "'keep'", "wrap or drop"],
    ),
    "required key missing": ({"batch_size = 16\n": ""}, "", ["[base]", "'batch_size' is missing"]),
    "no title": ({'title = "Two tiny networks"\n': ""}, "", ["'title' is missing"]),
    "base missing": ({"[base]": "[basis]"}, "", ["'basis'", "mean 'base'"]),
    "name is not the file's": ({'name = "tiny"': 'name = "tinny"'}, "", ["name", "'tinny'", "'tiny'"]),
    "no name": ({'name = "tiny"\n': ""}, "", ["name", "'tiny'"]),
    "lesson without a question mark": (
        {},
        '\n[[lesson]]\nquestion = "Yes"\nclaims = ["bn-after-add-is-worse"]\n',
        ["[[lesson]]: question = 'Yes' is not allowed"],
    ),
    "lesson without claims": (
        {},
        '\n[[lesson]]\nquestion = "So?"\nclaims = []\n',
        ["[[lesson]]: claims = [] is not allowed", "at least 1"],
    ),
    "lesson with an unknown key": (
        {},
        '\n[[lesson]]\nquestion = "So?"\nclaim = ["bn-after-add-is-worse"]\n',
        ["[[lesson]]: unknown key 'claim'", "did you mean 'claims'?"],
    ),
    "lesson of an unknown claim": (
        {},
        '\n[[lesson]]\nquestion = "So?"\nclaims = ["bn"]\n',
        ["lesson 'So?' names an unknown claim 'bn'", "the claims are: bn-after-add-is-worse"],
    ),
    "lesson that names a claim twice": (
        {},
        '\n[[lesson]]\nquestion = "So?"\nclaims = ["bn-after-add-is-worse", "bn-after-add-is-worse"]\n',
        ["duplicate claim of lesson 'So?': bn-after-add-is-worse"],
    ),
    "not TOML": ({"[base]": "[base"}, "", ["not valid TOML", "line 11"]),
    "one arm, not a list of them": ({}, '\n[deviation]\nwhat = "x"\n', ["[[deviation]]", "array of tables"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_spec_names_file_key_value_and_what_is_allowed(edit: Edit, small_root: Path, case: str) -> None:
    changes, more, expected = BAD[case]
    path = edit(changes, more)
    with pytest.raises(UserError) as caught:
        spec.load("tiny", small_root)
    message = str(caught.value)
    assert str(path) in message
    for fragment in expected:
        assert fragment in message


def test_missing_base_table_is_told(small_root: Path) -> None:
    path = small_root / "experiments" / "bare.toml"
    path.write_text('name = "bare"\ntitle = "t"\nsource = "s"\npaper = "p"\n[[arm]]\nname = "a"\n')
    with pytest.raises(UserError, match=r"bare\.toml: \[base\] is missing"):
        spec.load("bare", small_root)


def test_a_spec_without_arms_is_told(small_root: Path) -> None:
    path = small_root / "experiments" / "tiny.toml"
    path.write_text(path.read_text().split("[[arm]]")[0])
    with pytest.raises(UserError, match=r"tiny\.toml.*arms.*at least 1"):
        spec.load("tiny", small_root)


def test_every_fault_of_a_spec_is_told_at_once(edit: Edit, small_root: Path) -> None:
    edit({"lr = 0.05": "lr = -1.0", "depth = 8": "depth = 9"})
    with pytest.raises(UserError) as caught:
        spec.load("tiny", small_root)
    assert "optimizer.lr = -1.0" in str(caught.value)
    assert "model.depth = 9" in str(caught.value)


def test_the_faults_of_all_tables_are_told_at_once_and_each_once(edit: Edit, small_root: Path) -> None:
    """A line per fault, each with the file; one in [base] is that of every arm, but is told once."""
    path = edit(
        {
            'paper = "tiny"': 'paper = "tiny"\ncolour = 1',
            'author = "Nobody"': "author = 3",
            "lr = 0.05": "lr = -1.0",
            "margin = 0.3": 'margin = "wide"',
        },
        '\n[[lesson]]\nquestion = "Is it so"\nclaims = []\n\n[[claim]]\nid = "other"\nkind = "guess"\n',
    )
    with pytest.raises(UserError) as caught:
        spec.load("tiny", small_root)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    found = [line.removeprefix(f"{path}: ").split(";")[0].split(" is not allowed")[0] for line in lines]
    assert found == [
        "the top level: unknown key 'colour'",
        "[[reference]]: author = 3",
        "[base]: optimizer.lr = -1.0",
        "[[claim]] 'bn-after-add-is-worse': margin = 'wide'",
        "[[claim]] 'other': kind = 'guess'",
        "[[lesson]]: question = 'Is it so'",
        "[[lesson]]: claims = []",
    ]


def test_a_file_that_is_not_text_is_told(small_root: Path) -> None:
    (small_root / "experiments" / "tiny.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"tiny\.toml: not valid TOML"):
        spec.load("tiny", small_root)


def test_an_unreadable_file_is_told(small_root: Path) -> None:
    (small_root / "experiments" / "folder.toml").mkdir()
    with pytest.raises(UserError, match=r"cannot read .*folder\.toml"):
        spec.load("folder", small_root)


def test_unknown_experiment_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'resnet-dept'; did you mean 'resnet-depth'\?.*bn-placement"):
        spec.load("resnet-dept", REPO)


def test_unknown_experiment_without_a_near_one_lists_all() -> None:
    with pytest.raises(UserError) as caught:
        spec.load("zzz", REPO)
    message: Any = str(caught.value)
    assert "did you mean" not in message
    assert all(name in message for name in SHIPPED)


JARGON = re.compile(r"[Ii]nput|should be|union|_type|_tag|valid (integer|number|string|dict)|instance of|pattern '")


@pytest.mark.parametrize("case", BAD)
def test_no_message_is_in_pydantics_words(edit: Edit, small_root: Path, case: str) -> None:
    changes, more, _ = BAD[case]
    edit(changes, more)
    with pytest.raises(UserError) as caught:
        spec.load("tiny", small_root)
    assert not JARGON.search(str(caught.value)), caught.value


def test_names_are_checked_though_other_tables_are_wrong(edit: Edit, small_root: Path) -> None:
    """A claim about an unknown arm, and two of another name, beside a wrong learning rate."""
    lesson = '\n[[lesson]]\nquestion = "So?"\nclaims = ["none"]\n'
    edit({"lr = 0.05": "lr = -1.0", '["original", "bn-after-add"]': '["original", "nope"]'}, lesson)
    with pytest.raises(UserError) as caught:
        spec.load("tiny", small_root)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    for line, expected in zip(
        lines, ("optimizer.lr = -1.0", "unknown arm 'nope'", "unknown claim 'none'"), strict=True
    ):
        assert expected in line


def test_all_that_does_not_fit_together_is_told_at_once(edit: Edit, small_root: Path) -> None:
    more = VALUE_CLAIM.format(arm="bn-after-add") + VALUE_CLAIM.format(arm="bn-after-add").replace('"c"', '"d"')
    edit({}, more)
    with pytest.raises(UserError) as caught:
        spec.load("tiny", small_root)
    assert ["claim 'c'" in str(caught.value), "claim 'd'" in str(caught.value)] == [True, True]
