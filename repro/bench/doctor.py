"""What this machine can do for the harness, and how to get what it lacks. Trains nothing, changes nothing.

One function per finding; each says what was found, and the fix if something is missing.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from repro import __version__
from repro.data import catalog
from repro.run.launch import LAUNCHERS
from repro.run.resources import cores
from repro.step.kernels import build, ops
from repro.tracking import mirror
from repro.train.provenance import hardware

LITTLE = 1e9  # bytes; CIFAR-10 with its archive takes 0.4 GB, a run 0.5 to 30 MB
CUDA_PAGE = "https://pytorch.org/get-started/locally"


@dataclass(frozen=True)
class Finding:
    """`name`: what was looked at; `found`: what there is; `fix`: how to get what is missing, "" if nothing is."""

    name: str
    found: str
    fix: str = ""


def findings(root: Path) -> Iterator[Finding]:
    """What there is, one after the other: the first on a machine may compile the kernels, which takes seconds."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (_software, _devices, _kernels, _data, _wandb, _extras)
    for check in checks:
        yield from check()
    yield from _disk(root)


def _software() -> Iterator[Finding]:
    yield Finding("software", f"repro {__version__}, Python {sys.version.split()[0]}, torch {torch.__version__}")


def _devices() -> Iterator[Finding]:
    yield Finding("processor", f"{hardware(torch.device('cpu'))}, {cores()} cores for this process")
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(number)
            bf16 = "bf16 and fp32" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
            yield Finding(f"cuda:{number}", f"{device.name}, {device.total_memory / 2**30:.0f} GiB, {bf16}")
    else:
        built = torch.version.cuda
        why = (
            f"torch is built for CUDA {built}, but there is no device or driver" if built else "torch is built for CPUs"
        )
        yield Finding(
            "gpu", f"none: {why}", f"a machine with an NVIDIA GPU and its driver; torch with CUDA: {CUDA_PAGE}"
        )
    yield Finding("launchers", f"{', '.join(LAUNCHERS)}: up to {cores()} runs at a time on the CPU (--jobs)")


def _kernels() -> Iterator[Finding]:
    try:
        build.library()
    except build.Unavailable as error:
        fix = "" if build.compiler() else "install g++, or set CXX"
        yield Finding("fast CPU step", f"none: {error}. Runs on the CPU use the plain step", fix)
        return
    precision = (
        "bf16, with matrix units" if ops.matrix_units() else "fp32, since the processor has no bf16 matrix units"
    )
    yield Finding("fast CPU step", f"compiled with {build.compiler()}; --precision auto chooses {precision}")


def _data() -> Iterator[Finding]:
    directory = catalog.data_dir()
    for dataset in catalog.BUILT_IN.values():
        wrong = catalog.problems(dataset, directory)
        found = f"{len(wrong)} files missing or wrong in {directory}" if wrong else "ready"
        yield Finding(f"data: {dataset.name}", found, f"repro data fetch {dataset.name}" if wrong else "")


def _wandb() -> Iterator[Finding]:
    if not mirror.installed("wandb"):
        yield Finding("W&B", "not installed: runs are not mirrored", "pip install wandb")
        return
    key = bool(os.environ.get("WANDB_API_KEY")) or _logged_in()
    mode = mirror.from_environment() or "offline"
    found = f"runs are mirrored {mode}" if mode != "off" else "switched off by WANDB_MODE"
    fix = "" if key else "wandb login, or set WANDB_API_KEY; `repro wandb sync` then sends what was recorded"
    yield Finding("W&B", f"{found}; {'an API key is set' if key else 'no API key'}", fix)


def _logged_in() -> bool:
    """Whether ~/.netrc names a W&B server. The key itself is not looked at."""
    try:
        return "wandb" in (Path(os.environ.get("NETRC") or "~/.netrc")).expanduser().read_text()
    except (OSError, UnicodeDecodeError, RuntimeError):  # RuntimeError: there is no home
        return False


def _extras() -> Iterator[Finding]:
    for module, extra, use in (
        ("wandb_workspaces", "review", "repro wandb review"),
        ("pyarrow", "parquet", "--parquet"),
    ):
        if not mirror.installed(module):
            yield Finding(
                f"extra: {extra}", f"not installed; needed for {use}", f"pip install 'repro-harness[{extra}]'"
            )


def _disk(root: Path) -> Iterator[Finding]:
    results = root / "results"
    there = next(folder for folder in (results, root, *root.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    size = sum(path.lstat().st_size for path in results.rglob("*") if path.is_file()) if results.is_dir() else 0
    fix = "" if os.access(there, os.W_OK) else f"make {there} writable, or use --root"
    if free < LITTLE:
        fix = f"free space on the disk of {there}; `repro clean` removes what is of no use"
    yield Finding("results", f"{results}: {size / 1e6:.0f} MB, {free / 1e9:.0f} GB free", fix)
