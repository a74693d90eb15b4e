"""predictions.npz: `top1` and `label` of every test image after the last iteration, uint8 (N,).

The headers are checked before anything is read, so that a damaged or hostile archive cannot fill the memory.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from repro.files import read_limited, write_atomically
from repro.records.fault import reading

FILE = "predictions.npz"
MEMBERS = ("top1.npy", "label.npy")
MOST_IMAGES = 10_000_000  # of a test set
COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def write_predictions(folder: Path, top1: np.ndarray, label: np.ndarray) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, top1=top1.astype(np.uint8), label=label.astype(np.uint8))
    write_atomically(folder / FILE, content.getvalue())


def read_predictions(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(top1, label): uint8 (N,) each, in the order of the test set. Fault if the file is missing or damaged."""
    path = folder / FILE
    with reading(path):
        return parse_predictions(read_limited(path))


def parse_predictions(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """(top1, label) of a predictions.npz. ValueError if it is damaged, or holds anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sorted(archive.namelist()) != sorted(MEMBERS):
                raise ValueError(f"it holds {', '.join(archive.namelist())[:60] or 'nothing'}, not top1 and label")
            top1, label = (_array(archive, archive.getinfo(name)) for name in MEMBERS)
    except Exception as error:  # a damaged archive raises many kinds of errors
        raise ValueError(str(error) or type(error).__name__) from error
    if len(top1) != len(label):
        raise ValueError(f"it has {len(top1)} predictions of {len(label)} images")
    return top1, label


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    name = member.filename.removesuffix(".npy")
    if member.compress_type not in COMPRESSION:
        raise ValueError(f"{name} is compressed in an unknown way")
    with archive.open(member) as file:
        if npy.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is not in version 1.0 of NumPy's format")
        shape, _, dtype = npy.read_array_header_1_0(file)
        if dtype != np.uint8 or len(shape) != 1:
            raise ValueError(f"{name} is {str(dtype)[:40]} {shape}, but must be uint8 (N,)")
        (images,) = shape
        if not 1 <= images <= MOST_IMAGES or member.file_size != file.tell() + images:
            raise ValueError(f"{name} has {images:,} images in {member.file_size:,} bytes")
        content = file.read(images)
        if len(content) != images or file.read(1):  # reading to the end compares the checksum
            raise ValueError(f"{name} is cut")
    return np.frombuffer(content, np.uint8)
