"""Where a run's numbers come from: commit, uncommitted changes, packages, hardware, threads, determinism.

No host names, paths or environment variables: records are published.
"""

import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

from repro import spec
from repro.method import Method

CODE = Path(__file__).resolve().parent
VECTORS = re.compile(r"avx|amx|fma|f16c|sse4|asimd|sve|neon|bf16|i8mm")
MODULES = ("compiled", "graph", "learner", "matrices", "optim", "step", "streams")
NUMERICS = ("data", "fast", "models", *(f"{name}.py" for name in MODULES))  # of this package
PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn")


def collect(device: torch.device, method: Method) -> dict[str, Any]:
    """What is known at the start of a session of training, ready for JSON."""
    return {
        "started": now(),
        **_code(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device.type,
        "hardware": hardware(device),
        "processor": processor(),
        "driver": _driver() if device.type == "cuda" else None,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "precision": method.precision,
        "step": method.step,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "numerics": numerics(),
    }


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def hardware(device: torch.device) -> str:
    """The accelerator's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@cache
def processor() -> dict[str, Any] | None:
    """The first processor's maker, family, model, stepping and vector instruction sets; None where nothing says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return None
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    names = {"vendor_id": "vendor", "cpu family": "family", "model": "model", "stepping": "stepping"}
    found: dict[str, Any] = {name: known[key] for key, name in names.items() if key in known}
    sets = [flag for flag in known.get("flags", known.get("Features", "")).split() if VECTORS.match(flag)]
    return found | {"instruction_sets": sorted(sets)}


@cache
def _driver() -> str | None:
    """The GPU's driver, as nvidia-smi says; None where it does not."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.split("\n")[0].strip() or None


@cache
def numerics() -> str:
    """Sixteen hex digits of RECIPE_VERSION and all code that a run's numbers go through.

    Sessions of a run with different ones may differ by more than a restart: the report says so.
    """
    content = hashlib.sha256(str(spec.RECIPE_VERSION).encode())
    for path in sorted(path for part in NUMERICS for path in [CODE / part, *(CODE / part).rglob("*")]):
        if path.suffix in (".py", ".cpp", ".h") and path.is_file():
            content.update(path.relative_to(CODE).as_posix().encode() + path.read_bytes())
    return content.hexdigest()[:16]


@cache
def _code() -> dict[str, Any]:
    """The commit of this package, and a hash of what differs from it; None outside a checkout.

    Looked at once a process: that is the code in its memory, whatever is committed while it trains.
    """
    commit = _git("rev-parse", "HEAD")
    if commit is None or _git("ls-files", "--error-unmatch", "__init__.py") is None:
        return {"commit": None, "dirty": None}
    changes = _git("diff", "HEAD", "--", ".") or ""
    new = _git("ls-files", "-z", "--others", "--exclude-standard", "--", ".") or ""
    contents = b"".join((CODE / name).read_bytes() for name in new.split("\0") if name)
    dirty = hashlib.sha256(changes.encode() + contents).hexdigest()[:16] if changes or new else None
    return {"commit": commit, "dirty": dirty}


def _git(*words: str) -> str | None:
    """The output of a git command in this package's folder; None where git or the checkout is missing."""
    try:
        done = subprocess.run(["git", *words], cwd=CODE, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
