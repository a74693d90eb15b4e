"""The networks of public code for CIFAR-10: that code's parameter counts, torchvision's networks with the same weights,
and forward passes written out by hand."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.functional import relu

from repro import models
from repro.models import FAMILIES
from repro.models.layers import GhostBatchNorm2d

# From the networks of kuangliu/pytorch-cifar at 3x32x32 pixels and 10 classes, with sum(p.numel() for p in
# net.parameters()) over models/lenet.py, vgg.py, resnet.py, preact_resnet.py, resnext.py, regnet.py, mobilenetv2.py,
# densenet.py and dpn.py. Ours gave the outputs of each to 5e-7 in training and in evaluation, with weights loaded by
# position.
COUNTS: list[tuple[dict[str, Any], int]] = [
    ({"name": "lenet"}, 62_006),
    ({"name": "vgg-cifar", "config": "D"}, 14_728_266),
    ({"name": "resnet", "depth": 18}, 11_173_962),
    ({"name": "resnet", "depth": 34}, 21_282_122),
    ({"name": "resnet", "depth": 50}, 23_520_842),
    ({"name": "resnet", "depth": 101}, 42_512_970),
    ({"name": "resnet", "depth": 152}, 58_156_618),
    ({"name": "resnet", "depth": 18, "preact": True}, 11_171_146),
    ({"name": "resnet", "depth": 50, "preact": True}, 23_509_066),
    ({"name": "resnext-cifar", "cardinality": 32, "bottleneck_width": 4}, 4_774_218),
    ({"name": "resnext-cifar", "cardinality": 2, "bottleneck_width": 64}, 9_128_778),
    ({"name": "regnet", "design": "x-200mf"}, 2_321_946),
    ({"name": "regnet", "design": "y-400mf"}, 5_714_362),
    ({"name": "mobilenet-v2"}, 2_296_922),
    ({"name": "densenet-cifar", "depth": 121}, 6_956_298),
    ({"name": "dpn", "depth": 26}, 11_574_842),
    ({"name": "dpn", "depth": 92}, 34_236_634),
]
SMALL: dict[str, dict[str, Any]] = {
    "lenet": {"name": "lenet"},
    "vgg": {"name": "vgg-cifar", "config": "B", "width_divisor": 8},
    "basic": {"name": "resnet", "depth": 18, "width": 8},
    "bottleneck": {"name": "resnet", "depth": 50, "width": 4, "stem": "imagenet"},
    "preact": {"name": "resnet", "depth": 18, "width": 8, "preact": True},
    "preact-bottleneck": {"name": "resnet", "depth": 50, "width": 4, "preact": True},
    "resnext": {"name": "resnext-cifar", "depth": 11, "cardinality": 2, "bottleneck_width": 4},
    "regnet-x": {"name": "regnet", "design": "x-200mf"},
    "regnet-y": {"name": "regnet", "design": "y-400mf"},
    "mobilenet": {"name": "mobilenet-v2"},
    "densenet": {"name": "densenet-cifar", "depth": 121, "growth": 4},
    "dpn": {"name": "dpn", "depth": 26},
}
small = pytest.mark.parametrize("settings", SMALL.values(), ids=SMALL)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 2, size: int = 32) -> Tensor:
    return torch.randn(count, 3, size, size, generator=seeded(1))


def randomise(model: nn.Module) -> None:
    """Give the batch norms and biases values that a wrong order or a missed layer cannot hide behind."""
    generator = seeded(7)
    for name, value in model.state_dict().items():
        if value.ndim == 1:
            value.uniform_(0.5, 1.5, generator=generator)
            if name.endswith(("bias", "running_mean")):
                value.sub_(1)


def norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def test_every_new_family_is_tested() -> None:
    assert {settings["name"] for settings in SMALL.values()} == {settings["name"] for settings, _ in COUNTS}


@pytest.mark.parametrize(("settings", "count"), COUNTS, ids=str)
def test_parameters_are_as_many_as_in_the_public_code(settings: dict[str, Any], count: int) -> None:
    with torch.device("meta"):  # without memory for the weights
        assert models.parameters(models.build(**settings)) == count


@small
def test_logits_are_those_of_each_class_and_every_parameter_gets_a_gradient(settings: dict[str, Any]) -> None:
    """But for biases before batch norm, which cancels them."""
    model = models.build(**settings, channels=1, classes=7, seed=2)
    logits = model(images(8)[:, :1])
    assert logits.shape == (8, 7)
    torch.autograd.backward(F.cross_entropy(logits, torch.arange(8) % 7))
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0 or (settings["name"] == "vgg-cifar" and name.endswith("bias"))


@small
def test_weights_are_drawn_from_the_seed_alone(settings: dict[str, Any]) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        before = torch.get_rng_state()
        one = models.build(**settings, seed=3)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(2)
        same, other = models.build(**settings, seed=3), models.build(**settings, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    pairs = list(zip(one.parameters(), other.parameters(), strict=True))
    assert all(not torch.equal(a, b) for a, b in pairs if a.ndim > 1)


@pytest.mark.parametrize("name", [name for name in SMALL if name != "lenet"])
def test_bn_batch_reaches_every_batch_norm(name: str) -> None:
    found = norms(models.build(**SMALL[name], bn_batch=2))
    assert found and all(isinstance(norm, GhostBatchNorm2d) and norm.group == 2 for norm in found)


# Torchvision's networks with the same weights


def assert_same_network(ours: nn.Module, public: nn.Module, weights: dict[str, Tensor], x: Tensor) -> None:
    """`weights`: of `public`, in the order of ours."""
    state = ours.state_dict()
    assert [value.shape for value in state.values()] == [value.shape for value in weights.values()]
    ours.load_state_dict(dict(zip(state, weights.values(), strict=True)))
    for training in (False, True, False):  # the last with the running statistics that training has moved
        ours.train(training), public.train(training)
        with torch.no_grad():
            torch.testing.assert_close(ours(x), public(x), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
@pytest.mark.parametrize("depth", [18, 50])
def test_resnets_are_torchvisions_and_take_its_weights_by_position(depth: int, stem: str) -> None:
    with torch.random.fork_rng(devices=[]):
        public = getattr(torchvision.models, f"resnet{depth}")(num_classes=10)
        if stem == "cifar":
            public.conv1, public.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    randomise(public)
    ours = models.build("resnet", depth=depth, stem=stem)
    assert_same_network(ours, public, public.state_dict(), images(size=64 if stem == "imagenet" else 16))


def test_resnexts_have_the_units_of_torchvision() -> None:
    from torchvision.models.resnet import Bottleneck

    with torch.random.fork_rng(devices=[]):
        net, channels = [nn.Conv2d(3, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
        for planes, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):  # it ends with 4 * planes
            down = None
            if channels != 4 * planes:
                down = nn.Sequential(nn.Conv2d(channels, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes))
            net.append(Bottleneck(channels, planes, stride, down, groups=32, base_width=4))
            channels = 4 * planes
        public = nn.Sequential(*net, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))
    randomise(public)
    ours = models.build("resnext-cifar", depth=20, cardinality=32, bottleneck_width=4)
    assert_same_network(ours, public, public.state_dict(), images())


@pytest.mark.parametrize(
    ("design", "units", "widths", "groups", "squeeze"),
    [
        ("x-200mf", [1, 1, 4, 7], [24, 56, 152, 368], 8, None),
        ("y-400mf", [1, 2, 7, 12], [32, 64, 160, 384], 16, 0.25),
    ],
)
def test_regnets_are_torchvisions_with_the_strides_of_small_images(
    design: str, units: list[int], widths: list[int], groups: int, squeeze: float | None
) -> None:
    from torchvision.models import regnet

    def stem(channels: int, width: int, *_: object) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())

    parameters = regnet.BlockParams(units, widths, [groups] * 4, [1.0] * 4, [1, 1, 2, 2], squeeze)
    with torch.random.fork_rng(devices=[]):
        public = regnet.RegNet(parameters, num_classes=10, stem_width=64, stem_type=stem)
    randomise(public)

    state = public.state_dict()
    blocks = list(dict.fromkeys(re.split(r"\.(?:proj|f)\.", name)[0] for name in state))
    ordered = sorted(state, key=lambda name: (blocks.index(re.split(r"\.(?:proj|f)\.", name)[0]), ".proj." in name))
    ours = models.build("regnet", design=design)
    assert_same_network(ours, public, {name: state[name] for name in ordered}, images())


# Forward passes written out by hand, in evaluation


def layers_of(model: nn.Module) -> tuple[Callable[..., Tensor], Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """conv(x, stride), bn(x) and linear(x), which use up the model's own weights in the order of registration."""
    convolutions: Iterator[nn.Conv2d] = iter([m for m in model.modules() if isinstance(m, nn.Conv2d)])
    normalisations = iter(norms(model))
    linears = iter([m for m in model.modules() if isinstance(m, nn.Linear)])

    def conv(x: Tensor, stride: int = 1, padding: int | None = None) -> Tensor:
        weight, bias = (layer := next(convolutions)).weight, layer.bias
        pad = weight.shape[-1] // 2 if padding is None else padding
        return F.conv2d(x, weight, bias, stride, pad, groups=x.shape[1] // weight.shape[1])

    def bn(x: Tensor) -> Tensor:
        m = next(normalisations)
        return F.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias)

    def linear(x: Tensor) -> Tensor:
        layer = next(linears)
        return F.linear(x, layer.weight, layer.bias)

    return conv, bn, linear


def lenet(model: nn.Module, x: Tensor) -> Tensor:
    conv, _, linear = layers_of(model)
    for _ in range(2):
        x = F.max_pool2d(relu(conv(x, padding=0)), 2)
    return linear(relu(linear(relu(linear(x.flatten(1))))))


def vgg(model: nn.Module, x: Tensor) -> Tensor:
    conv, bn, linear = layers_of(model)
    for _ in range(5):  # column B
        for _ in range(2):
            x = relu(bn(conv(x)))
        x = F.max_pool2d(x, 2)
    return linear(x.flatten(1))


def preact(model: nn.Module, x: Tensor, units: tuple[int, ...] = (2, 2, 2, 2), deep: bool = False) -> Tensor:
    conv, bn, linear = layers_of(model)
    x = conv(x)
    for stage, count in enumerate(units):
        for unit in range(count):
            stride = 2 if stage and not unit else 1
            a = relu(bn(x))
            if deep:
                y = conv(relu(bn(conv(relu(bn(conv(a))), stride))))
            else:
                y = conv(relu(bn(conv(a, stride))))
            x = y + (conv(a, stride) if x.shape != y.shape else x)
    return linear(x.mean((2, 3)))


def preact_bottleneck(model: nn.Module, x: Tensor) -> Tensor:
    return preact(model, x, (3, 4, 6, 3), deep=True)


def mobilenet(model: nn.Module, x: Tensor) -> Tensor:
    conv, bn, linear = layers_of(model)
    x = relu(bn(conv(x)))
    for stride in [1, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]:
        y = relu(bn(conv(x)))
        y = bn(conv(relu(bn(conv(y, stride)))))
        if stride == 1:
            y = y + (x if x.shape == y.shape else bn(conv(x)))
        x = y
    return linear(relu(bn(conv(x))).mean((2, 3)))


def densenet(model: nn.Module, x: Tensor) -> Tensor:
    conv, bn, linear = layers_of(model)
    x = conv(x)
    for block, units in enumerate((6, 12, 24, 16)):
        if block:
            x = F.avg_pool2d(conv(relu(bn(x))), 2)
        for _ in range(units):
            x = torch.cat([conv(relu(bn(conv(relu(bn(x)))))), x], 1)
    return linear(relu(bn(x)).mean((2, 3)))


def dpn(model: nn.Module, x: Tensor) -> Tensor:
    conv, bn, linear = layers_of(model)
    x = relu(bn(conv(x)))
    for stage, added in enumerate((256, 512, 1024, 2048)):
        for unit in range(2):
            stride = 2 if stage and not unit else 1
            y = bn(conv(relu(bn(conv(relu(bn(conv(x))), stride)))))
            x = x if unit else bn(conv(x, stride))
            x = relu(torch.cat([x[:, :added] + y[:, :added], x[:, added:], y[:, added:]], 1))
    return linear(x.mean((2, 3)))


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("lenet", lenet),
        ("vgg", vgg),
        ("preact", preact),
        ("preact-bottleneck", preact_bottleneck),
        ("mobilenet", mobilenet),
        ("densenet", densenet),
        ("dpn", dpn),
    ],
)
def test_the_forward_pass_is_the_public_codes(name: str, by_hand: Callable[[nn.Module, Tensor], Tensor]) -> None:
    model = models.build(**SMALL[name]).eval()
    randomise(model)
    x = images()
    with torch.no_grad():
        expected = by_hand(model, x)
        assert expected.std() > 0.01
        torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-4)


# What a user can get wrong


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "lenet", "size": 15}, "image_size = 15: a LeNet needs 16 pixels or more"),
        ({"name": "lenet", "bn_batch": 64}, "bn_batch = 64: a LeNet has no batch norm"),
        ({"name": "vgg-cifar", "config": "C"}, "config\n.*'A', 'B', 'D' or 'E'"),
        ({"name": "vgg-cifar", "config": "D", "width_divisor": 3}, "width_divisor\n.*must divide 64"),
        ({"name": "vgg-cifar", "config": "D", "size": 48}, "image_size = 48: .*multiple of 32"),
        ({"name": "resnet", "depth": 20}, "depth\n.*18, 34, 50, 101 or 152"),
        ({"name": "resnet", "depth": 18, "preact": True, "stem": "imagenet"}, 'preact = true goes with stem = "cifar"'),
        ({"name": "resnext-cifar", "cardinality": 2, "bottleneck_width": 4, "depth": 30}, "9n\\+2"),
        ({"name": "resnext-cifar", "cardinality": 2}, "bottleneck_width\n.*required"),
        ({"name": "regnet", "design": "x-400mf"}, "design\n.*'x-200mf' or 'y-400mf'"),
        ({"name": "mobilenet-v2", "width": 2}, "width\n.*not permitted"),
        ({"name": "densenet-cifar", "depth": 121, "size": 7}, "image_size = 7: .*8 pixels or more"),
        ({"name": "dpn", "depth": 68}, "depth\n.*26 or 92"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        models.build(**settings)


def test_each_network_takes_the_smallest_images_it_allows() -> None:
    for name, size in {"lenet": 16, "densenet": 8, "basic": 1, "resnext": 1, "regnet-y": 1, "mobilenet": 1}.items():
        assert models.build(**SMALL[name], size=size).eval()(images(size=size)).shape == (2, 10)


def test_layers_are_counted_as_papers_do() -> None:
    found = {key: FAMILIES[settings["name"]].model_validate(settings).layers for key, settings in SMALL.items()}
    assert found == {
        "lenet": 5, "vgg": 11, "basic": 18, "bottleneck": 50, "preact": 18, "preact-bottleneck": 50, "resnext": 11,
        "regnet-x": None, "regnet-y": None, "mobilenet": None, "densenet": 121, "dpn": 26,
    }  # fmt: skip
