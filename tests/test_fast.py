"""The fast step is the plain one but for rounding: the same losses, gradients, statistics and predictions."""

import ctypes
import multiprocessing
import os
from collections.abc import Callable
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
    batch,
    finish,
    gentle,
    gradient,
    loss_of,
    network,
    small_run,
    with_recipe,
)
from torch.nn import functional as F

from repro import records, spec
from repro.data.batches import Transform, draw_epoch
from repro.errors import UserError
from repro.spec import Run
from repro.step import method
from repro.step.kernels import build, ops
from repro.step.kernels.network import FastNetwork
from repro.step.plain import PlainStep
from repro.train.control import Settings
from repro.train.learner import Learner

try:
    build.library()
    MISSING = ""
except build.Unavailable as error:
    MISSING = str(error)

needs_compiler = pytest.mark.skipif(bool(MISSING), reason=MISSING)
needs_amx = pytest.mark.skipif(bool(MISSING) or not ops.matrix_units(), reason="no bf16 matrix units")
PRECISIONS = [pytest.param("fp32", marks=needs_compiler), pytest.param("bf16", marks=needs_amx)]

DESIGNS = [
    {},
    {"block": "bn-after-add"},
    {"block": "relu-before-add"},
    {"block": "relu-only-preact"},
    {"block": "full-preact"},
    {"block": "full-preact", "subsample": "separate-conv"},
    {"shortcut": "none"},
    {"shortcut": "identity-centred"},
    {"bn_batch": 16},
]


def ids(args: dict[str, object]) -> str:
    return "-".join(str(v) for v in args.values()) or "original"


@pytest.mark.parametrize("design", DESIGNS, ids=ids)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_gradients_are_as_near_to_the_true_ones_as_the_plain_steps(design: dict[str, object], precision: str) -> None:
    """The truth is float64's. Autograd's own distance from it, most of it from ReLUs that flip, is the yardstick."""
    images, labels = batch()
    exact, plain, fast = network(torch.float64, **design), network(**design), network(**design)
    true_loss = F.cross_entropy(exact(images.double()), labels)
    true_loss.backward()
    plain_loss, _ = PlainStep(plain, precision).gradients(images, labels)
    step = FastNetwork(fast, precision)
    for _ in range(2):  # the second time in used buffers
        loss, logits = step.gradients(images, labels)
    assert logits.shape == (32, 10)
    true = gradient(exact)
    assert len(gradient(fast)) == len(true)
    allowed = {"fp32": 1e-3, "bf16": 0.02}[precision]
    assert away(gradient(fast), true) < 1.2 * away(gradient(plain), true) + allowed
    tolerance = {"fp32": 1e-5, "bf16": 5e-3}[precision]
    assert loss.item() == pytest.approx(true_loss.item(), rel=tolerance)
    assert loss.item() == pytest.approx(plain_loss.item(), rel=tolerance)


@pytest.mark.parametrize("design", DESIGNS, ids=ids)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_running_statistics_and_evaluation_are_the_plain_steps(design: dict[str, object], precision: str) -> None:
    images, labels = batch()
    plain, fast = network(**design), network(**design)
    PlainStep(plain, "fp32").gradients(images, labels)
    step = FastNetwork(fast, precision)
    step.gradients(images, labels)
    tolerance = {"fp32": 1e-4, "bf16": 0.03}[precision]
    for (name, ours), theirs in zip(fast.named_buffers(), plain.buffers(), strict=True):
        assert ours.dtype == theirs.dtype, name
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}")
    plain.eval()
    with torch.no_grad():
        ours, theirs = step.logits(images[:20]), plain(images[:20])
    assert away(ours, theirs) < tolerance


@needs_compiler
def test_fifty_losses_are_the_plain_steps_to_1e_4(cifar10: Path, resnet20: Run) -> None:
    """A ResNet on CIFAR-10 with its crops, flips and updates.

    At the paper's 0.1 no two orders of summation agree for 50 iterations: a change of the first weights by 1e-7 moves
    the plain step's own tenth loss by some percent. There the next test holds the steps together an update at a time.
    """
    plain = Learner(gentle(resnet20), CPU, cifar10)
    fast = Learner(gentle(resnet20), CPU, cifar10, "fp32", "kernels")
    assert fast.method == method.Method("fp32", "kernels")
    for _ in range(50):
        ours, theirs = loss_of(fast), loss_of(plain)
        assert ours == pytest.approx(theirs, rel=1e-4)


@needs_compiler
def test_losses_at_the_papers_rate_from_the_same_weights(cifar10: Path, resnet20: Run) -> None:
    """The plain step's weights are taken over before each of its updates at learning rate 0.1."""
    run = with_recipe(resnet20, batch_size=32)
    plain = Learner(run, CPU, cifar10)
    fast = Learner(run, CPU, cifar10, "fp32", "kernels")
    for _ in range(5):
        fast.restore(plain.state())
        ours, theirs = loss_of(fast), loss_of(plain)
        assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_bits_do_not_depend_on_the_threads(precision: str) -> None:
    images, labels = batch(64)
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        net = network()
        step = FastNetwork(net, precision)
        step.gradients(images, labels)
        convolutions = [p.grad for p in net.parameters() if p.dim() == 4]
        found.append(torch.cat([g.flatten() for g in convolutions if g is not None]))
    assert torch.equal(*found)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_step_makes_no_new_image_buffers(precision: str) -> None:
    images, labels = batch(16)
    step = FastNetwork(network(), precision)
    step.gradients(images, labels)
    before = {id(t) for stack in step.tape.buffers.free.values() for t in stack}
    step.gradients(images, labels)
    assert {id(t) for stack in step.tape.buffers.free.values() for t in stack} == before and not step.tape.values


@needs_compiler
def test_auto_takes_the_kernels_where_they_apply(resnet20: Run) -> None:
    best = "bf16" if ops.matrix_units() else "fp32"
    build.just_compiled()
    assert method.choose(resnet20, CIFAR, CPU) == (method.Method(best, "kernels"), "")
    assert method.choose(resnet20, CIFAR, CPU, "fp32")[0] == method.Method("fp32", "kernels")
    assert method.choose(resnet20, CIFAR, CPU, step="plain") == (method.Method("fp32", "plain"), "")


@pytest.mark.parametrize(
    ("experiment", "arm", "scale", "image", "why"),
    [
        ("vgg-depth", "a", "1", (3, 224, 224), "only ResNets of width 16"),
        ("resnet-depth", "resnet20", "1", (1, 28, 28), "multiples of 32 pixels, not 28x28"),
        ("resnet-depth", "resnet20", "1", (8, 32, 32), "up to 4 channels, not 8"),
        ("resnet-depth", "resnet20", "1/1000", CIFAR, "shorter than 100 iterations"),
    ],
)
def test_elsewhere_auto_says_why_it_is_plain(experiment: str, arm: str, scale: str, image, why: str) -> None:
    run = spec.resolve(spec.load(experiment, REPO), [0], arms=[arm], scale=spec.Scale.parse(scale))[0]
    chosen, note = method.choose(run, image, CPU)
    assert chosen == method.Method("fp32", "plain") and why in note
    with pytest.raises(UserError, match=r"--step kernels: .* allowed .*: auto, plain$"):
        method.choose(run, image, CPU, step="kernels")


@needs_compiler
def test_compiling_is_told_once_and_the_library_kept(
    resnet20: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into an empty cache folder, with one small source in the kernels' place."""
    source = tmp_path / "one.cpp"
    source.write_text('extern "C" int amx_allowed() { return 0; }\n')
    monkeypatch.setattr(build, "SOURCES", (str(source),))
    monkeypatch.setattr(build.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    build.just_compiled()  # this machine's own, if this process had to compile it
    told = [method.choose(resnet20, CIFAR, CPU)[1] for _ in range(2)]
    assert "compiled the kernels" in told[0] and told[1] == ""
    assert len(list((tmp_path / "repro" / "kernels").glob("*.so"))) == 1


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: os.truncate(path, 4096),
    "empty": lambda path: os.truncate(path, 0),
    "another byte": lambda path: path.write_bytes(path.read_bytes().replace(b"the answer", b"the answes")),
    "not a library": lambda path: path.write_text("not a library"),
}


@needs_compiler
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.fault(
    "a cut or changed library of compiled kernels",
    "it is compiled anew",
)
def test_a_damaged_library_is_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    """In processes of their own, which loading a damaged library may kill."""
    source = tmp_path / "one.cpp"
    source.write_text('extern "C" const char* answer() { return "the answer"; }\n')
    monkeypatch.setattr(build, "SOURCES", (str(source),))
    monkeypatch.setattr(build.platformdirs, "user_cache_path", lambda name: tmp_path / name)

    def load() -> None:
        answer = build.library().answer
        answer.restype = ctypes.c_char_p
        os._exit(0 if answer() == b"the answer" else 1)

    def exit_code() -> int | None:
        process = multiprocessing.get_context("fork").Process(target=load)
        process.start()
        process.join()
        return process.exitcode

    assert exit_code() == 0
    (library,) = (tmp_path / "repro" / "kernels").iterdir()
    made = library.stat().st_ino
    assert exit_code() == 0 and library.stat().st_ino == made, "it is kept"
    DAMAGES[damage](library)
    assert exit_code() == 0


@needs_compiler
def test_where_the_kernels_cannot_be_kept_a_run_is_plain(
    resnet20: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(build.platformdirs, "user_cache_path", lambda name: tmp_path / "file")
    chosen, note = method.choose(resnet20, CIFAR, CPU)
    assert chosen == method.Method("fp32", "plain") and "cannot be stored or loaded" in note


@pytest.mark.parametrize(
    ("lacking", "value", "why"),
    [("compiler", None, "no C++ compiler"), ("processor", "flags : avx avx2", "neither AVX-512 nor AVX2 with FMA")],
)
def test_where_the_kernels_cannot_be_made_a_run_is_plain(
    resnet20: Run, monkeypatch: pytest.MonkeyPatch, lacking: str, value: str | None, why: str
) -> None:
    monkeypatch.setattr(build, "processor", lambda: "flags : avx512f")
    monkeypatch.setattr(build, lacking, lambda: value)
    chosen, note = method.choose(resnet20, CIFAR, CPU)
    assert chosen == method.Method("fp32", "plain") and why in note


def test_a_precision_or_step_of_another_device_is_refused(resnet20: Run) -> None:
    with pytest.raises(UserError, match="tf32 is not available on the CPU; allowed: auto, fp32, bf16"):
        method.choose(resnet20, CIFAR, CPU, "tf32")
    for step in ("graph", "triton", "compiled"):
        with pytest.raises(
            UserError, match=f"--step {step} is not available on cpu; allowed: auto, plain, kernels, matrices"
        ):
            method.choose(resnet20, CIFAR, CPU, step=step)


def digits(**changes: object) -> Run:
    """Handwritten digits as 32x32 images, for a ResNet-8 of the width that the kernels support."""
    fields = {"model": {"name": "resnet-cifar", "depth": 8}, "batch_size": 16, "evaluate_every": 20}
    return small_run(iterations=100, **fields | changes)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_run_with_kernels_goes_on_with_the_same_bits_and_says_what_computed_it(
    tmp_path: Path, precision: str
) -> None:
    run, settings = digits(), Settings(threads=1, precision=precision)
    straight, halting = tmp_path / "straight", tmp_path / "halting"
    finish(run, straight, settings, StopAfter(iterations=30))
    halted = finish(run, halting, settings, StopAfter(iterations=13))[-1]
    assert (halted.status, halted.iteration) == ("interrupted", 13)
    finish(run, halting, Settings(threads=1), StopAfter(iterations=17))  # auto: in the precision it was begun in
    assert_same_bits(straight, halting)
    record = records.read_run(halting)
    assert record is not None and record.iteration == 30 and records.read_metrics(halting).iteration.tolist() == [20]
    assert [(s.precision, s.step, s.threads) for s in record.sessions] == [(precision, "kernels", 1)] * 2


@needs_compiler
def test_a_run_is_not_gone_on_with_in_another_precision(tmp_path: Path) -> None:
    finish(digits(), tmp_path / "run", Settings(threads=1, precision="fp32"), StopAfter(iterations=3))
    with pytest.raises(UserError, match=r"--precision bf16: .* was started in fp32; allowed: auto, fp32"):
        finish(digits(), tmp_path / "run", Settings(threads=1, precision="bf16"))


def test_a_recipe_may_fix_the_precision(tmp_path: Path) -> None:
    run = digits(precision="fp32")
    with pytest.raises(UserError, match=r"--precision bf16: .* its recipe requires fp32; allowed: auto, fp32"):
        finish(run, tmp_path / "run", Settings(threads=1, precision="bf16"))


def test_bf16_without_kernels_is_torchs_autocast() -> None:
    images, labels = batch()
    net, same = network(), network()
    loss, _ = PlainStep(net, "bf16").gradients(images, labels)
    with torch.autocast("cpu", torch.bfloat16):
        logits = same(images.contiguous(memory_format=torch.channels_last))
    expected = F.cross_entropy(logits.float(), labels)
    expected.backward()
    assert torch.equal(loss, expected.detach()) and torch.equal(gradient(net), gradient(same))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_images_of_another_size_do_not_disturb_the_next(precision: str) -> None:
    """The kernels keep their scratch memory, with its border of zeros, from one call to the next."""
    images, labels = batch(16)
    first, second = network(), network()
    FastNetwork(first, precision).gradients(images, labels)
    large = torch.randn(16, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    FastNetwork(network(), precision).gradients(large, labels)
    FastNetwork(second, precision).gradients(images, labels)
    assert torch.equal(gradient(first), gradient(second))


@needs_compiler
@pytest.mark.parametrize("padding", [0, 4])
@pytest.mark.parametrize("pad_after", [True, False])
@pytest.mark.parametrize("hflip", [True, False])
@pytest.mark.parametrize("per_pixel", [True, False])
def test_augmentation_is_that_of_the_plain_step(padding: int, pad_after: bool, hflip: bool, per_pixel: bool) -> None:
    random = torch.Generator().manual_seed(2)
    train = torch.randint(0, 256, (300, *CIFAR), dtype=torch.uint8, generator=random)
    mean = torch.rand(CIFAR if per_pixel else (3, 1, 1), generator=random)
    pixels = Transform(mean, torch.rand(3, 1, 1, generator=random) + 0.1, padding, pad_after, hflip)
    draws = draw_epoch(1, 0, len(train), padding)[:128]
    augmentation = ops.Augmentation(pixels, train)
    for part in (draws[:100], draws):
        assert torch.equal(augmentation(part), pixels.augment(train[part.index], part))
