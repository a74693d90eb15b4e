"""Looks up data sets by name, locates their files, and verifies their checksums.

Imports no torch, since specs and tables use it. The data sets are in `sets`, downloading is in `fetch`, loading into
tensors in `load`.
"""

import os
from pathlib import Path

import platformdirs

from repro.data.dataset import DataSet, md5
from repro.data.sets import BUILT_IN, image_folder
from repro.data.sets.image_folder import Absent
from repro.data.sets.subset import split_name, subset
from repro.errors import UserError

__all__ = ["BUILT_IN", "Absent", "DataSet"]


def data_dir() -> Path:
    """The folder that holds all data sets: REPRO_DATA_DIR, else the platform's cache folder for `repro`."""
    given = os.environ.get("REPRO_DATA_DIR")
    return Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("repro", appauthor=False))


def check_name(name: str) -> None:
    """UserError for a name that no data set can have. Image folders are not read, so their classes are not checked."""
    base, _ = split_name(name)
    folder = base.removeprefix(image_folder.PREFIX)
    if folder != base and not image_folder.is_inside(folder):
        raise UserError(f"data set {name!r}: NAME in {image_folder.PREFIX}NAME must be a folder inside REPRO_DATA_DIR")
    if base not in BUILT_IN and folder == base:
        names = f"{', '.join(BUILT_IN)}, {image_folder.PREFIX}NAME"
        raise UserError(f"unknown data set {name!r}; allowed: {names}, and some classes of one: cifar10[cat,dog]")
    built_in(name)


def built_in(name: str) -> DataSet | None:
    """The data set `name`, or None for an image folder, whose description needs its files."""
    base, classes = split_name(name)
    if base not in BUILT_IN:
        return None
    return subset(name, BUILT_IN[base], classes) if classes else BUILT_IN[base]


def describe(name: str, directory: Path | None = None) -> DataSet:
    """The data set `name`; an image folder is described from its files in `directory` (default: `data_dir()`)."""
    check_name(name)
    if found := built_in(name):
        return found
    base, classes = split_name(name)
    folder = image_folder.describe(base, directory or data_dir())
    return subset(name, folder, classes) if classes else folder


def class_names(name: str, at_least: int, directory: Path | None = None) -> tuple[str, ...]:
    """A data set's class names; the numbers from 0 to `at_least` - 1 if an image folder is not on this machine, or has
    fewer classes there."""
    try:
        classes = describe(name, directory).classes
    except UserError:
        classes = ()
    return classes if len(classes) >= at_least else tuple(str(number) for number in range(at_least))


def problems(dataset: DataSet, directory: Path) -> list[str]:
    """How the files in `directory` differ from the official ones: one line per file, none if all are correct."""
    found = []
    for name, official in dataset.files.items():
        try:
            actual = md5(directory / name)
        except (FileNotFoundError, NotADirectoryError):
            found.append(f"{name}: missing")
        except IsADirectoryError:
            found.append(f"{name}: not a file")
        except OSError as error:
            found.append(f"{name}: {error.strerror}")
        else:
            if actual != official:
                found.append(f"{name}: wrong checksum (MD5 {actual}, official {official})")
    return found


def require(dataset: DataSet, directory: Path) -> None:
    """Raise a UserError that lists the wrong files and how to fix them, unless every file is the official one."""
    if not (wrong := problems(dataset, directory)):
        return
    listing = "\n".join(f"  {line}" for line in wrong)
    raise UserError(
        f"data set {dataset.name!r} is not ready in {directory}:\n{listing}\n"
        f"Fetch it with `repro data fetch {dataset.name}`, or put the official files into "
        f"{directory / dataset.folder}, or point REPRO_DATA_DIR at the folder that holds them."
    )
