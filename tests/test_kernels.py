"""Single kernels in fp32: as near to float64's result as torch's are, and the same bits with any number of threads."""

import subprocess
import sys

import pytest
import torch
from helpers import REPO, away
from torch import Tensor, nn
from torch.nn import functional as F

from repro.step.kernels import build
from repro.step.kernels.ops import Conv

try:
    build.library()
    MISSING = ""
except build.Unavailable as error:
    MISSING = str(error)

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

SHAPES = [  # input channels, output channels, side, stride, images
    (16, 16, 32, 1, 5),
    (16, 16, 64, 1, 2),  # rows of more tiles than are computed together
    (32, 32, 16, 1, 19),  # more than one partial sum of the weight gradient
    (64, 64, 8, 1, 33),
    (64, 64, 8, 1, 1),
    (64, 16, 8, 1, 3),
    (16, 64, 12, 1, 7),
    (4, 16, 32, 1, 5),
    (16, 32, 32, 2, 5),
    (32, 64, 16, 2, 19),
]


def images(count: int, channels: int, side: int, seed: int) -> Tensor:
    values = torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(seed))
    return values.contiguous(memory_format=torch.channels_last)


def convolved(layer: nn.Conv2d, x: Tensor, dy: Tensor, add: Tensor, into: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """conv(x) + add, the gradient by x + `into`, and the gradient by the weights, by the kernels."""
    conv = Conv(layer, torch.float32)
    conv.pack()
    y, dx = torch.full_like(dy, torch.nan), torch.full_like(x, torch.nan)
    conv.forward(x, add, y)
    if x.shape[1] > 4:  # that of the network's input is never needed
        conv.backward_input(dy, into, dx)
    conv.backward_weights(dy, x)
    assert layer.weight.grad is not None
    return y, dx, layer.weight.grad.clone()


@pytest.mark.parametrize(("channels", "out", "side", "stride", "count"), SHAPES)
def test_convolutions_are_as_near_to_the_true_ones_as_torchs(
    channels: int, out: int, side: int, stride: int, count: int
) -> None:
    """Winograd's filtering may round up to eight times as far: 8e-7 of the result's norm where torch has 1 to 2e-7."""
    torch.manual_seed(0)
    layer = nn.Conv2d(channels, out, 3, stride, 1, bias=False).to(memory_format=torch.channels_last)
    x = images(count, channels, side, 1)
    dy, add = (images(count, out, side // stride, seed) for seed in (2, 3))
    into = images(count, channels, side, 4)

    def reference(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        inputs, weight = (t.detach().to(dtype).requires_grad_() for t in (x, layer.weight))
        y = F.conv2d(inputs, weight, stride=stride, padding=1)
        dx, dw = torch.autograd.grad(y, (inputs, weight), dy.to(dtype))
        return (y + add).detach(), dx + into, dw

    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(convolved(layer, x, dy, add, into))
    names = ("y", "dx", "dw") if channels > 4 else ("y", "dw")
    every = zip(("y", "dx", "dw"), *results, reference(torch.float32), reference(torch.float64), strict=True)
    for name, ours, again, torchs, true in every:
        if name in names:
            assert torch.equal(ours, again), name
            assert away(ours, true) < 8 * away(torchs, true) + 1e-7, name
            assert away(ours, true) < 5e-6, name


AVX2 = """
import sys, pytest
from repro.step.kernels import build
build.FLAGS = tuple("-march=haswell" if flag == "-march=native" else flag for flag in build.FLAGS)
sys.exit(pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", "-k", "true_ones", *sys.argv[1:]]))
"""


@pytest.mark.slow
def test_kernels_compiled_for_avx2_are_right_too() -> None:
    """In a process of its own; what it compiles is kept like any library."""
    files = [str(REPO / "tests" / name) for name in ("test_kernels.py", "test_fast.py")]
    done = subprocess.run([sys.executable, "-c", AVX2, *files], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
