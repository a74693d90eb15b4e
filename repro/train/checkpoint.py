"""Checkpoints that survive a kill, a full disk and a flipped bit. What is in one is the loop's business."""

import hashlib
import io
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import torch

from repro.files import write_atomically

MAGIC = b"repro-checkpoint-1\n"
CURRENT, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write `state` as the current checkpoint and keep the one before. OSError leaves both as they were."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    new = folder / f"{CURRENT}.new"
    write_atomically(new, MAGIC + hashlib.sha256(payload).digest() + payload)
    if (folder / CURRENT).exists():
        (folder / CURRENT).replace(folder / PREVIOUS)
    new.replace(folder / CURRENT)


def load(folder: Path, fingerprints: Container[str], warn: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest sound checkpoint of one of them, on the CPU; None where there is none. Damaged ones are reported."""
    damaged = []
    for path in (folder / CURRENT, folder / PREVIOUS):
        if not path.exists():
            continue
        state = _read(path)
        if state is None:
            damaged.append(str(path))
        elif state["fingerprint"] in fingerprints:
            if damaged:
                warn(f"{damaged[0]} is damaged; falling back to the checkpoint before it")
            return state
    if damaged:
        warn(f"damaged: {', '.join(damaged)}; no sound checkpoint is left: begun anew")
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
    """Once a run is done its last checkpoint, the trained weights, is enough."""
    (folder / PREVIOUS).unlink(missing_ok=True)
