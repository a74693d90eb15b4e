"""The step of small networks is the plain one but for rounding: the same masks, losses, gradients and updates."""

from pathlib import Path

import pytest
import torch
from helpers import (
    CIFAR,
    CPU,
    REPO,
    StopAfter,
    assert_same_bits,
    away,
    finish,
    gradient,
    loss_of,
    recipe,
    small_run,
)
from torch import nn
from torch.nn import functional as F

from repro import models, random_streams, records, spec
from repro.errors import UserError
from repro.spec import Run
from repro.step import method
from repro.step.kernels import build, dropout
from repro.step.kernels.sequential import SequentialStep
from repro.step.plain import PlainStep
from repro.train.control import Settings
from repro.train.learner import Learner

try:
    build.library()
    MISSING = ""
except build.Unavailable as error:
    MISSING = str(error)

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

GREY = (1, 28, 28)
MLP = {"name": "mlp", "hidden": [256, 64], "dropout": 0.2}
CNN = {"name": "cnn", "widths": [16, 32, 64], "hidden": 200, "dropout": 0.2}
NETWORKS = [
    (GREY, MLP),
    (GREY, MLP | {"dropout": 0.0}),
    ((3, 7, 7), {"name": "mlp", "hidden": [13, 130, 3], "dropout": 0.5}),  # no multiple of a block or a vector
    (CIFAR, CNN),
    ((1, 16, 16), {"name": "cnn", "widths": [64, 16], "hidden": 33, "dropout": 0.0}),
]
DESCENT = {"name": "sgd", "lr": 0.05}
OPTIMIZERS = [DESCENT, DESCENT | {"momentum": 0.9, "weight_decay": 1e-4}, {"name": "adam", "lr": 1e-3}]


def network(image: tuple[int, int, int], settings: dict[str, object], dtype: torch.dtype = torch.float32) -> nn.Module:
    masks = random_streams.generator(4, "dropout")
    net = models.build(**settings, channels=image[0], size=image[1], seed=3, masks=masks)
    return net.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def batch(image: tuple[int, int, int], rows: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(5)
    return torch.randn(rows, *image, generator=random), torch.randint(0, 10, (rows,), generator=random)


def digits(model: dict[str, object], **changes: object) -> Run:
    fields = {"model": model, "batch_size": 20, "optimizer": DESCENT, "augment": [], "evaluate_every": 20}
    return small_run(iterations=100, **fields | changes)


@pytest.mark.parametrize(("image", "settings"), NETWORKS, ids=str)
def test_evaluation_is_the_plain_steps(image, settings) -> None:
    """Without dropout, by the present weights, and for batches of any size in turn."""
    net, plain = (network(image, settings).eval() for _ in range(2))
    step = SequentialStep(net)
    for rows in (20, 7, 20):
        images, _ = batch(image, rows)
        with torch.no_grad():
            assert away(step.logits(images), PlainStep(plain, "fp32").logits(images)) < 2e-6
            for parameter in (*net.parameters(), *plain.parameters()):
                parameter.mul_(1.1)


@pytest.mark.parametrize(("image", "settings"), NETWORKS, ids=str)
@pytest.mark.parametrize("rows", [20, 7, 1])
def test_gradients_are_as_near_to_the_true_ones_as_the_plain_steps(image, settings, rows: int) -> None:
    """The truth is float64's, with the masks that float32 draws."""
    images, labels = batch(image, rows)
    exact, plain, fast = network(image, settings, torch.float64), network(image, settings), network(image, settings)
    true_loss = F.cross_entropy(exact(images.double()), labels)
    true_loss.backward()
    PlainStep(plain, "fp32").gradients(images, labels)
    loss, logits = SequentialStep(fast).gradients(images, labels)
    assert logits.shape == (rows, 10) and loss.item() == pytest.approx(true_loss.item(), rel=1e-5)
    for ours, theirs, true in zip(fast.parameters(), plain.parameters(), exact.parameters(), strict=True):
        assert ours.grad is not None and theirs.grad is not None and true.grad is not None
        assert away(ours.grad, true.grad) < 2 * away(theirs.grad, true.grad) + 1e-6


def test_a_batch_of_another_size_does_not_disturb_the_next() -> None:
    images, labels = batch(CIFAR)
    found = []
    for sizes in ((20,), (20, 7, 20)):
        net = network(CIFAR, CNN | {"dropout": 0.0})
        step = SequentialStep(net)
        for size in sizes:
            step.gradients(images[:size], labels[:size])
        found.append(gradient(net))
    assert torch.equal(*found)


def test_bits_do_not_depend_on_the_threads() -> None:
    images, labels = batch(CIFAR)
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        net = network(CIFAR, CNN)
        SequentialStep(net).gradients(images, labels)
        found.append(gradient(net))
    assert torch.equal(*found)


@pytest.mark.parametrize("count", [1, 311, 312, 313, 5120])
@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_masks_are_torchs_and_leave_its_generator_where_torch_does(count: int, rate: float) -> None:
    ours, theirs = (random_streams.generator(1, "dropout") for _ in range(2))
    assert dropout.torch_draws_the_same(), "else the masks are drawn by torch, which is slower"
    mask, expected = torch.empty(count), torch.empty(count)
    for _ in range(3):
        dropout.draw(ours, rate, mask)
        expected.bernoulli_(1 - rate, generator=theirs).div_(1 - rate)
        assert torch.equal(mask, expected) and torch.equal(ours.get_state(), theirs.get_state())
    assert torch.equal(torch.rand(9, generator=ours), torch.rand(9, generator=theirs))


def test_masks_of_a_torch_with_another_generator_are_drawn_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = batch(GREY)
    plain, fast = network(GREY, MLP), network(GREY, MLP)
    monkeypatch.setattr(dropout, "torch_draws_the_same", lambda: False)
    SequentialStep(fast).gradients(images, labels)
    PlainStep(plain, "fp32").gradients(images, labels)
    assert away(gradient(fast), gradient(plain)) < 1e-5


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("model", [MLP, CNN], ids=["mlp", "cnn"])
def test_thirty_losses_are_the_plain_steps(model: dict[str, object], optimizer: dict[str, object]) -> None:
    """With a batch of another size in between: 1437 images are 71 batches of 20, and one of 17."""
    run = digits(model, optimizer=optimizer, last_batch="keep")
    plain, fast = Learner(run, CPU), Learner(run, CPU, step="sequential")
    assert fast.method == method.Method("fp32", "sequential")
    for learner in (plain, fast):
        learner.iteration = 60
    for _ in range(30):
        ours, theirs = loss_of(fast), loss_of(plain)
        assert ours == pytest.approx(theirs, rel=1e-3)
    assert torch.equal(fast.dropout.get_state(), plain.dropout.get_state())
    assert fast.test().error == pytest.approx(plain.test().error, abs=1.0)


def test_an_update_follows_the_learning_rate() -> None:
    images, labels = batch(GREY)
    net = network(GREY, MLP)
    step, optimizer = SequentialStep(net), torch.optim.SGD(net.parameters(), lr=0.0)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    step.update(images, labels, optimizer)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    optimizer.param_groups[0]["lr"] = 0.1
    step.update(images, labels, optimizer)
    assert not any(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2], ids=["descent", "momentum"])
@pytest.mark.parametrize("model", [MLP, CNN], ids=["mlp", "cnn"])
def test_a_run_is_resumed_with_the_same_bits(tmp_path: Path, model, optimizer) -> None:
    run, settings = digits(model, optimizer=optimizer), Settings(threads=1)
    straight, halting = tmp_path / "straight", tmp_path / "halting"
    finish(run, straight, settings, StopAfter(iterations=30))
    finish(run, halting, settings, StopAfter(iterations=13))
    finish(run, halting, settings, StopAfter(iterations=17))
    assert_same_bits(straight, halting)
    record = records.read_run(halting)
    assert record is not None
    assert [(s.precision, s.step, s.threads) for s in record.sessions] == [("fp32", "sequential", 1)] * 2


def test_a_run_of_the_plain_step_can_be_resumed() -> None:
    run = digits(MLP)
    plain, fast = Learner(run, CPU), Learner(run, CPU, step="sequential")
    for _ in range(3):
        plain.iterate()
    fast.restore(plain.state())
    assert loss_of(fast) == pytest.approx(loss_of(plain), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "image"), [("mnist-mlp/file-order", GREY), ("cifar-cnn/epochs8", CIFAR)], ids=["mlp", "cnn"]
)
def test_auto_takes_it_in_fp32(name: str, image: tuple[int, int, int]) -> None:
    experiment, arm = name.split("/")
    run = spec.resolve(spec.load(experiment, REPO), [0], arms=[arm])[0]
    build.just_compiled()
    assert method.choose(run, image, CPU) == (method.Method("fp32", "sequential"), "")
    with pytest.raises(UserError, match="--step sequential: it computes in fp32 only; allowed .*: auto, plain$"):
        method.choose(run, image, CPU, "bf16", "sequential")


@pytest.mark.parametrize(
    ("model", "image", "why"),
    [
        ({"name": "resnet-cifar", "depth": 8}, CIFAR, "supports only mlps, and cnns with 16, 32 or 64 channels"),
        (CNN | {"widths": [8, 16]}, CIFAR, "supports only mlps, and cnns with 16, 32 or 64 channels"),
        (CNN, (5, 32, 32), "images of up to 4 channels, not 5"),
        (CNN | {"widths": [16, 16]}, (3, 8, 8), "multiple of 16 pixels, not 8x8"),
    ],
)
def test_it_is_refused_where_the_kernels_do_not_apply(model, image: tuple[int, int, int], why: str) -> None:
    run = digits(model)
    with pytest.raises(UserError, match=f"--step sequential: .*{why}"):
        method.choose(run, image, CPU, step="sequential")


def test_a_short_run_is_plain() -> None:
    run = Run(experiment="t", arm="a", seed=0, scale=spec.FULL, recipe=recipe(model=MLP))
    assert method.choose(run, GREY, CPU)[0].step == "plain"
