"""MNIST: handwritten digits of 28x28 pixels. LeCun et al. 1998."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from repro.data import idx
from repro.data.dataset import DataSet, Part, digest

FILES = {  # MD5 sums of the unpacked official files
    "MNIST/raw/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "MNIST/raw/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "MNIST/raw/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "MNIST/raw/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


class Mnist(DataSet):
    def read(self, directory: Path, part: Part, places: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        return idx.read(directory / self.folder, part, places)

    def download(self, directory: Path) -> None:
        from torchvision import datasets

        datasets.MNIST(directory, download=True)


MNIST = Mnist(
    name="mnist",
    title="MNIST (LeCun et al. 1998)",
    channels=1,
    size=idx.SIDE,
    classes=tuple("0123456789"),
    train_images=60_000,
    test_images=10_000,
    folder="MNIST/raw",
    files=FILES,
    checksum=digest(FILES),
    counts={
        "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    },
)
