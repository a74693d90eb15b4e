"""Fashion-MNIST: articles of clothing, grey, 28x28 pixels, ten classes. Xiao et al. 2017."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from repro.data import idx
from repro.data.dataset import DataSet, Part, digest

FILES = {  # MD5 sums of the unpacked official files
    "FashionMNIST/raw/train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "FashionMNIST/raw/train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "FashionMNIST/raw/t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "FashionMNIST/raw/t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}


class FashionMnist(DataSet):
    def read(self, directory: Path, part: Part, places: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        return idx.read(directory / self.folder, part, places)

    def download(self, directory: Path) -> None:
        from torchvision import datasets

        datasets.FashionMNIST(directory, download=True)


FASHION_MNIST = FashionMnist(
    name="fashion-mnist",
    title="Fashion-MNIST (Xiao et al. 2017)",
    channels=1,
    size=idx.SIDE,
    classes=("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    train_images=60_000,
    test_images=10_000,
    folder="FashionMNIST/raw",
    files=FILES,
    checksum=digest(FILES),
)
