"""Image files -> RGB arrays of 8 bits: as a viewer would show them, and with every file that cannot be read named."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from repro.errors import UserError
from repro.wording import plural

MOST_NAMED = 20  # files in one message
DEEP = ("I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes of 16 bits


def decoded(paths: Sequence[Path], dataset: str) -> Iterator[np.ndarray]:
    """uint8 (H, W, 3) of each file, in order. UserError at the end that lists the files that cannot be read, if any.

    `dataset`: its name, for the message.
    """
    wrong = []
    for path in paths:
        try:
            yield _decoded(path)
        except Exception as error:  # Pillow's readers raise many kinds on damaged files
            wrong.append(f"  {path}: {error or type(error).__name__}")
    if wrong:
        more = f"\n  and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        listing = "\n".join(wrong[:MOST_NAMED])
        count = plural(len(wrong), "image")
        raise UserError(f"data set {dataset!r}: {count} cannot be read; repair or remove them:\n{listing}{more}")


def _decoded(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        opened = Image.open(path)
    with opened:
        image = ImageOps.exif_transpose(opened)  # cameras record how they were held
        if image.mode in DEEP:
            grey = (np.asarray(image, np.uint16) >> 8).astype(np.uint8)  # Pillow would clip to white
            return np.stack([grey] * 3, axis=2)
        if image.mode in ("I", "F"):
            raise ValueError(f"pixels of mode {image.mode!r}; allowed: 8 or 16 bits per channel")
        return np.array(image.convert("RGB"))
