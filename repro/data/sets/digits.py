"""Handwritten digits of 8x8 pixels with 17 grey levels, bundled with scikit-learn. Alpaydin & Kaynak 1998."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from repro.data.dataset import DataSet, Part, select
from repro.errors import UserError


class Digits(DataSet):
    def read(self, directory: Path, part: Part, places: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The last 360 of the 1797 bundled images are the test images. UserError if scikit-learn's data differ."""
        from sklearn.datasets import load_digits

        bunch = load_digits()
        levels, labels = bunch.images.astype(np.uint8), bunch.target.astype(np.uint8)
        checksum = hashlib.sha256(levels.tobytes() + labels.tobytes()).hexdigest()[:16]
        if checksum != self.checksum:
            raise UserError(
                f"scikit-learn's digits have checksum {checksum}, not {self.checksum}: another version of the data"
            )
        part_of = slice(self.train_images) if part == "train" else slice(self.train_images, None)
        return select(15 * levels[part_of, :, :, None], labels[part_of], places)  # 0..16 -> 0..240


DIGITS = Digits(
    name="digits",
    title="Optical recognition of handwritten digits (Alpaydin & Kaynak 1998), bundled with scikit-learn",
    channels=1,
    size=8,
    classes=tuple("0123456789"),
    train_images=1_437,
    test_images=360,
    checksum="87ff0c9e40dc7e2c",  # of the decoded images and labels, checked when they are read
    counts={
        "train": (143, 146, 142, 146, 144, 145, 144, 143, 141, 143),
        "test": (35, 36, 35, 37, 37, 37, 37, 36, 33, 37),
    },
)
