"""Checkpoints that survive kills, full disks and flipped bits. Their content is defined by the loop."""

import hashlib
import io
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import torch

from repro.files import part_of, path_named
from repro.records.folder import CHECKPOINT

MAGIC = b"repro-checkpoint-1\n"
CURRENT, PREVIOUS = CHECKPOINT, "checkpoint.previous.pt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write `state` as the current checkpoint, keeping the previous one. An OSError, with its path, changes neither."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    current = folder / CURRENT
    with path_named(current), part_of(current, MAGIC + hashlib.sha256(payload).digest() + payload) as new:
        if current.exists():
            current.replace(folder / PREVIOUS)
        new.replace(current)


def load(folder: Path, fingerprints: Container[str], warn: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest intact checkpoint with one of `fingerprints`, on the CPU, or None. Reports damaged ones to `warn`."""
    damaged = []
    for path in (folder / CURRENT, folder / PREVIOUS):
        if not path.exists():
            continue
        state = _read(path)
        if state is None:
            damaged.append(str(path))
        elif state["fingerprint"] in fingerprints:
            if damaged:
                warn(f"{damaged[0]} is damaged; resuming from the previous checkpoint")
            return state
    if damaged:
        warn(f"damaged: {', '.join(damaged)}; no intact checkpoint is left, so training restarts")
    return None


def _read(path: Path) -> dict[str, Any] | None:
    content = path.read_bytes()
    digest = content[len(MAGIC) : len(MAGIC) + 32]
    payload = content[len(MAGIC) + 32 :]
    if not content.startswith(MAGIC) or hashlib.sha256(payload).digest() != digest:
        return None
    state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    return state


def drop_previous(folder: Path) -> None:
    """A finished run needs only its last checkpoint, which holds the trained weights."""
    (folder / PREVIOUS).unlink(missing_ok=True)
