"""The idx files in which MNIST and its successors come: grey images of 28x28 pixels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from repro.data.dataset import Part, chosen

SIDE = 28  # pixels


def read(folder: Path, part: Part, places: Sequence[int] | None) -> tuple[np.ndarray, np.ndarray]:
    """As DataSet.read. The headers, 8 and 16 bytes, are skipped: the files are known by their checksums."""
    prefix = {"train": "train", "test": "t10k"}[part]
    labels = np.fromfile(folder / f"{prefix}-labels-idx1-ubyte", np.uint8, offset=8)
    pixels = np.fromfile(folder / f"{prefix}-images-idx3-ubyte", np.uint8, offset=16)
    return chosen(pixels.reshape(-1, SIDE, SIDE, 1), labels, places)
