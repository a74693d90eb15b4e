"""VGG's last convolutions as matrix products are the plain step's but for rounding."""

from typing import Any

import pytest
import torch
from helpers import CIFAR, CPU, REPO, away, batch, gradient
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from repro import models, spec
from repro.errors import UserError
from repro.step import method
from repro.step.kernels import build
from repro.step.matmul import MatrixStep
from repro.step.plain import PlainStep


def vgg(dtype: torch.dtype = torch.float32, **args: object) -> nn.Module:
    net = models.build("vgg", seed=3, fc_width=64, dropout=0.0, **({"config": "A", "init": "he-fan-in"} | args))
    return net.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("args", [{"config": "C"}, {"batch_norm": True}], ids=["C", "A with BN"])
def test_gradients_are_as_near_to_the_true_ones_as_the_plain_steps(args: dict[str, object], precision: str) -> None:
    """The truth is float64's. C has kernels of 1x1 too; with batch norm the convolutions have no biases."""
    images, labels = batch(8)
    exact, plain, fast = vgg(torch.float64, **args), vgg(**args), vgg(**args)
    F.cross_entropy(exact(images.double()), labels).backward()
    _, plain_logits = PlainStep(plain, precision).gradients(images, labels)
    step = MatrixStep(fast, precision)
    _, logits = step.gradients(images, labels)
    assert away(gradient(fast), gradient(exact)) < 1.1 * away(gradient(plain), gradient(exact)) + 1e-6
    near = {"fp32": 1e-5, "bf16": 0.03}[precision]
    assert away(logits, plain_logits) < near
    assert [p.grad.stride() for p in fast.parameters()] == [p.grad.stride() for p in plain.parameters()]
    fast.eval(), plain.eval()
    with torch.no_grad():
        assert away(step.logits(images), PlainStep(plain, precision).logits(images)) < near


class Convolutions(TorchFunctionMode):
    """Counts torch's own."""

    count = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += function is torch.conv2d
        return function(*args, **(kwargs or {}))


def test_it_is_the_last_two_stages_that_are_products() -> None:
    """Of E: eight convolutions with 512 channels, and none where the images are larger."""
    for size, products in ((32, 8), (64, 4)):
        step = MatrixStep(vgg(config="E", size=size), "fp32")
        with Convolutions() as large:
            step.logits(torch.zeros(1, 3, size, size))
        assert large.count == 16 - products


def test_auto_takes_products_for_vgg() -> None:
    vgg_a = spec.resolve(spec.load("vgg-depth", REPO), [0], arms=["a"])[0]
    best = "bf16" if torch.cpu.get_capabilities()["amx_bf16"] else "fp32"
    build.just_compiled()
    assert method.choose(vgg_a, CIFAR, CPU) == (method.Method(best, "matrices"), "")
    assert method.choose(vgg_a, CIFAR, CPU, "fp32")[0] == method.Method("fp32", "matrices")
    slim = vgg_a.recipe.model.model_copy(update={"width_divisor": 2})
    run = vgg_a.model_copy(update={"recipe": vgg_a.recipe.model_copy(update={"model": slim})})
    assert method.choose(run, CIFAR, CPU)[0] == method.Method("fp32", "plain")
    with pytest.raises(UserError, match="it supports only VGGs of the paper's width; allowed .*: auto, plain$"):
        method.choose(run, CIFAR, CPU, step="matrices")
    with pytest.raises(UserError, match="images of 224x224 have more than 16 positions in the last stage"):
        method.choose(vgg_a, (3, 224, 224), CPU, step="matrices")
