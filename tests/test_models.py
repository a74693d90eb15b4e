"""The networks against independent references: the papers' parameter counts, forward passes written out by
hand, initial weights by their formulas, and no draw from torch's global generator."""

import math
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.functional import relu

from repro import models
from repro.models import FAMILIES
from repro.models.family import Init
from repro.models.init import SCHEMES, initialise
from repro.models.layers import Dropout, GhostBatchNorm2d, LocalResponseNorm, batch_norm

BLOCKS = ["original", "bn-after-add", "relu-before-add", "relu-only-preact", "full-preact"]
RESNET = {"name": "resnet-cifar", "depth": 20}
VGG = {"name": "vgg", "config": "A"}
CONFIGS = ["A", "A-LRN", "B", "C", "D", "E"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed))


def resnet(seed: int = 0, **changes: Any) -> nn.Module:
    return built("resnet-cifar", seed, {"depth": 20} | changes)


def small_vgg(seed: int = 0, **changes: Any) -> nn.Module:
    return built("vgg", seed, {"config": "A", "init": "he-fan-in", "width_divisor": 8} | changes)


def built(name: str, seed: int, settings: dict[str, Any]) -> nn.Module:
    """The network with some settings, and of some shape, that differ from the usual."""
    shape = {"channels": 3, "size": 32, "classes": 10, "bn_batch": None, "masks": seeded(99)}
    shape |= {key: settings.pop(key) for key in shape if key in settings}
    return FAMILIES[name].model_validate({"name": name, **settings}).build(**shape, generator=seeded(seed))


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def of_type(model: nn.Module, kind: Any) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, kind)]


def randomise(model: nn.Module) -> None:
    """Give the batch norms and biases values that a wrong order or a missed layer cannot hide behind."""
    generator = seeded(7)
    for name, value in model.state_dict().items():
        if value.ndim == 1:
            value.uniform_(0.5, 1.5, generator=generator)
            if name.endswith(("bias", "running_mean")):
                value.sub_(1)


# Parameter counts


def resnet_count(depth: int, channels: int = 3, classes: int = 10, separate: bool = False) -> int:
    n = (depth - 2) // 6
    maps = [(channels, 16)] + [(16, 16)] * 2 * n
    for old, new in ((16, 32), (32, 64)):
        maps += [(old, new)] + [(new, new)] * (2 * n if separate else 2 * n - 1)
    return sum(9 * a * b + 2 * b for a, b in maps) + 64 * classes + classes


@pytest.mark.parametrize(
    ("depth", "count", "published"),
    [
        (20, 269_722, "0.27"),
        (32, 464_154, "0.46"),
        (44, 658_586, "0.66"),
        (56, 853_018, "0.85"),
        (110, 1_727_962, "1.73"),  # the paper prints 1.7
    ],
)
def test_resnets_have_the_papers_parameters(depth: int, count: int, published: str) -> None:
    assert f"{count / 1e6:.2f}" == published
    assert parameters(resnet(depth=depth)) == count == resnet_count(depth)
    assert parameters(resnet(depth=depth, shortcut="none")) == count  # option A and no shortcut are both free


@pytest.mark.parametrize("block", BLOCKS)
def test_moving_activations_adds_no_parameters(block: str) -> None:
    assert parameters(resnet(block=block, channels=1, classes=7)) == resnet_count(20, channels=1, classes=7)
    assert parameters(resnet(block=block, subsample="separate-conv")) == resnet_count(20, separate=True)


def test_depth_counts_layers_with_weights() -> None:
    for depth in (8, 14, 32):
        assert len(of_type(resnet(depth=depth), nn.Conv2d)) + 1 == depth
        assert len(of_type(resnet(depth=depth, subsample="separate-conv"), nn.Conv2d)) + 1 == depth + 2


TABLE_1 = {  # as printed, without its fully connected part
    "A": "3-64 M 3-128 M 3-256 3-256 M 3-512 3-512 M 3-512 3-512 M",
    "A-LRN": "3-64 LRN M 3-128 M 3-256 3-256 M 3-512 3-512 M 3-512 3-512 M",
    "B": "3-64 3-64 M 3-128 3-128 M 3-256 3-256 M 3-512 3-512 M 3-512 3-512 M",
    "C": "3-64 3-64 M 3-128 3-128 M 3-256 3-256 1-256 M 3-512 3-512 1-512 M 3-512 3-512 1-512 M",
    "D": "3-64 3-64 M 3-128 3-128 M 3-256 3-256 3-256 M 3-512 3-512 3-512 M 3-512 3-512 3-512 M",
    "E": "3-64 3-64 M 3-128 3-128 M 3-256 3-256 3-256 3-256 M 3-512 3-512 3-512 3-512 M 3-512 3-512 3-512 3-512 M",
}


def vgg_count(config: str, size: int, fc: int, classes: int, divisor: int = 1, bn: bool = False) -> int:
    total, channels = 0, 3
    for kernel, out in (cell.split("-") for cell in TABLE_1[config].split() if cell[0] in "13"):
        width = int(out) // divisor
        total += int(kernel) ** 2 * channels * width + (2 * width if bn else width)
        channels, size_of_fc = width, fc // divisor
    flat = channels * (size // 32) ** 2
    return total + (flat + 1) * size_of_fc + (size_of_fc + 1) * size_of_fc + (size_of_fc + 1) * classes


def test_count_of_table_1_gives_table_2() -> None:
    millions = {config: vgg_count(config, 224, 4096, 1000) / 1e6 for config in CONFIGS}
    assert {config: round(count) for config, count in millions.items()} == {
        "A": 133, "A-LRN": 133, "B": 133, "C": 134, "D": 138, "E": 144,
    }  # fmt: skip


@pytest.mark.parametrize("config", CONFIGS)
def test_vggs_have_table_1s_parameters(config: str) -> None:
    assert parameters(small_vgg(config=config, width_divisor=1)) == vgg_count(config, 32, 512, 10)
    assert parameters(small_vgg(config=config, batch_norm=True)) == vgg_count(config, 32, 512, 10, 8, bn=True)
    assert parameters(small_vgg(config=config, size=96, fc_width=256, classes=3)) == vgg_count(config, 96, 256, 3, 8)


def test_the_courses_networks_have_its_parameters() -> None:
    mlp = models.build("mlp", channels=1, size=28, hidden=[256, 64], dropout=0.2)
    assert parameters(mlp) == (784 + 1) * 256 + (256 + 1) * 64 + (64 + 1) * 10
    cnn = models.build("cnn", widths=[16, 32, 64], hidden=200, dropout=0.2)
    convolutions = (9 * 3 + 1) * 16 + (9 * 16 + 1) * 32 + (9 * 32 + 1) * 64
    assert parameters(cnn) == convolutions + (1024 + 1) * 200 + (200 + 1) * 10


# Forward passes


class PublicBlock(nn.Module):
    def __init__(self, a: int, b: int, stride: int, pad: Callable[[int], tuple[int, int]]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(b)
        self.conv2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(b)
        self.widen, self.stride, self.pad = a != b, stride, pad(b)

    def forward(self, x: Tensor) -> Tensor:
        skip = x
        if self.widen:
            skip = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, *self.pad))
        return relu(self.bn2(self.conv2(relu(self.bn1(self.conv1(x))))) + skip)


class PublicResNet(nn.Module):
    """The layout in which public CIFAR ResNets store their weights."""

    def __init__(self, n: int, pad: Callable[[int], tuple[int, int]]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        layers = []
        for a, b in [(16, 16), (16, 32), (32, 64)]:
            blocks = [PublicBlock(a if j == 0 else b, b, 1 if j or a == b else 2, pad) for j in range(n)]
            layers.append(nn.Sequential(*blocks))
        self.layers = nn.Sequential(*layers)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Any:
        x = self.layers(relu(self.bn1(self.conv1(x))))
        return self.linear(F.avg_pool2d(x, x.shape[-1]).flatten(1))


@pytest.mark.parametrize(
    ("shortcut", "pad"),
    [("identity", lambda c: (0, c // 2)), ("identity-centred", lambda c: (c // 4, c // 4))],
)
def test_public_weights_load_by_position(shortcut: str, pad: Callable[[int], tuple[int, int]]) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        public = PublicResNet(2, pad)
    randomise(public)
    ours = resnet(depth=14, shortcut=shortcut)
    state = ours.state_dict()
    assert [v.shape for v in state.values()] == [v.shape for v in public.state_dict().values()]
    ours.load_state_dict(dict(zip(state, public.state_dict().values(), strict=True)))

    x = normal(4, 3, 32, 32)
    for mode in (False, True, False):  # the last with the running statistics that training has moved
        ours.train(mode), public.train(mode)
        torch.testing.assert_close(ours(x), public(x), rtol=1e-5, atol=1e-5)


def units(model: nn.Module) -> tuple[Callable[..., Tensor], Callable[[Tensor], Tensor]]:
    """conv(x, stride) and bn(x), which use up the model's own weights in the order of registration."""
    weights: Iterator[Tensor] = iter([m.weight for m in of_type(model, nn.Conv2d)])
    norms: Iterator[nn.BatchNorm2d] = iter(of_type(model, nn.BatchNorm2d))

    def conv(x: Tensor, stride: int = 1) -> Tensor:
        return F.conv2d(x, next(weights), stride=stride, padding=1)

    def bn(x: Tensor) -> Tensor:
        m = next(norms)
        if m.training:
            return F.batch_norm(x, None, None, m.weight, m.bias, training=True)
        return F.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias)

    return conv, bn


def figure_4(block: str, model: nn.Module, x: Tensor, n: int, separate: bool, plain: bool = False) -> Tensor:
    """He et al. 2016, Figure 4 (a)-(e), and the first and last units as in the paper's appendix."""
    conv, bn = units(model)
    x = relu(bn(conv(x)))
    for stage in range(3):
        if separate and stage > 0:
            x = relu(bn(conv(x, 2)))
        for i in range(n):
            first = i == 0 and (stage == 0 or separate)
            last = i == n - 1 and (stage == 2 or separate)
            halve = i == 0 and stage > 0 and not separate
            stride, skip = 1, x
            if halve:
                small = x[:, :, ::2, ::2]
                stride, skip = 2, torch.cat([small, 0 * small], 1)
            if plain:
                x = relu(bn(conv(relu(bn(conv(x, stride))))))
            elif block == "original":
                x = relu(skip + bn(conv(relu(bn(conv(x, stride))))))
            elif block == "bn-after-add":
                x = relu(bn(skip + conv(relu(bn(conv(x, stride))))))
            elif block == "relu-before-add":
                x = skip + relu(bn(conv(relu(bn(conv(x, stride))))))
            elif block == "relu-only-preact":
                x = skip + bn(conv(relu(bn(conv(x if first else relu(x), stride)))))
                x = relu(x) if last else x
            elif block == "full-preact":
                x = skip + conv(relu(bn(conv(x if first else relu(bn(x)), stride))))
                x = relu(bn(x)) if last else x
    linear = of_type(model, nn.Linear)[0]
    return F.linear(F.adaptive_avg_pool2d(x, 1).flatten(1), linear.weight, linear.bias)


@pytest.mark.parametrize("subsample", ["in-block", "separate-conv"])
@pytest.mark.parametrize("block", [*BLOCKS, "plain"])
def test_every_block_design_is_figure_4s(block: str, subsample: str) -> None:
    args: dict[str, Any] = dict(shortcut="none") if block == "plain" else dict(block=block)
    for depth, image in ((8, (1, 8, 8)), (14, (3, 10, 13)), (20, (1, 8, 8))):  # odd sizes too
        model = resnet(depth=depth, width=4, channels=image[0], subsample=subsample, **args)
        randomise(model)
        x, n = normal(6, *image), (depth - 2) // 6
        for mode in (False, True):
            model.train(mode)
            expected = figure_4(block, model, x, n, subsample == "separate-conv", plain=block == "plain")
            torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-4)
        assert expected.shape == (6, 10) and expected.std() > 0.01


@pytest.mark.parametrize("block", BLOCKS)
def test_every_parameter_gets_a_gradient(block: str) -> None:
    model = resnet(depth=14, block=block, width=4, channels=1)
    torch.autograd.backward(F.cross_entropy(model(normal(8, 1, 8, 8)), torch.arange(8)))
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def table_1(config: str, model: nn.Module, x: Tensor, bn: bool) -> Any:
    """Table 1 cell by cell, in eval mode."""
    convs, norms = iter(of_type(model, nn.Conv2d)), iter(of_type(model, nn.BatchNorm2d))
    for cell in TABLE_1[config].split():
        if cell == "M":
            x = F.max_pool2d(x, 2)
        elif cell == "LRN":
            x = F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2)
        else:
            conv = next(convs)
            x = F.conv2d(x, conv.weight, conv.bias, padding="same")
            if bn:
                m = next(norms)
                x = F.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias)
            x = relu(x)
    a, b, c = of_type(model, nn.Linear)
    return c(relu(b(relu(a(x.flatten(1))))))


@pytest.mark.parametrize("bn", [False, True])
@pytest.mark.parametrize("config", CONFIGS)
def test_every_vgg_is_table_1s(config: str, bn: bool) -> None:
    model = small_vgg(config=config, batch_norm=bn, size=64).eval()
    randomise(model)
    x = 100 * normal(2, 3, 64, 64)  # large enough for response normalisation to matter
    expected = table_1(config, model, x, bn)
    assert expected.shape == (2, 10) and expected.std() > 0.01
    torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-4)


def test_vgg_drops_out_after_the_first_two_fully_connected_layers() -> None:
    generator = seeded(5)
    model = small_vgg(dropout=0.5, masks=generator)
    assert [type(m) for m in model.get_submodule("classifier").children()] == [
        nn.Linear,
        nn.ReLU,
        Dropout,
    ] * 2 + [nn.Linear]
    x, state = normal(4, 3, 32, 32), generator.get_state()
    first, second = model(x), model(x)
    assert not torch.equal(first, second)
    generator.set_state(state)
    assert torch.equal(model(x), first)


# Initial weights


def schemes(layer: nn.Conv2d | nn.Linear) -> dict[str, tuple[str, float]]:
    """The distribution and its standard deviation that each scheme promises."""
    out, into = layer.weight.shape[:2]
    area = math.prod(layer.weight.shape[2:])
    fan_out = ("normal", math.sqrt(2 / (area * out)))
    return {
        "he-fan-in": ("normal", math.sqrt(2 / (area * into))),
        "he-fan-out": fan_out if isinstance(layer, nn.Conv2d) else ("uniform", math.sqrt(1 / (3 * into))),
        "glorot": ("uniform", math.sqrt(2 / (area * into + area * out))),
        "normal-0.1": ("normal", 0.1),
        "torch-default": ("uniform", math.sqrt(1 / (3 * area * into))),
    }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_initial_weights_follow_their_formula(scheme: str) -> None:
    models = [resnet(init=scheme), small_vgg(config="C", init=scheme, width_divisor=2, size=64)]
    layers = [layer for model in models for layer in of_type(model, nn.Conv2d | nn.Linear)]
    checked = [layer for layer in layers if layer.weight.numel() >= 4608]  # a std estimate good to 1%
    assert {type(layer) for layer in checked} == {nn.Conv2d, nn.Linear}
    for layer in checked:
        w, (shape, std) = layer.weight.detach(), schemes(layer)[scheme]
        assert float(w.std()) == pytest.approx(std, rel=0.04)
        assert abs(float(w.mean())) < 5 * std / math.sqrt(w.numel())
        edge = float(w.abs().max()) / std
        assert (edge <= math.sqrt(3) * (1 + 1e-5)) if shape == "uniform" else (edge > 3)


def test_torch_default_draws_what_torch_draws() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        layers = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 12, (1, 5), groups=4, bias=False), nn.Linear(12, 7), nn.Linear(7, 2)
    model = nn.Sequential(*layers)
    expected = {name: value.clone() for name, value in model.state_dict().items()}
    initialise(model, "torch-default", seeded(5))
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


def test_biases_start_at_zero_and_batch_norm_as_plain_normalisation() -> None:
    for model in (resnet(bn_batch=2), small_vgg(batch_norm=True), small_vgg()):
        for layer in of_type(model, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            assert layer.bias is None or not layer.bias.any()
        assert all(bool((m.weight == 1).all()) for m in of_type(model, nn.BatchNorm2d))


def test_initialise_overwrites_every_parameter_and_running_statistic() -> None:
    model, fresh = small_vgg(batch_norm=True), small_vgg(batch_norm=True)
    for value in model.state_dict().values():
        value.fill_(math.nan if value.is_floating_point() else 3)
    initialise(model, "he-fan-in", seeded(0))
    for name, value in fresh.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


class OwnLinear(nn.Linear):
    """A subclass may hold anything, so it is not taken for its base."""


@pytest.mark.parametrize("layer", [nn.PReLU(), nn.BatchNorm1d(2), OwnLinear(2, 2, device="meta")])
def test_initialise_refuses_parameters_of_an_unknown_layer(layer: nn.Module) -> None:
    with pytest.raises(TypeError, match=rf"'1'.*{type(layer).__name__}"):
        initialise(nn.Sequential(nn.ReLU(), layer), "glorot", seeded(0))


@pytest.mark.parametrize("build", [resnet, small_vgg])
def test_weights_depend_on_the_given_generator_alone(build: Callable[..., nn.Module]) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        before = torch.get_rng_state()
        one = build(seed=3)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(2)
        same, other = build(seed=3), build(seed=4)
    pairs = list(zip(one.parameters(), same.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert all(torch.equal(a, c) == (a.ndim == 1) for a, _, c in pairs)  # weights differ, constants agree


# Layers


def test_ghost_batch_norm_of_the_whole_batch_is_batch_norm() -> None:
    x, plain, ghost = 3 * normal(8, 5, 4, 4) + 1, batch_norm(5), batch_norm(5, 8)
    assert type(plain) is nn.BatchNorm2d and type(ghost) is GhostBatchNorm2d
    assert (plain.eps, plain.momentum) == (ghost.eps, ghost.momentum) == (1e-5, 0.1)
    for mode in (True, False):
        assert torch.equal(ghost.train(mode)(x), plain.train(mode)(x))
    assert list(ghost.state_dict()) == list(plain.state_dict())
    for name, value in plain.state_dict().items():
        assert torch.equal(ghost.state_dict()[name], value), name


def test_ghost_batch_norm_of_half_batches_is_two_batch_norms() -> None:
    x = torch.cat([normal(4, 5, 3, 3), 3 * normal(4, 5, 3, 3, seed=1) + 2]).requires_grad_()
    norms: list[Any] = [batch_norm(5, 4), batch_norm(5), batch_norm(5)]
    for bn in norms:
        randomise(bn)
    ghost, left, right = norms
    started_at = ghost.running_var.clone()
    target = normal(8, 5, 3, 3, seed=2)

    together = ghost(x)
    torch.autograd.backward((together * target).sum())
    got, x.grad = x.grad, None
    apart = torch.cat([left(x[:4]), right(x[4:])])
    torch.autograd.backward((apart * target).sum())

    torch.testing.assert_close(together, apart)
    torch.testing.assert_close(got, x.grad)
    torch.testing.assert_close(ghost.weight.grad, left.weight.grad + right.weight.grad)
    torch.testing.assert_close(ghost.running_mean, (left.running_mean + right.running_mean) / 2)
    variances = torch.stack([half.detach().transpose(0, 1).flatten(1).var(1) for half in (x[:4], x[4:])])  # n - 1
    torch.testing.assert_close(ghost.running_var, 0.9 * started_at + 0.1 * variances.mean(0))
    assert int(ghost.num_batches_tracked) == int(left.num_batches_tracked)

    left.load_state_dict(ghost.state_dict())
    odd = x.detach()[:3]
    assert torch.equal(ghost.eval()(odd), left.eval()(odd))  # in eval mode any number of images will do


def test_ghost_batch_norm_needs_whole_groups() -> None:
    with pytest.raises(ValueError, match="batch of 6 images.*multiple of 4"):
        batch_norm(5, 4)(normal(6, 5, 2, 2))
    with pytest.raises(ValueError, match="group 0"):
        batch_norm(5, 0)


def test_bn_batch_reaches_every_batch_norm() -> None:
    for model in (
        *(resnet(bn_batch=2, block=block, subsample="separate-conv") for block in BLOCKS),
        small_vgg(batch_norm=True, bn_batch=2),
    ):
        norms = of_type(model, nn.BatchNorm2d)
        assert norms and all(isinstance(m, GhostBatchNorm2d) and m.group == 2 for m in norms)


def test_dropout_zeroes_its_share_and_scales_the_rest() -> None:
    x = torch.full((200_000,), 2.0)
    y = Dropout(0.3, seeded(0))(x)
    assert float((y == 0).double().mean()) == pytest.approx(0.3, abs=0.005)
    torch.testing.assert_close(y[y != 0].unique(), torch.tensor([2 / 0.7]))


def test_dropout_passes_the_gradient_through_its_mask() -> None:
    x = normal(1000).requires_grad_()
    y = Dropout(0.5, seeded(0))(x)
    torch.autograd.backward(y.sum())
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.where(y == 0, 0.0, 2.0))


def test_dropout_is_the_identity_in_eval_mode_and_at_rate_zero() -> None:
    generator, x = seeded(0), normal(50)
    before = generator.get_state()
    assert torch.equal(Dropout(0.5, generator).eval()(x), x)
    assert torch.equal(Dropout(0.0, generator)(x), x)
    assert torch.equal(generator.get_state(), before)


def test_dropout_resumes_from_the_generators_state() -> None:
    x, generator = torch.ones(100), seeded(0)
    dropout = Dropout(0.5, generator)
    dropout(x)
    state = generator.get_state()
    rest = [dropout(x), dropout(x)]
    assert not torch.equal(*rest)
    resumed = torch.Generator()
    resumed.set_state(state)
    again = Dropout(0.5, resumed)
    assert all(torch.equal(again(x), y) for y in rest)


def test_local_response_norm_is_krizhevskys_formula() -> None:
    x = 100 * normal(2, 7, 3, 3)
    y = LocalResponseNorm()(x)
    for i in range(7):
        window = x[:, max(0, i - 2) : i + 3]
        torch.testing.assert_close(y[:, i], x[:, i] / (2 + 1e-4 * (window**2).sum(1)) ** 0.75)


def test_local_response_norm_in_bfloat16_is_rounded_once() -> None:
    """Where alpha * S is small beside k, as it is in training: in bfloat16 it would be lost."""
    x = (5 * normal(2, 7, 3, 3)).bfloat16()
    y = LocalResponseNorm()(x)
    assert y.dtype == torch.bfloat16 and torch.equal(y, LocalResponseNorm()(x.float()).bfloat16())


# What a user can get wrong


@pytest.mark.parametrize(
    ("network", "changes", "message"),
    [
        (RESNET, dict(depth=18), "6n\\+2"),
        (RESNET, dict(depth=2), "depth\n.*equal to 8"),
        (RESNET, dict(block="bn-last"), "block\n.*'original', 'bn-after-add', .*'full-preact'"),
        (RESNET, dict(shortcut="projection"), "shortcut\n.*'identity'.*'none'"),
        (RESNET, dict(subsample="pool"), "subsample\n.*'in-block' or 'separate-conv'"),
        (RESNET, dict(shortcut="none", block="full-preact"), '"none".*"original"'),
        (RESNET, dict(width=0), "width\n.*greater than 0"),
        (RESNET, dict(init="he"), "init\n.*'he-fan-in', 'he-fan-out', 'glorot', 'normal-0.1' or 'torch-default'"),
        (RESNET, dict(bn_batch=0), "group 0 .*at least 1"),
        (VGG, dict(config="F"), "config\n.*'A', 'A-LRN', 'B', 'C', 'D', 'E' or 'one-per-stage'"),
        (VGG, dict(size=48), "image_size = 48: .*multiple of 32"),
        (VGG, dict(width_divisor=3), "width_divisor = 3 must divide 64"),
        (VGG, dict(fc_width=12, width_divisor=8), "must divide 64 and fc_width = 12"),
        (VGG, dict(dropout=1.0), "dropout\n.*less than 1"),
        (VGG, dict(bn_batch=64), "bn_batch = 64 goes with batch_norm"),
        ({"name": "alexnet"}, {}, "'alexnet' is unknown; allowed: resnet-cifar, vgg"),
    ],
)
def test_bad_arguments_are_named(network: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        models.build(**(network | changes))


def test_a_spec_may_name_every_scheme() -> None:
    assert list(SCHEMES) == list(get_args(Init))
