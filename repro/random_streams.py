"""Randomness: one seed gives independent, named streams, drawn on the CPU so that they are the same on every device.

A stream is a fresh generator keyed by (seed, purpose, index), so resuming at epoch 7 does not replay epochs 0 to 6.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def generator(seed: int, purpose: str, index: int = 0, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator whose state depends on exactly (seed, purpose, index)."""
    key = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(key[:8], "little") >> 1)


@contextmanager
def globally(seed: int, purpose: str, index: int = 0) -> Iterator[None]:
    """Inside, torch's global generator on the CPU is this stream; for libraries that draw from it. Restored on exit."""
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(generator(seed, purpose, index).initial_seed())
        yield
