"""Writing files atomically, and reading none that is too large."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PART = ".part"  # the end of a temporary file's name
MOST_BYTES = 30_000_000  # of a run's metrics or predictions, which have two bytes per image


def read_limited(path: Path) -> bytes:
    """The whole file. ValueError if it has more than MOST_BYTES, OSError if it cannot be read."""
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"it has {size:,} bytes; allowed: up to {MOST_BYTES:,}")
    return path.read_bytes()


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, completely or not at all. OSError with that path if it cannot be written."""
    with path_named(path), part_of(path, content) as part:
        part.replace(path)


@contextmanager
def path_named(path: Path) -> Iterator[None]:
    """An OSError within is about `path`: a full disk shows where no path is known, or only a temporary file's."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def part_of(path: Path, content: bytes) -> Iterator[Path]:
    """A temporary file beside `path` with `content`, safe on the disk, to be renamed; removed if it was not.

    Its name is its own, so that processes which write the same file do not collide. OSError if it cannot be written.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}{PART}")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what killed processes left. Only for a folder in which nobody else writes: call it with its lock held."""
    for part in folder.glob(f"*{PART}"):
        with suppress(OSError):  # a folder of that name is in nobody's way
            part.unlink()
