"""The Triton step: its kernels run by Triton's interpreter, and are compiled for two GPUs that are not here."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers import CIFAR, CPU, CUDA, Played, away, batch, gentle, gradient, loss_of, needs_gpu, network, small_run

from repro import spec
from repro.bench.launches import count
from repro.data.batches import Transform, draw_epoch
from repro.data.load import Images
from repro.errors import UserError
from repro.models.layers import batch_norm
from repro.models.residual import DESIGNS
from repro.spec import Run
from repro.step import method
from repro.step.plain import Meters, PlainStep
from repro.train import learner as learning
from repro.train.learner import Learner

triton = pytest.importorskip("triton")
import triton.language as tl  # noqa: E402
from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402
from triton.runtime.interpreter import InterpretedFunction  # noqa: E402

from repro.step.triton import batch_kernels, norm, norm_kernels  # noqa: E402
from repro.step.triton.batch import Augmentation, TritonMeters, cross_entropy  # noqa: E402
from repro.step.triton.casts import Casts  # noqa: E402
from repro.step.triton.network import TritonStep  # noqa: E402
from repro.step.triton.norm import Fusion  # noqa: E402

NETWORKS: dict[str, dict[str, Any]] = {
    **{design: {"block": design} for design in DESIGNS},
    "plain": {"shortcut": "none"},
    "separate": {"block": "full-preact", "subsample": "separate-conv"},
    "centred, in groups": {"shortcut": "identity-centred", "bn_batch": 2},
    "narrow": {"width": 5},
}
QUICK = ("full-preact", "centred, in groups")  # between them they have every kind of fusion but a ReLU before the sum


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kernels run on the CPU by Triton's interpreter, which leaves functions of its own in Triton's language."""
    places = (tl, tl.core, tl.math, tl.tensor, tl.core.tensor_descriptor_base)
    before = [dict(vars(place)) for place in places]
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    for module in (norm_kernels, batch_kernels, tl, tl.standard):
        for name, function in list(vars(module).items()):
            if isinstance(function, triton.JITFunction):
                monkeypatch.setattr(module, name, InterpretedFunction(function.fn))
    yield
    monkeypatch.undo()
    for place, attributes in zip(places, before, strict=True):
        for name, value in list(vars(place).items()):
            if name not in attributes:
                delattr(place, name)
            elif value is not attributes[name]:
                setattr(place, name, attributes[name])


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there are several programs, each with several tiles, and a last one that is not full."""
    monkeypatch.setattr(norm, "TILE", 512)
    monkeypatch.setattr(norm, "PARTIAL", 16)
    monkeypatch.setattr(norm, "PROGRAMS", 2)


def small(images: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    pixels, labels = batch(images)
    return pixels[:, :, :8, :8], labels


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS if n not in QUICK)]
)
@pytest.mark.usefixtures("interpreted")
def test_a_network_has_the_plain_steps_gradients_and_statistics(name: str) -> None:
    """Both gradients are as close to float64."""
    ours, plain, true = (
        network(dtype, depth=8, **NETWORKS[name]) for dtype in (torch.float32, torch.float32, torch.double)
    )
    step = TritonStep(ours, "fp32")
    images, labels = small()
    loss, logits = step.gradients(images, labels)
    expected, _ = PlainStep(plain, "fp32").gradients(images, labels)
    PlainStep(true, "fp32").gradients(images.double(), labels)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5) and logits.shape == (4, 10)
    assert away(gradient(ours), gradient(true)) <= 3 * away(gradient(plain), gradient(true)) + 1e-4
    for (key, value), expected in zip(ours.state_dict().items(), plain.state_dict().values(), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6, msg=key)


FUSIONS: list[dict[str, Any]] = [
    {},
    {"add_before": True, "relu_last": True, "keep": "sum"},
    {"relu_first": True, "add_after": True, "keep": "result"},
    {"add_after": True, "relu_last": True},
    {"relu_last": True, "keep": "result"},
]


@pytest.mark.parametrize("has", FUSIONS, ids=str)
@pytest.mark.parametrize("group", [None, 3])
@pytest.mark.usefixtures("interpreted", "small_tiles")
def test_a_fusion_is_its_operations(has: dict[str, Any], group: int | None) -> None:
    """Results and all gradients against float64; the channels have means far from 0, and rows do not fill the tiles."""
    random = torch.Generator().manual_seed(1)
    x, shortcut, dy, dkept = (torch.randn(6, 5, 7, 6, generator=random) for _ in range(4))
    x += torch.tensor([0.0, 100.0, -30.0, 1.0, 0.0])[:, None, None]
    layer, other = batch_norm(5, group), batch_norm(5, group).double()
    for parameter in layer.parameters():
        parameter.data.normal_(generator=random)
    other.load_state_dict(layer.state_dict())
    inputs = [t.contiguous(memory_format=torch.channels_last).requires_grad_() for t in (x, shortcut)]
    true = [t.detach().double().requires_grad_() for t in inputs]

    summed = true[0] + true[1] if has.get("add_before") else true[0]
    expected = other(summed)
    expected = expected.relu() if has.get("relu_first") else expected
    expected = expected + true[1] if has.get("add_after") else expected
    expected = expected.relu() if has.get("relu_last") else expected
    kept = {"": None, "sum": summed, "result": expected}[has.get("keep", "")]
    torch.autograd.backward(
        [expected, *([] if kept is None else [kept])], [dy.double(), dkept.double()][: 1 + (kept is not None)]
    )

    found, found_kept = Fusion(layer, **has)(*inputs)
    torch.autograd.backward([found, *([] if kept is None else [found_kept])], [dy, dkept][: 1 + (kept is not None)])
    pairs = [(found, expected), *((a.grad, b.grad) for a, b in zip(inputs, true, strict=True))]
    pairs += [(a.grad, b.grad) for a, b in zip(layer.parameters(), other.parameters(), strict=True)]
    pairs += [(layer.running_mean, other.running_mean), (layer.running_var, other.running_var), (found_kept, kept)]
    for ours, theirs in pairs:
        if theirs is None:
            assert ours is None
        else:
            torch.testing.assert_close(ours.double(), theirs, rtol=2e-5, atol=2e-5)


@pytest.mark.usefixtures("interpreted")
def test_a_constant_channel_has_no_variance() -> None:
    """Squares less squared mean would leave rounding, of either sign."""
    x = torch.full((2, 1, 8, 8), 1234.567)
    y, _ = Fusion(batch_norm(1))(x)
    assert torch.equal(y, torch.zeros_like(y))


@pytest.mark.usefixtures("interpreted")
def test_batches_that_are_no_whole_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="5 images cannot be normalised in groups of 3"):
        Fusion(batch_norm(4, 3))(torch.zeros(5, 4, 2, 2))


def test_weights_cast_at_once_have_autocasts_bits() -> None:
    """And their gradients."""
    images, _ = batch(4)
    results = []
    for at_once in (False, True):
        net = torch.nn.Sequential(*list(network(depth=8))[:1], torch.nn.Flatten(), torch.nn.Linear(16 * 32 * 32, 10))
        with torch.no_grad():
            net[2].weight.copy_(torch.randn(10, 16 * 32 * 32, generator=torch.Generator().manual_seed(0)))
            net[2].bias.fill_(0.1)
        if at_once:
            conv, weight, bias = Casts.apply(*net.parameters())
            logits = F.linear(F.conv2d(images.bfloat16(), conv, padding=1).flatten(1), weight, bias)
        else:
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(images)
        logits.float().square().sum().backward()
        results.append((logits, gradient(net)))
    assert all(map(torch.equal, *results))


@pytest.mark.parametrize(
    ("normalise", "augment", "padding"),
    [
        ("per-pixel-mean", ["pad-crop-4", "hflip"], "after-normalise"),
        ("per-pixel-mean", ["pad-crop-4", "hflip"], "before-normalise"),
        ("mean-std", ["pad-crop-1"], "before-normalise"),
        ("mean-std", ["hflip"], "after-normalise"),
        ("half", [], "after-normalise"),
    ],
)
@pytest.mark.usefixtures("interpreted")
def test_images_have_torchs_bits(normalise: str, augment: list[str], padding: str) -> None:
    recipe = small_run(normalise=normalise, augment=augment, padding=padding).recipe
    pixels = torch.randint(0, 256, (9, 3, 6, 7), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    transform = Transform.fit(recipe, Images(pixels, torch.zeros(9, dtype=torch.int64)))
    draws = draw_epoch(0, 0, 9, recipe.crop_padding)
    images = Augmentation(transform, pixels)(draws[1:8])
    assert torch.equal(images, transform.augment(pixels[draws.index[1:8]], draws[1:8]))
    assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("images", "classes"), [(4, 10), (100, 3)])
@pytest.mark.usefixtures("interpreted")
def test_loss_and_meters_are_torchs(images: int, classes: int) -> None:
    random = torch.Generator().manual_seed(4)
    logits = (20 * torch.randn(images, classes, generator=random)).requires_grad_()
    labels = torch.randint(0, classes, (images,), generator=random)
    ours, theirs = TritonMeters(CPU), Meters(CPU)
    for scale in (1.0, 3.0):
        expected = F.cross_entropy(scale * logits, labels)
        logits.grad = None
        expected.backward()
        loss, by_logits = cross_entropy(scale * logits.detach(), labels)
        torch.testing.assert_close(loss, expected.detach())
        torch.testing.assert_close(scale * by_logits, logits.grad)
        for meters in (ours, theirs):
            meters.add(loss, logits.detach(), labels)
            meters.images += images
    assert ours.read() == theirs.read() and torch.equal(ours.worst_loss, theirs.worst_loss)
    ours.add(torch.tensor(float("nan")), logits.detach(), labels)
    assert ours.worst_loss.isnan()


@pytest.mark.slow
@pytest.mark.usefixtures("interpreted")
def test_a_run_with_the_step_is_the_plain_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data, loss, optimizer and meters together; a checkpoint of the one is resumed by the other."""
    run = small_run(model={"name": "resnet-cifar", "depth": 8, "width": 4}, image_size=8, batch_size=8)
    plain = Learner(run, CPU)
    chosen = method.Method("fp32", "triton")
    monkeypatch.setattr(learning, "Graph", Played)
    monkeypatch.setattr(method, "choose", lambda *_: (chosen, ""))
    fast, resumed = Learner(run, CPU), Learner(run, CPU)
    for _ in range(2):
        assert loss_of(fast) == pytest.approx(loss_of(plain), rel=1e-4)
    state = plain.state()
    assert fast.state()["model"].keys() == state["model"].keys()
    assert fast.model.get_buffer("bn1.num_batches_tracked") == 2
    resumed.graph = None
    resumed.restore(state)
    assert loss_of(resumed) == pytest.approx(loss_of(plain), rel=1e-4)


def test_an_update_launches_what_it_should() -> None:
    """Four kernels for each of the 19 norms with what surrounds it, and one cast of all weights each way."""
    kernels = count("triton", "bf16", images=2).kernels
    for name in ("statistics", "normalise", "gradient_sums", "input_gradient"):
        assert kernels[f"triton {name}"] == 19
    assert (kernels["_foreach_copy_"], kernels["_foreach_add_"], kernels["add_"], kernels["add"]) == (2, 1, 0, 0)
    assert kernels.total() < 0.6 * count("graph", "bf16", images=2).kernels.total()


def test_the_step_is_for_resnets_and_not_chosen_before_it_is_measured(resnet20: Run) -> None:
    vgg = small_run()
    with pytest.raises(UserError, match="its kernels support only CIFAR ResNets of width 64 or less; allowed for"):
        method.choose(vgg, CIFAR, CUDA, "fp32", "triton")
    assert method.choose(resnet20, CIFAR, CUDA, "bf16", "triton") == (method.Method("bf16", "triton"), "")
    assert method.choose(resnet20, CIFAR, CUDA, "bf16") == (method.Method("bf16", "graph"), "")


# --- compiled for GPUs that are not here -----------------------------------------------------------------------------


def variants(dtype: str, channels: int) -> Iterator[tuple[Any, dict[str, str], dict[str, Any]]]:
    """Each kernel with all that it can be asked for; its arguments' types, and its constants."""
    x, f = f"*{dtype}", "*fp32"
    block = triton.next_power_of_2(channels)
    sizes = {"C": channels, "BLOCK_C": block, "BLOCK_R": norm.TILE // block, "PARTS": norm.PARTIAL // block}
    data = dict.fromkeys(
        ("x", "y", "dy", "dy2", "dx", "dx_more", "shortcut", "added", "summed", "logits", "gradient"), x
    )
    integers = {"rows": "i32", "count": "i32", "labels": "*i64", "hits": "*i64", "index": "*i64", "corner": "*i64"}
    other = {"momentum": "fp32", "eps": "fp32", "loss_sum": "*fp64", "train": "*u8", "flip": "*i1"}
    known = data | integers | other
    loss = {"CLASSES": 10, "BLOCK_N": 64, "BLOCK_C": 16}
    image = {"CHANNELS": 3, "HEIGHT": 32, "WIDTH": 32, "PADDING": 4, "PAD_AFTER": True, "FLIP": True, "BLOCK": 256}
    for kernel, constants in [
        (norm_kernels.statistics, sizes | {"ADD": True}),
        (norm_kernels.normalise, sizes | {"GROUPS": 2, "ADD": True, "RELU_FIRST": True, "RELU_LAST": True}),
        (norm_kernels.gradient_sums, sizes | {"TWO": True, "MASK_BY_Y": True, "MASK_BY_X": True}),
        (norm_kernels.input_gradient, sizes | {"GROUPS": 2, "MORE": True, "MASK_BY_X": True}),
        (batch_kernels.cross_entropy, loss),
        (batch_kernels.add_to_meters, loss),
        (batch_kernels.augment, image),
    ]:
        types = {name: "constexpr" if name in constants else known.get(name, f) for name in kernel.arg_names}
        yield kernel, types, constants


def registers_and_spills(ptx: str, capability: int, folder: Path) -> tuple[int, int]:
    """Of a thread, and the bytes that do not fit into registers, by NVIDIA's assembler, which comes with Triton."""
    (folder / "kernel.ptx").write_text(ptx)
    target = re.findall(r"^\.target (\w+)", ptx, re.MULTILINE)[0]
    assert target.startswith(f"sm_{capability}")
    command = [triton.knobs.nvidia.ptxas.path, "-v", f"--gpu-name={target}", "kernel.ptx", "-o", "kernel.o"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stderr
    stores, loads = map(int, re.findall(r"(\d+) bytes spill", said))
    return int(re.findall(r"Used (\d+) registers", said)[0]), stores + loads


@pytest.mark.slow
@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize(("dtype", "channels"), [("bf16", 16), ("bf16", 64), ("fp32", 32), ("fp32", 256), ("bf16", 5)])
def test_kernels_compile_and_fit_into_registers(capability: int, dtype: str, channels: int, tmp_path: Path) -> None:
    for kernel, types, constants in variants(dtype, channels):
        warps = norm.WARPS if kernel.__module__.endswith("norm_kernels") else 4
        aligned = {(i,): [["tt.divisibility", 16]] for i, t in enumerate(types.values()) if t.startswith("*")}
        source = ASTSource(kernel, types, constexprs=constants, attrs=aligned)
        target = GPUTarget("cuda", capability, 32)
        compiled = triton.compile(source, target=target, options={"num_warps": warps})
        registers, spills = registers_and_spills(compiled.asm["ptx"], capability, tmp_path)
        assert spills == 0, (kernel.__name__, registers)
        assert registers * warps * 32 <= 65536, "a program fits into a processor"
        if dtype == "bf16" and channels > 8 and "added" in types:
            assert "ld.global.v4.b32" in compiled.asm["ptx"], "16 bytes per load"


# --- on a GPU --------------------------------------------------------------------------------------------------------


@needs_gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_on_a_gpu_gradients_are_as_close_to_float64_as_the_plain_steps(name: str, precision: str) -> None:
    images, labels = (t.to(CUDA) for t in batch(32))
    settings = NETWORKS[name]
    ours, plain, true = (network(t, **settings).to(CUDA) for t in (torch.float32, torch.float32, torch.double))
    loss, _ = TritonStep(ours, precision).gradients(images, labels)
    expected, _ = PlainStep(plain, precision).gradients(images, labels)
    PlainStep(true, "fp32").gradients(images.double(), labels)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4 if precision == "fp32" else 2e-2)
    allowed = 1e-2 if precision == "fp32" else 0.0  # a ReLU flips in the one and not in the other
    assert away(gradient(ours), gradient(true)) <= 2 * away(gradient(plain), gradient(true)) + allowed
    for (key, value), other in zip(ours.state_dict().items(), plain.state_dict().values(), strict=True):
        tolerance = 1e-4 if precision == "fp32" else 2e-2
        torch.testing.assert_close(value, other, rtol=tolerance, atol=tolerance, msg=key)


@needs_gpu
def test_on_a_gpu_images_have_torchs_bits(cifar10: Path, resnet20: Run) -> None:
    plain, fast = (Learner(resnet20, CUDA, cifar10, "fp32", step) for step in ("plain", "triton"))
    assert fast.augmentation
    for iteration in (0, 390, 391):
        draws = plain.sampler.batch(iteration)
        images = plain.transform.augment(plain.splits.train.pixels[draws.index], draws)
        assert torch.equal(fast.augmentation(draws), images)


@needs_gpu
def test_on_a_gpu_losses_are_the_plain_steps_to_1e_4(cifar10: Path, resnet20: Run) -> None:
    """Fifty, at a learning rate at which rounding is not amplified."""
    plain, fast = (Learner(gentle(resnet20), CUDA, cifar10, "fp32", step) for step in ("plain", "triton"))
    for _ in range(50):
        assert loss_of(fast) == pytest.approx(loss_of(plain), rel=1e-4)


@needs_gpu
def test_on_a_gpu_equal_updates_have_equal_bits(cifar10: Path, resnet20: Run) -> None:
    """No sum depends on which program ends first."""
    runs = [Learner(spec.in_precision(resnet20, "bf16"), CUDA, cifar10, "bf16", "triton") for _ in range(2)]
    for run in runs:
        for _ in range(20):
            run.iterate()
    assert all(map(torch.equal, *(list(run.model.state_dict().values()) for run in runs)))
