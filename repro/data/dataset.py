"""The interface of a data set: its description, reading its images, downloading its files.

To add one, subclass `DataSet` in a file in `repro/data/sets/` and add an instance to `repro.data.sets.BUILT_IN`. Specs,
tables and figures import that file, so it must not import torch or torchvision, except inside `download`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from repro.errors import UserError

Part = Literal["train", "test"]


@dataclass(frozen=True)
class DataSet:
    """A data set's shape and files. `size` is the side of its square images in pixels, 0 if they differ in size."""

    name: str
    title: str
    channels: int
    size: int
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    folder: str = ""  # below the data directory
    files: dict[str, str] = field(default_factory=dict, hash=False)  # path below the data directory -> MD5
    checksum: str = ""  # of the whole, part of every run's fingerprint
    # images of each class, for a data set whose classes differ in size
    counts: dict[Part, tuple[int, ...]] = field(default_factory=dict, hash=False)

    def class_counts(self, part: Part) -> tuple[int, ...]:
        """The number of images of each class in `part`."""
        images = self.train_images if part == "train" else self.test_images
        return self.counts.get(part) or (images // len(self.classes),) * len(self.classes)

    def read(
        self, directory: Path, part: Part, places: Sequence[int] | None = None
    ) -> tuple[Iterable[np.ndarray], np.ndarray]:
        """The images of `part` at the indices `places` (default: all), in a fixed order, and their labels, int64 (N,).

        The images are one uint8 array (N, H, W, C) or, if they differ in size, an iterable of arrays (H, W, C).
        The caller has verified the files (`catalog.require`). UserError for a file that cannot be read.
        """
        raise NotImplementedError

    def download(self, directory: Path) -> None:
        """Download the official files into `directory`; UserError if this data set cannot be downloaded."""
        raise UserError(f"data set {self.name!r} cannot be fetched")


def digest(files: dict[str, str]) -> str:
    """The checksum of a data set, from its files: path -> MD5."""
    lines = "".join(f"{name} {md5}\n" for name, md5 in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def select(pixels: np.ndarray, labels: np.ndarray, places: Sequence[int] | None) -> tuple[np.ndarray, np.ndarray]:
    """What `read` returns, from a whole part in memory."""
    every = slice(None) if places is None else list(places)
    return pixels[every], labels[every].astype(np.int64)


def md5(path: Path) -> str:
    """The MD5 of a file. Cached per process while its size and modification time stay: every run needs it."""
    now = path.stat()
    return _md5_as_of(path, now.st_size, now.st_mtime_ns)


@cache
def _md5_as_of(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
