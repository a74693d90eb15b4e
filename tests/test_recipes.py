"""Recipes beyond SGD with drops: each against a hand-written loop in torch, refused in the words of a spec, resumed."""

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers import CPU, StopAfter, assert_same_bits, finish, recipe, small_run
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from repro import random_streams, records, spec
from repro.data.augmentations import Augmentations
from repro.errors import UserError
from repro.spec import FULL, Run, Schedule, StatedRecipe, torch_optim
from repro.spec.epochs import resolve_schedule
from repro.spec.resolve import scaled
from repro.spec.schedules import Warmup
from repro.step import method
from repro.train import checkpoint, optim
from repro.train.learner import Learner
from repro.train.weights import kept_network

Edit = Callable[..., Path]
SGD = 'optimizer = { name = "sgd", lr = 0.05, momentum = 0.9 }'


def learner_of(iterations: int = 6, **changes: object) -> Learner:
    """Of a small ResNet on the digits, without crops and flips unless they are among the changes."""
    changes = {"augment": [], "schedule": {"iterations": iterations}} | changes
    return Learner(Run(experiment="tests", arm="recipe", seed=0, scale=FULL, recipe=recipe(**changes)), CPU)


def batches(learner: Learner) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The normalised images and the labels of each iteration."""
    for iteration in itertools.count():
        draws = learner.sampler.batch(iteration)
        train = learner.splits.train
        yield learner.transform.normalise(train.pixels[draws.index]), train.labels[draws.index]


def network_of(learner: Learner) -> torch.nn.Module:
    """As the learner's was before the first update."""
    network = Learner.build_model(learner.run, learner.image, len(learner.splits.classes), learner.dropout)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def assert_close(one: torch.nn.Module, other: torch.nn.Module) -> None:
    pairs = zip(one.state_dict().items(), other.state_dict().values(), strict=True)
    for (name, value), expected in pairs:
        torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")


def assert_resumes(tmp_path: Path, **changes: object) -> None:
    """A run that stops twice, in the middle of an epoch, ends with the bits of one that does not."""
    run = small_run(iterations=30, **changes)
    finish(run, tmp_path / "straight")
    for iterations in (5, 14):
        assert finish(run, tmp_path / "halting", stop=StopAfter(iterations=iterations))[-1].status == "interrupted"
    assert finish(run, tmp_path / "halting")[-1].status == "done"
    assert_same_bits(tmp_path / "straight", tmp_path / "halting")


# --- optimizers ------------------------------------------------------------------------------------------------------

OPTIMIZERS: list[tuple[dict[str, Any], Callable[..., torch.optim.Optimizer]]] = [
    ({"name": "adamw", "lr": 0.01, "weight_decay": 0.1}, lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1)),
    (
        {"name": "rmsprop", "lr": 0.001, "momentum": 0.9, "centered": True},
        lambda p: torch.optim.RMSprop(p, lr=0.001, momentum=0.9, centered=True),
    ),
    (
        {"name": "torch.optim.NAdam", "lr": 0.01, "weight_decay": 0.1, "options": {"decoupled_weight_decay": True}},
        lambda p: torch.optim.NAdam(p, lr=0.01, weight_decay=0.1, decoupled_weight_decay=True),
    ),
]
NAMES = [optimizer["name"] for optimizer, _ in OPTIMIZERS]


@pytest.mark.parametrize(("optimizer", "of"), OPTIMIZERS, ids=NAMES)
def test_an_optimizer_is_torchs(optimizer: dict[str, Any], of: Callable[..., torch.optim.Optimizer]) -> None:
    learner = learner_of(optimizer=optimizer)
    network, data = network_of(learner), batches(learner)
    by_hand = of(network.parameters())
    for _ in range(6):
        images, labels = next(data)
        by_hand.zero_grad()
        F.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        by_hand.step()
        learner.iterate()
    assert_close(learner.model, network)


def test_every_optimizer_that_is_allowed_trains() -> None:
    """The names come from torch's source, so a new one may not fit the loop."""
    names = torch_optim.names()
    assert {"torch.optim.NAdam", "torch.optim.RAdam", "torch.optim.Adagrad"} <= {*names}
    for name in names:
        learner = learner_of(optimizer={"name": name, "lr": 0.01, "weight_decay": 0.01, "decay_norm_and_bias": False})
        before = [parameter.clone() for parameter in learner.model.parameters()]
        learner.iterate()
        learner.iterate()
        assert not any(map(torch.equal, before, learner.model.parameters())), name
        assert not learner.diverged()


@pytest.mark.parametrize("optimizer", [optimizer for optimizer, _ in OPTIMIZERS], ids=NAMES)
def test_an_optimizers_state_is_resumed(optimizer: dict[str, Any], tmp_path: Path) -> None:
    assert_resumes(tmp_path, optimizer=optimizer)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ('{ name = "torch.optim.NAdm", lr = 1 }', "optimizer.name = 'torch.optim.NAdm' is not allowed: allowed: "),
        ('{ name = "torch.optim.SGD", lr = 1 }', "is not allowed: here it is called 'sgd'"),
        ('{ name = "torch.optim.LBFGS", lr = 1 }', "is not allowed: it computes the loss several times per update"),
        ('{ name = "lamb", lr = 1 }', "optimizer.name = 'lamb' is not allowed; allowed: 'sgd', 'adam', 'adamw', "),
        ("{ lr = 1 }", "'optimizer.name' is missing; allowed: 'sgd', 'adam', 'adamw', 'rmsprop', 'torch.optim.NAME'"),
        ('{ name = "rmsprop", lr = 1, beta = 1 }', "unknown key 'optimizer.beta'; allowed: name, lr, alpha, "),
        (
            '{ name = "torch.optim.RAdam", lr = 1, options = { beta = 0.9 } }',
            "options: unknown key 'beta'; allowed for torch.optim.RAdam: betas, eps, decoupled_weight_decay",
        ),
        (
            '{ name = "torch.optim.RAdam", lr = 1, options = { betas = 0.9 } }',
            "options.betas = 0.9 is not allowed; its default is (0.9, 0.999)",
        ),
        (
            '{ name = "torch.optim.RAdam", lr = 1, options = { eps = "small" } }',
            "eps = 'small' must be a number, true, false or a list of numbers",
        ),
    ],
)
def test_what_is_no_optimizer(optimizer: str, message: str, edit: Edit, small_root: Path) -> None:
    edit({SGD: f"optimizer = {optimizer}"})
    with pytest.raises(UserError) as error:
        spec.load("tiny", small_root)
    assert message in str(error.value) and len(str(error.value).splitlines()) == 1, str(error.value)


def test_what_torch_refuses_of_an_optimizer_is_one_line() -> None:
    with pytest.raises(UserError, match=r"optimizer: torch.optim.RAdam refuses its options .*Invalid epsilon"):
        learner_of(optimizer={"name": "torch.optim.RAdam", "lr": 0.1, "options": {"eps": -1.0}})


def test_options_survive_the_record(edit: Edit, small_root: Path) -> None:
    edit({SGD: 'optimizer = { name = "torch.optim.RAdam", lr = 1, options = { betas = [0.8, 0.9] } }'})
    run = spec.resolve(spec.load("tiny", small_root), [0])[0]
    assert Run.model_validate(run.model_dump()) == Run.model_validate_json(run.model_dump_json()) == run


# --- schedules -------------------------------------------------------------------------------------------------------


def rates(schedule: Schedule, base: float = 0.4) -> list[float]:
    return [optim.learning_rate(schedule, base, iteration) for iteration in range(schedule.iterations)]


def torchs_rates(iterations: int, of: Callable[[torch.optim.Optimizer], Any], base: float = 0.4) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=base)
    scheduler, found = of(optimizer), []
    for _ in range(iterations):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return found


SCHEDULES: dict[str, tuple[dict[str, Any], Callable[[torch.optim.Optimizer], Any]]] = {
    "linear": (
        {"shape": "linear", "last_lr": 0.1},
        lambda o: lr_scheduler.LinearLR(o, 1.0, end_factor=0.25, total_iters=20),
    ),
    "cosine with a last rate": (
        {"shape": "cosine", "last_lr": 0.1},
        lambda o: lr_scheduler.CosineAnnealingLR(o, 20, eta_min=0.1),
    ),
    "one cycle": (
        {"shape": "one-cycle"},
        lambda o: lr_scheduler.OneCycleLR(o, 0.4, total_steps=21, cycle_momentum=False),
    ),
    "one cycle that rises in half": (
        {"shape": "one-cycle", "rise": 0.5},
        lambda o: lr_scheduler.OneCycleLR(o, 0.4, total_steps=21, pct_start=0.5, cycle_momentum=False),
    ),
    "constant": ({}, lambda o: lr_scheduler.ConstantLR(o, 1.0)),
}


@pytest.mark.parametrize(("fields", "of"), SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_is_torchs(fields: dict[str, Any], of: Callable[[torch.optim.Optimizer], Any]) -> None:
    iterations = 21 if fields.get("shape") == "one-cycle" else 20  # its scheduler allows no step after the last update
    expected = torchs_rates(20, of)
    assert rates(Schedule(iterations=iterations, **fields))[:20] == pytest.approx(expected, rel=1e-9)


def test_a_linear_warm_up_rises_to_what_the_schedule_has_where_it_ends() -> None:
    warmup = Warmup(lr=0.0, iterations=4, shape="linear")
    assert rates(Schedule(iterations=8, drops=(6,), warmup=warmup)) == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.04, 0.04]
    )
    line = rates(Schedule(iterations=8, shape="linear", warmup=warmup))
    assert line == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.15, 0.1, 0.05])
    assert rates(Schedule(iterations=8, warmup=warmup.model_copy(update={"shape": "constant"})))[:5] == [0] * 4 + [0.4]


def test_epochs_of_the_new_shapes_become_iterations() -> None:
    """A line in epochs keeps its rate within each; one cycle and a linear warm-up move at every iteration."""
    fields = {"epochs": 10, "shape": "linear", "last_lr": 0.1, "warmup": {"lr": 0.1, "epochs": 2, "shape": "linear"}}
    of = {key: value for key, value in recipe(batch_size=479).model_dump().items() if key != "schedule"}
    stated = StatedRecipe.model_validate(of | {"schedule": fields})
    schedule = resolve_schedule(stated).schedule  # 3 iterations per epoch
    warmup = Warmup(lr=0.1, iterations=6, shape="linear")
    assert schedule == Schedule(iterations=30, shape="linear", pieces=10, last_lr=0.1, warmup=warmup)
    assert len({*rates(schedule)}) == 6 + 8
    cycle = StatedRecipe.model_validate(of | {"schedule": {"epochs": 10, "shape": "one-cycle", "rise": 0.5}})
    assert resolve_schedule(cycle).schedule == Schedule(iterations=30, shape="one-cycle", rise=0.5)


@pytest.mark.parametrize("fields", [fields for fields, _ in SCHEDULES.values()], ids=SCHEDULES)
def test_a_scaled_schedule_keeps_its_shape(fields: dict[str, Any]) -> None:
    own = recipe(schedule={"iterations": 4000, **fields})
    short = scaled(own, Fraction(1, 100)).schedule
    assert short.iterations == 40
    assert rates(short) == pytest.approx(rates(own.schedule)[::100], abs=0.04)  # one cycle ends an update earlier


def test_a_schedule_is_absent_from_a_dump_at_its_defaults() -> None:
    """So that the fingerprints of recorded runs stay."""
    warmup = {"lr": 0.1, "iterations": 2}
    dumped = Schedule.model_validate({"iterations": 9, "warmup": warmup}).model_dump()
    assert dumped == {"iterations": 9, "drops": (), "factor": 0.1, "warmup": warmup}


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ('shape = "one-cycle", warmup = { lr = 0, iterations = 2 }', "a one-cycle schedule warms up by itself"),
        ('shape = "linear", rise = 0.5', 'rise = 0.5 goes with shape = "one-cycle"'),
        ("last_lr = 0.1", 'last_lr = 0.1 goes with shape = "cosine" or "linear"'),
        ('shape = "linear", drops = [3]', 'drops = [3] goes with shape = "steps"; a linear schedule has none'),
        ('shape = "one-cycle", pieces = 3', 'pieces = 3 goes with shape = "cosine" or "linear"'),
        ('shape = "one-cycle", rise = 1', "schedule.rise = 1 is not allowed; allowed: below 1"),
        ('shape = "exponential"', "schedule.shape = 'exponential' is not allowed; allowed: 'steps', 'cosine', "),
    ],
)
def test_what_is_no_schedule(schedule: str, message: str, edit: Edit, small_root: Path) -> None:
    edit({"iterations = 12, drops = [6, 9]": f"iterations = 12, {schedule}", "iterations = 6, drops = [3]": ""})
    with pytest.raises(UserError) as error:
        spec.load("tiny", small_root)
    assert message in str(error.value) and len(str(error.value).splitlines()) == 1, str(error.value)


def test_a_moving_rate_is_resumed(tmp_path: Path) -> None:
    assert_resumes(tmp_path, schedule={"iterations": 30, "shape": "one-cycle"})


# --- loss, gradients, average ----------------------------------------------------------------------------------------


def test_label_smoothing_and_clipping_are_torchs() -> None:
    learner = learner_of(label_smoothing=0.1, clip_norm=0.5)
    network, data, norms = network_of(learner), batches(learner), []
    by_hand = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(6):
        images, labels = next(data)
        by_hand.zero_grad()
        F.cross_entropy(network(images), labels, label_smoothing=0.1).backward()  # type: ignore[no-untyped-call]
        norms.append(float(torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)))
        by_hand.step()
        learner.iterate()
    assert_close(learner.model, network)
    assert max(norms) > 0.5  # there was something to clip


def test_an_evaluation_does_not_smooth_labels() -> None:
    smooth, plain = learner_of(label_smoothing=0.3), learner_of()
    assert smooth.test().loss == plain.test().loss
    smooth.iterate()
    plain.iterate()
    assert smooth.meters.read()[0] != pytest.approx(plain.meters.read()[0], rel=1e-3)


def test_an_average_is_torchs_and_is_what_is_evaluated_and_kept() -> None:
    learner, raw = learner_of(ema={"decay": 0.7}), learner_of()
    expected = AveragedModel(raw.model, multi_avg_fn=get_ema_multi_avg_fn(0.7), use_buffers=True)
    for _ in range(6):
        learner.iterate()
        raw.iterate()
        expected.update_parameters(raw.model)
    assert_close(learner.model, raw.model)  # training goes on with the raw weights
    averaged = dict(expected.module.state_dict())
    for name, value in learner.average.values.items():  # type: ignore[union-attr]
        if value.is_floating_point():
            torch.testing.assert_close(value, averaged[name], rtol=1e-6, atol=1e-6)
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    found = learner.test()
    assert all(torch.equal(value, before[name]) for name, value in learner.model.state_dict().items())
    assert found.loss != pytest.approx(raw.test().loss, rel=1e-3)
    raw.model.load_state_dict(learner.average.values)  # type: ignore[union-attr]
    assert found.loss == raw.test().loss == learner.test_in_fp32().loss
    learner.keep()
    assert learner.test_kept().loss == found.loss


def test_a_run_starts_from_the_average_of_another(tmp_path: Path) -> None:
    run = small_run(iterations=16, ema={"decay": 0.9})
    finish(run, tmp_path / "run")
    state = checkpoint.load(tmp_path / "run", [records.read_run(tmp_path / "run").fingerprint], print)  # type: ignore[union-attr]
    assert state
    learner = state["learner"]
    kept = kept_network(learner)
    assert kept is learner["average"]
    assert not all(torch.equal(value, learner["model"][name]) for name, value in kept.items())
    assert kept_network(learner | {"kept": {}, "average": None}) is learner["model"]


@pytest.mark.parametrize("keep", ["last", "lowest-validation-loss"])
def test_an_average_is_resumed(keep: str, tmp_path: Path) -> None:
    own = {"label_smoothing": 0.1, "clip_norm": 1.0, "ema": {"decay": 0.9}, "train_split": "train80%"}
    assert_resumes(tmp_path, keep=keep, **own)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("label_smoothing = 1.0", "label_smoothing = 1.0 is not allowed; allowed: below 1"),
        ("clip_norm = 0", "clip_norm = 0 is not allowed; allowed: above 0"),
        ("ema = { decay = 1 }", "ema.decay = 1 is not allowed; allowed: below 1"),
        ("ema = { dekay = 1 }", "unknown key 'ema.dekay'; did you mean 'decay'?"),
        ("ema = 0.9", "ema = 0.9 is not allowed; allowed: a table, in braces"),
    ],
)
def test_what_is_no_such_setting(key: str, message: str, edit: Edit, small_root: Path) -> None:
    edit({SGD: f"{SGD}\n{key}"})
    with pytest.raises(UserError) as error:
        spec.load("tiny", small_root)
    assert message in str(error.value), str(error.value)


# --- augmentation ----------------------------------------------------------------------------------------------------

CHANGES: list[dict[str, Any]] = [
    {"name": "colour-jitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
    {"name": "rand-augment"},
    {"name": "cutout", "side": 4},
    {"name": "random-erasing", "probability": 1.0},
    {"name": "mixup", "alpha": 0.5},
    {"name": "cutmix"},
]
KINDS = [change["name"] for change in CHANGES]


def test_mixup_is_the_papers() -> None:
    """Section 2: both images and both losses, by one share."""
    learner = learner_of(augment=[{"name": "mixup", "alpha": 0.5}])
    network, data, shares = network_of(learner), batches(learner), []
    by_hand = torch.optim.SGD(network.parameters(), lr=0.1)
    for iteration in range(6):
        images, labels = next(data)
        with random_streams.globally(0, "mixing", iteration):
            torch.randint(1, ()), torch.rand(())  # which of one, and whether
            share = float(torch.distributions.Beta(0.5, 0.5).sample())
        shares.append(share)
        logits = network(share * images + (1 - share) * images.roll(1, 0))
        by_hand.zero_grad()
        losses = [F.cross_entropy(logits, target) for target in (labels, labels.roll(1))]
        (share * losses[0] + (1 - share) * losses[1]).backward()
        by_hand.step()
        learner.iterate()
    assert_close(learner.model, network)
    assert len({*shares}) == 6


def test_cutout_is_a_square_of_zeros_clipped_at_the_edges() -> None:
    """And those of a run are what the network is trained on."""
    learner, plain = learner_of(augment=[{"name": "cutout", "side": 4}]), learner_of()
    network, data = network_of(learner), batches(learner)
    by_hand = torch.optim.SGD(network.parameters(), lr=0.1)
    sizes = set()
    for iteration in range(3):
        images, labels = next(data)
        with random_streams.globally(0, "erasing", iteration):
            for image in images:
                row, column = int(torch.randint(8, ())), int(torch.randint(8, ()))
                hole = image[:, max(row - 2, 0) : min(row + 2, 8), max(column - 2, 0) : min(column + 2, 8)]
                hole.zero_()
                sizes.add(tuple(hole.shape[1:]))
        by_hand.zero_grad()
        F.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        by_hand.step()
        learner.iterate()
    assert_close(learner.model, network)
    assert sizes == {(high, wide) for high in (2, 3, 4) for wide in (2, 3, 4)}
    assert plain.changes is None


def of_stage(changes: Augmentations, images: torch.Tensor, iteration: int) -> torch.Tensor:
    labels = torch.arange(len(images)) % 10
    recoloured = changes.recolour((images * 255).to(torch.uint8), iteration).float() / 255
    mixed, shares = changes.mix(changes.erase(recoloured, iteration), labels, iteration)
    assert shares.dim() == 1 or torch.allclose(shares.sum(1), torch.ones(len(images)))
    return mixed


@pytest.mark.parametrize("change", CHANGES, ids=KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_depends_on_seed_and_iteration_alone(change: dict[str, Any], channels: int) -> None:
    images = torch.rand(12, channels, 16, 16, generator=torch.Generator().manual_seed(1))
    own = recipe(augment=[change]).changes
    before = torch.get_rng_state()
    one, same, other = (Augmentations(own, seed, 10) for seed in (0, 0, 1))
    found = of_stage(one, images, 7)
    assert found.shape == images.shape and not torch.allclose(found, images, atol=0.01)
    of_stage(same, images, 6)
    assert torch.equal(found, of_stage(same, images, 7))
    assert not torch.equal(found, of_stage(same, images, 8))
    assert not torch.equal(found, of_stage(other, images, 7))
    assert torch.equal(torch.get_rng_state(), before)  # the global generator is not ours to move


def test_each_batch_takes_one_way_of_mixing_and_only_its_share_of_batches() -> None:
    images, labels = torch.rand(8, 1, 16, 16), torch.arange(8)
    both = Augmentations(recipe(augment=[CHANGES[-2] | {"probability": 0.5}, CHANGES[-1]]).changes, 0, 10)
    kinds = []
    for iteration in range(60):
        mixed, _ = both.mix(images, labels, iteration)
        kept = float((mixed == images).float().mean())
        kinds.append("none" if kept == 1 else "mixup" if kept < 0.01 else "cutmix")
    assert 20 < kinds.count("cutmix") < 40 and 8 < kinds.count("mixup") < 24 and kinds.count("none") > 8


@pytest.mark.slow
def test_all_augmentations_at_once_are_resumed(tmp_path: Path) -> None:
    assert_resumes(tmp_path, augment=["pad-crop-1", "hflip", *CHANGES], batch_size=32, label_smoothing=0.1)


def test_augmentations_survive_the_record_and_crops_are_dumped_as_before() -> None:
    own = recipe(augment=["pad-crop-2", *CHANGES])
    assert type(own).model_validate_json(own.model_dump_json()) == own
    assert (own.crop_padding, own.hflip, [each.name for each in own.changes]) == (2, False, KINDS)
    assert recipe().model_dump(mode="json")["augment"] == ["pad-crop-2", "hflip"]


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (
            '["cutout"]',
            "augment.0 = 'cutout' is not allowed; allowed: 'pad-crop-N' (N pixels) and 'hflip'; the others are",
        ),
        (
            '["hflip", { side = 4 }]',
            "'augment.1.name' is missing; allowed: 'colour-jitter', 'rand-augment', 'cutout', ",
        ),
        ('[{ name = "cutout" }]', "'augment.0.side' is missing"),
        ('[{ name = "cut-out", side = 4 }]', "augment.0.name = 'cut-out' is not allowed; allowed: 'colour-jitter', "),
        ('[{ name = "cutout", sid = 4, side = 4 }]', "unknown key 'augment.0.sid'; did you mean 'side'?"),
        ('[{ name = "mixup", alpha = 0 }]', "augment.0.alpha = 0 is not allowed; allowed: above 0"),
        ('[{ name = "cutmix" }, { name = "cutmix" }]', "lists the same kind twice"),
        ('[{ name = "random-erasing", least_area = 0.5 }]', "least_area = 0.5 must not be above most_area = 0.33"),
    ],
)
def test_what_is_no_augmentation(augment: str, message: str, edit: Edit, small_root: Path) -> None:
    edit({SGD: f"{SGD}\naugment = {augment}"})
    with pytest.raises(UserError) as error:
        spec.load("tiny", small_root)
    assert message in str(error.value) and len(str(error.value).splitlines()) == 1, str(error.value)


# --- the plain step --------------------------------------------------------------------------------------------------

PLAIN_ONLY: dict[str, dict[str, Any]] = {
    "only the plain step has the optimizer rmsprop": {"optimizer": {"name": "rmsprop", "lr": 0.01}},
    "only the plain step has label_smoothing": {"label_smoothing": 0.1},
    "only the plain step has clip_norm": {"clip_norm": 1.0},
    "only the plain step has ema": {"ema": {"decay": 0.9}},
    "only the plain step has cutout": {"augment": ["hflip", {"name": "cutout", "side": 4}]},
}


@pytest.mark.parametrize(("reason", "changes"), PLAIN_ONLY.items(), ids=PLAIN_ONLY)
def test_what_only_the_plain_step_can_is_said_once(reason: str, changes: dict[str, Any]) -> None:
    plain = recipe(**{"schedule": {"iterations": 1000}, "image_size": 32, **changes})
    run = Run(experiment="tests", arm="recipe", seed=0, scale=FULL, recipe=plain)
    assert method.choose(run, (1, 32, 32), CPU) == (method.Method(), f"the plain step: {reason}")
    with pytest.raises(UserError, match=f"--step kernels: {reason}; allowed for .*: auto, plain$"):
        method.choose(run, (1, 32, 32), CPU, step="kernels")
