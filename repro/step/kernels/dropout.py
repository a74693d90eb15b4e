"""Dropout masks on the CPU, the bits that `repro.models.layers.Dropout` draws, in a fraction of the time."""

import ctypes
from functools import cache

import torch

from repro.step.kernels import ops

STATE_BYTES = 5056  # of torch's CPU generator


def draw(generator: torch.Generator, rate: float, mask: torch.Tensor) -> None:
    """mask = 0 with probability `rate`, else 1 / (1 - rate); advances the generator as torch does."""
    if torch_draws_the_same():
        _draw(generator, rate, mask)
    else:
        mask.bernoulli_(1 - rate, generator=generator).div_(1 - rate)


def _draw(generator: torch.Generator, rate: float, mask: torch.Tensor) -> None:
    state = generator.get_state()
    ops.call("dropout_mask", state, ctypes.c_double(1 - rate), mask, mask.numel())
    generator.set_state(state)


@cache
def torch_draws_the_same() -> bool:
    """Whether this version of torch draws the kernel's masks; the layout of a generator's state is not documented."""
    ours, theirs = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    if len(ours.get_state()) != STATE_BYTES:
        return False
    found, expected = torch.empty(1001), torch.empty(1001)
    for _ in range(2):  # the second time from the middle of a state
        _draw(ours, 0.2, found)
        expected.bernoulli_(0.8, generator=theirs).div_(0.8)
        if not torch.equal(found, expected) or not torch.equal(ours.get_state(), theirs.get_state()):
            return False
    return True
