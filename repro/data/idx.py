"""Reads the idx files of MNIST and its successors: grey images of 28x28 pixels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from repro.data.dataset import Part, select

SIDE = 28  # pixels


def read(folder: Path, part: Part, places: Sequence[int] | None) -> tuple[np.ndarray, np.ndarray]:
    """See DataSet.read. Skips the headers (8 and 16 bytes): checksums have already identified the files."""
    prefix = {"train": "train", "test": "t10k"}[part]
    labels = np.fromfile(folder / f"{prefix}-labels-idx1-ubyte", np.uint8, offset=8)
    pixels = np.fromfile(folder / f"{prefix}-images-idx3-ubyte", np.uint8, offset=16)
    return select(pixels.reshape(-1, SIDE, SIDE, 1), labels, places)
