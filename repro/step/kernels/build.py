"""Compiles the C++ kernels of this folder once per machine and loads them: `library()`.

The library is kept in the platform's cache folder as KEY-DIGEST.so: the key stands for what it was compiled from, the
digest is that of its content. A damaged one would kill the process that loads it, so it is compiled anew.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import platformdirs

from repro.files import write_atomically

SOURCES = (
    "augment.cpp",
    "conv_bf16.cpp",
    "conv_bf16_weights.cpp",
    "conv_fp32.cpp",
    "winograd.cpp",
    "winograd_weights.cpp",
    "norm.cpp",
    "norm_backward.cpp",
    "move.cpp",
    "linear.cpp",
    "pool.cpp",
    "dropout.cpp",
)
HEADERS = ("common.h", "norm.h", "plane.h", "tiles.h", "winograd.h")
FLAGS = ("-O3", "-march=native", "-std=c++17", "-fopenmp", "-fPIC", "-shared")
HERE = Path(__file__).parent

_took: list[float] = []


class Unavailable(Exception):
    """The kernels cannot be used on this machine; the message says why."""


def compiler() -> str | None:
    """The path of $CXX if set, otherwise of c++ or g++; None if there is none."""
    return shutil.which(os.environ.get("CXX") or "c++") or shutil.which("g++")


def library() -> ctypes.CDLL:
    """The loaded kernels. The first call on a machine compiles them, which takes some seconds.

    Unavailable if the processor lacks AVX-512 and AVX2, there is no compiler, or the library cannot be stored or
    loaded. torch must have been imported before, so that the kernels share its OpenMP.
    """
    found = _library(compiler(), processor(), platformdirs.user_cache_path("repro") / "kernels", SOURCES)
    if isinstance(found, str):
        raise Unavailable(found)
    return found


@cache
def _library(found: str | None, flags: str, folder: Path, sources: tuple[str, ...]) -> ctypes.CDLL | str:
    """The library in `folder`, or why there is none. Failures are cached too, since a compiler may take long to fail.

    `found` is the compiler, `flags` are the processor's.
    """
    if not wide(flags) and not {"avx2", "fma"} <= set(flags.split()):
        return "the processor has neither AVX-512 nor AVX2 with FMA, which the kernels need"
    if found is None:
        return "there is no C++ compiler on the path (set CXX, or install g++)"
    try:
        key = _key(found, flags, sources)
        return ctypes.CDLL(str(_intact(folder, key) or _compile(found, sources, folder, key)))
    except Unavailable as error:
        return str(error)
    except OSError as error:
        return f"the compiled kernels cannot be stored or loaded: {error}"


def wide(flags: str) -> bool:
    """Whether a processor with these flags has AVX-512, which the sequential step and bf16 need."""
    return "avx512f" in flags.split()


def just_compiled() -> float:
    """Seconds that this process spent compiling, on the first call; then 0, as if nothing had to be compiled."""
    return _took.pop() if _took else 0.0


def _intact(folder: Path, key: str) -> Path | None:
    """The kept library, or None. Damaged ones are removed; one that can neither be read nor removed is passed over."""
    for path in sorted(folder.glob(f"{key}-*.so")):
        with suppress(OSError):
            if path.name == _name(key, path.read_bytes()):
                return path
            path.unlink(missing_ok=True)
    return None


def _compile(found: str, sources: tuple[str, ...], folder: Path, key: str) -> Path:
    """Compile elsewhere, then store atomically, so that runs that start together never load half a library."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "kernels.so"
        command = [found, *FLAGS, *(str(HERE / source) for source in sources), "-o", str(made)]
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f"{Path(found).name} could not compile the kernels: {done.stderr.strip()[-400:]}")
        content = made.read_bytes()
    target = folder / _name(key, content)
    write_atomically(target, content)
    _took.append(time.perf_counter() - begin)
    return target


def _key(found: str, processor_flags: str, sources: tuple[str, ...]) -> str:
    """A hash of the sources, the compiler, its flags and the processor's."""
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    parts = [version, *FLAGS, processor_flags, *((HERE / source).read_text() for source in (*sources, *HEADERS))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _name(key: str, content: bytes) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()[:16]}.so"


def processor() -> str:
    """The line of /proc/cpuinfo that lists the processor's flags, or what Python knows of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine() + platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())
