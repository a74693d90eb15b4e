"""Your own images in folders: `folder:pets` is DATA_DIR/pets/{train,test}/<class>/<image>.

Sorted like torchvision's ImageFolder: by class, then folder, then name. Images outside the class folders are ignored.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from repro.data.dataset import DataSet, Part, digest, md5
from repro.data.sets.photographs import decoded
from repro.errors import UserError
from repro.wording import control_character

PREFIX = "folder:"
MOST_CLASSES = 256  # predictions.npz stores a prediction as one byte
SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class Absent(UserError):
    """The image folder is not on this machine."""


class ImageFolder(DataSet):
    def read(
        self, directory: Path, part: Part, places: Sequence[int] | None = None
    ) -> tuple[Iterator[np.ndarray], np.ndarray]:
        """RGB images, each at its own size, decoded one at a time."""
        images = _images(directory / self.folder / part)
        images = images if places is None else [images[place] for place in places]
        labels = [self.classes.index(name) for name, _ in images]
        return decoded([path for _, path in images], self.name), np.array(labels, np.int64)


def is_inside(folder: str) -> bool:
    """Whether `folder` is a relative path that does not leave the folder it starts from."""
    path = PurePosixPath(folder)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in folder


def describe(name: str, directory: Path) -> ImageFolder:
    """The data set `name`, described from its files in `directory`.

    Absent if its folders do not exist, UserError if they do not have the layout above.
    """
    folder = name.removeprefix(PREFIX)
    root = directory / folder
    files: dict[Part, dict[str, str]] = {"train": {}, "test": {}}
    classes: dict[Part, tuple[str, ...]] = {}
    counts: dict[Part, tuple[int, ...]] = {}
    for part, found in files.items():
        if not (root / part).is_dir():
            raise Absent(f"data set {name!r}: no folder {root / part}; expected {root}/{{train,test}}/<class>/<image>")
        images, classes[part] = _images(root / part), _classes(root / part)
        if not images:
            raise UserError(
                f"data set {name!r}: the folders in {root / part} hold no images ({', '.join(sorted(SUFFIXES))})"
            )
        found_in = Counter(label for label, _ in images)
        if empty := [label for label in classes[part] if not found_in[label]]:
            raise UserError(f"data set {name!r}: {root / part / empty[0]} holds no images")
        counts[part] = tuple(found_in[label] for label in classes[part])
        for _, path in images:
            found[path.relative_to(directory).as_posix()] = _md5_of(path)
    for label in (*classes["train"], *classes["test"]):
        if wrong := control_character(label):
            raise UserError(f"data set {name!r}: the folder {label!r} has the control character {wrong} in its name")
    if classes["test"] != classes["train"]:
        raise UserError(
            f"{root / 'test'} has the classes {list(classes['test'])}, the training images {list(classes['train'])}"
        )
    if len(classes["train"]) > MOST_CLASSES:
        raise UserError(
            f"data set {name!r}: {root / 'train'} has {len(classes['train'])} classes; allowed: up to {MOST_CLASSES}"
        )
    every = files["train"] | files["test"]
    return ImageFolder(
        name=name,
        title=f"images in {folder}/",
        channels=3,
        size=0,
        classes=classes["train"],
        train_images=len(files["train"]),
        test_images=len(files["test"]),
        folder=folder,
        files=every,
        checksum=digest(every),
        counts=counts,
    )


def _classes(part: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in part.iterdir() if path.is_dir()))


def _images(part: Path) -> list[tuple[str, Path]]:
    """(class, path) of each image."""
    return [
        (label, Path(folder) / name)
        for label in _classes(part)
        for folder, _, names in sorted(os.walk(part / label, followlinks=True))
        for name in sorted(names)
        if name.lower().endswith(SUFFIXES)
    ]


def _md5_of(path: Path) -> str:
    try:
        return md5(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
