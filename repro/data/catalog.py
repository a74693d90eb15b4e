"""What data sets there are, where they lie, and whether their bytes are the official ones.

Knows names, shapes, class names, files and checksums. Imports no torch, so that tables and specs can ask.
Downloading is in `fetch`, tensors in `load`.
"""

import hashlib
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import platformdirs

from repro.errors import UserError

FOLDER_PREFIX = "folder:"  # dataset = "folder:cats-vs-dogs" is DATA_DIR/cats-vs-dogs/{train,test}/<class>/<image>
MOST_CLASSES = 256  # a prediction is a byte in predictions.npz
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class DataSet:
    """A data set's shape and files. `size` is the side of its square images in pixels, 0 where they differ."""

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


def _digest(files: dict[str, str]) -> str:
    lines = "".join(f"{name} {checksum}\n" for name, checksum in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _pinned(name: str, folder: str, files: dict[str, str], **known: object) -> DataSet:
    paths = {f"{folder}/{path}": md5 for path, md5 in files.items()}
    return DataSet(name=name, folder=folder, files=paths, checksum=_digest(paths), **known)  # type: ignore[arg-type]


# MD5 sums: CIFAR-10's are those torchvision.datasets.CIFAR10 checks; for the idx files, of the unpacked official files.
BUILT_IN = {
    dataset.name: dataset
    for dataset in (
        _pinned(
            "cifar10",
            "cifar-10-batches-py",
            {
                "data_batch_1": "c99cafc152244af753f735de768cd75f",
                "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
                "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
                "data_batch_4": "634d18415352ddfa80567beed471001a",
                "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
                "test_batch": "40351d587109b95175f43aff81a1287e",
                "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
            },
            title="CIFAR-10 (Krizhevsky 2009)",
            channels=3,
            size=32,
            classes=tuple("airplane automobile bird cat deer dog frog horse ship truck".split()),
            train_images=50_000,
            test_images=10_000,
        ),
        _pinned(
            "mnist",
            "MNIST/raw",
            {
                "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
                "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
                "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
                "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
            },
            title="MNIST (LeCun et al. 1998)",
            channels=1,
            size=28,
            classes=tuple("0123456789"),
            train_images=60_000,
            test_images=10_000,
        ),
        _pinned(
            "fashion-mnist",
            "FashionMNIST/raw",
            {
                "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
                "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
                "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
                "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
            },
            title="Fashion-MNIST (Xiao et al. 2017)",
            channels=1,
            size=28,
            classes=(
                "T-shirt/top",
                "trouser",
                "pullover",
                "dress",
                "coat",
                "sandal",
                "shirt",
                "sneaker",
                "bag",
                "ankle boot",
            ),
            train_images=60_000,
            test_images=10_000,
        ),
        DataSet(
            name="digits",
            title="Optical recognition of handwritten digits (Alpaydin & Kaynak 1998), bundled with scikit-learn",
            channels=1,
            size=8,
            classes=tuple("0123456789"),
            train_images=1_437,
            test_images=360,
            # of the decoded images and labels, checked when they are loaded; test = the last 20%
            checksum="87ff0c9e40dc7e2c",
        ),
    )
}


def data_dir() -> Path:
    """Where data sets lie: REPRO_DATA_DIR, else the platform's cache folder for `repro`."""
    given = os.environ.get("REPRO_DATA_DIR")
    return Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("repro", appauthor=False))


def known(name: str) -> bool:
    return name in BUILT_IN or (name.startswith(FOLDER_PREFIX) and len(name) > len(FOLDER_PREFIX))


def describe(name: str, directory: Path | None = None) -> DataSet:
    """The data set called `name`; for an image folder, read off its files below `directory` (default: `data_dir()`)."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    if not known(name):
        raise UserError(f"unknown data set {name!r}; allowed: {', '.join(BUILT_IN)}, {FOLDER_PREFIX}NAME")
    return _image_folder(name, directory or data_dir())


def _image_folder(name: str, directory: Path) -> DataSet:
    folder = name.removeprefix(FOLDER_PREFIX)
    root = directory / folder
    files: dict[str, dict[str, str]] = {"train": {}, "test": {}}
    for part, found in files.items():
        if not (root / part).is_dir():
            raise UserError(
                f"data set {name!r}: no folder {root / part}; expected {root}/{{train,test}}/<class>/<image>"
            )
        for path in sorted((root / part).rglob("*")):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                found[path.relative_to(directory).as_posix()] = md5_of(path)
        if not found:
            raise UserError(f"data set {name!r}: {root / part} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    classes = tuple(sorted(path.name for path in (root / "train").iterdir() if path.is_dir()))
    if len(classes) > MOST_CLASSES:
        raise UserError(
            f"data set {name!r}: {root / 'train'} has {len(classes)} classes; allowed: up to {MOST_CLASSES}"
        )
    every = files["train"] | files["test"]
    return DataSet(
        name=name,
        title=f"images in {folder}/",
        channels=3,
        size=0,
        classes=classes,
        train_images=len(files["train"]),
        test_images=len(files["test"]),
        folder=folder,
        files=every,
        checksum=_digest(every),
    )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def md5_of(path: Path) -> str:
    """Read once a process, as long as size and time of change stay: every run of an experiment asks."""
    try:
        now = path.stat()
        return _md5_as_of(path, now.st_size, now.st_mtime_ns)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


@cache
def _md5_as_of(path: Path, size: int, changed: int) -> str:
    return _md5(path)


def problems(dataset: DataSet, directory: Path) -> list[str]:
    """What stands between the files below `directory` and the official ones: a line each, empty where all is well."""
    found = []
    for name, md5 in dataset.files.items():
        try:
            actual = _md5(directory / name)
        except (FileNotFoundError, NotADirectoryError):
            found.append(f"{name}: missing")
        except IsADirectoryError:
            found.append(f"{name}: not a file")
        except OSError as error:
            found.append(f"{name}: {error.strerror}")
        else:
            if actual != md5:
                found.append(f"{name}: wrong checksum (MD5 {actual}, official {md5})")
    return found


def require(dataset: DataSet, directory: Path) -> None:
    """Raise a UserError that says what is wrong and how to get it right, unless every file is the official one."""
    if not (wrong := problems(dataset, directory)):
        return
    listing = "\n".join(f"  {line}" for line in wrong)
    raise UserError(
        f"data set {dataset.name!r} is not ready in {directory}:\n{listing}\n"
        f"Fetch it with `repro data fetch {dataset.name}`, or put the official files into "
        f"{directory / dataset.folder}, or point REPRO_DATA_DIR at the folder that holds them."
    )
