"""Where a run's numbers come from: commit, uncommitted changes, packages, hardware, threads, determinism.

Records are published, so they hold no host names, paths or environment variables. A copy of the code without `.git`
reads its commit from COMMIT.json, which `repro stamp` writes next to the package. An installed package knows its
version and whether its files are those that were installed. No file beside the code can make a
run fail or wait: what cannot be read makes the code count as changed, and is listed in the session's `unread`.
"""

import base64
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, Field

from repro import spec
from repro.errors import UserError
from repro.files import write_atomically
from repro.step.method import Method

CODE = Path(__file__).resolve().parents[1]  # the package
STAMP = "COMMIT.json"  # next to the package
DISTRIBUTION = "repro-harness"  # the name under which the package is installed
VECTOR_FLAGS = re.compile(r"avx|amx|fma|f16c|sse4|asimd|sve|neon|bf16|i8mm")
NUMERICS = (
    "data",
    "models",
    "step",
    "train/average.py",
    "train/learner.py",
    "train/optim.py",
    "random_streams.py",
)  # paths in this package
RECORDED_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn")


def collect(device: torch.device, method: Method) -> dict[str, Any]:
    """The provenance fields of a training session that starts now, ready for JSON."""
    return {
        "started": now(),
        **code_version(),
        "packages": {name: importlib.metadata.version(name) for name in RECORDED_PACKAGES},
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
    """The name of the GPU or processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@cache
def processor() -> dict[str, Any] | None:
    """The first processor's vendor, family, model, stepping and vector instruction sets; None if unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").split("\n\n")[0].splitlines()
    except OSError:
        return None
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    names = {"vendor_id": "vendor", "cpu family": "family", "model": "model", "stepping": "stepping"}
    found: dict[str, Any] = {name: known[key] for key, name in names.items() if key in known}
    sets = [flag for flag in known.get("flags", known.get("Features", "")).split() if VECTOR_FLAGS.match(flag)]
    return found | {"instruction_sets": sorted(sets)}


@cache
def _driver() -> str | None:
    """The GPU's driver version by nvidia-smi; None if unknown."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.split("\n")[0].strip() or None


@cache
def numerics() -> str:
    """A hash (16 hex digits) of RECIPE_VERSION and all code that can change a run's numbers.

    If it differs between the sessions of a run, the code changed between them: the report notes it.
    """
    content = hashlib.sha256(str(spec.RECIPE_VERSION).encode())
    for path in sorted(path for part in NUMERICS for path in [CODE / part, *(CODE / part).rglob("*")]):
        if path.suffix in (".py", ".cpp", ".h") and (code := _read(path)) is not None:
            content.update(os.fsencode(path.relative_to(CODE).as_posix()) + code)
    return content.hexdigest()[:16]


@cache
def code_version() -> dict[str, Any]:
    """The commit of this package and a hash of the changes to it; None if neither git nor COMMIT.json knows.

    `version` is that of an installed package, whose commit is not known; `dirty` is then a hash of the files that are
    not as they were installed. Also `unread`, if there is any: changes that could not be read, so that the hash does
    not cover them.
    Cached per process, since later commits do not change the code it has loaded.
    """
    return _checked_out() or _stamped() or _installed() or {"commit": None, "dirty": None}


def _checked_out() -> dict[str, Any] | None:
    """Commit and changes according to git; None outside a checkout."""
    commit = _git("rev-parse", "HEAD")
    if commit is None or _git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    answers = {
        "git diff": _git("diff", "--no-ext-diff", "--no-textconv", "HEAD", "--", "."),
        "git ls-files": _git("ls-files", "-z", "--others", "--exclude-standard", "--", "."),
    }
    changes, new = (answer or b"" for answer in answers.values())
    unread = [name for name, answer in answers.items() if answer is None]
    content = hashlib.sha256(changes)
    listed = [CODE / os.fsdecode(name) for name in new.split(b"\0") if name]
    # a link to nothing, such as an editor's lock, holds no code
    added = [path for path in listed if os.path.exists(path) or not os.path.islink(path)]
    for path in added:
        if (code := _read(path)) is None:
            unread.append(_name(path))
        content.update(_name(path).encode() if code is None else code)
    dirty = content.hexdigest()[:16] if changes or added or unread else None
    return {"commit": commit.decode().strip(), "dirty": dirty} | ({"unread": unread} if unread else {})


class Stamp(BaseModel):
    """The content of COMMIT.json: a commit, and git's hash of each file of the package in it."""

    commit: str = Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")
    files: dict[str, str]  # path below the package -> hash


def stamp() -> tuple[Path, str, bool]:
    """Write COMMIT.json, for copying the code without `.git`.

    Returns its path, the commit, and whether the package has uncommitted changes. UserError outside a checkout, or if
    the file cannot be written.
    """
    code, path = _checked_out(), CODE.parent / STAMP
    if code is None:
        raise UserError(
            f"{CODE} is not in a git checkout; run `repro stamp` in the checkout, then copy {STAMP} with the code"
        )
    # each entry: mode, type, hash, tab, path
    entries = (_git("ls-tree", "-r", "-z", code["commit"]) or b"").split(b"\0")
    parts = [entry.partition(b"\t") for entry in entries if entry]
    files = {_name(CODE / os.fsdecode(name)): what.split()[2].decode() for what, _, name in parts}
    try:
        write_atomically(path, Stamp(commit=code["commit"], files=files).model_dump_json(indent=1).encode() + b"\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return path, code["commit"], code["dirty"] is not None


def _stamped() -> dict[str, Any] | None:
    """Commit according to COMMIT.json, and a hash of the files that differ from it; None without a valid one."""
    try:
        recorded = Stamp.model_validate_json((CODE.parent / STAMP).read_bytes())
        actual = _hashes("sha1" if len(recorded.commit) == 40 else "sha256")
    except (OSError, ValueError):
        return None
    names = sorted(recorded.files.keys() | actual.keys())
    differ = [[name, actual.get(name)] for name in names if actual.get(name) != recorded.files.get(name)]
    dirty = hashlib.sha256(json.dumps(differ).encode()).hexdigest()[:16] if differ else None
    unread = [name for name, found in actual.items() if found is None]
    return {"commit": recorded.commit, "dirty": dirty} | ({"unread": unread} if unread else {})


def _installed() -> dict[str, Any] | None:
    """Version of the installed package, and a hash of the files that differ from those installed; None elsewhere."""
    try:
        installed = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None
    listed = {Path(str(file.locate())).resolve(): file.hash for file in installed.files or ()}
    if CODE / "__init__.py" not in listed:  # another copy of the package, or an editable one
        return None
    recorded = {_name(path): hash for path, hash in listed.items() if path.is_relative_to(CODE)}
    differ: dict[str, str | None] = {}
    for path in _sources():
        content = _read(path)
        actual = None if content is None else base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
        expected = recorded.pop(_name(path), None)
        if not expected or actual is None or actual.rstrip("=") != expected.value:
            differ[_name(path)] = actual
    differ |= {name: "missing" for name, hash in recorded.items() if hash}  # compiled Python has no hash
    dirty = hashlib.sha256(json.dumps(differ, sort_keys=True).encode()).hexdigest()[:16] if differ else None
    unread = [name for name, actual in differ.items() if actual is None]
    return {"commit": None, "dirty": dirty, "version": installed.version} | ({"unread": unread} if unread else {})


def _hashes(kind: str) -> dict[str, str | None]:
    """Git's hash of the content of each file in the package, except compiled Python; None if it cannot be read."""
    found: dict[str, str | None] = {}
    for path in _sources():
        code = _read(path)
        found[_name(path)] = None if code is None else hashlib.new(kind, b"blob %d\0" % len(code) + code).hexdigest()
    return found


def _sources() -> Iterator[Path]:
    """The files of the package, without compiled Python."""
    for path in sorted(CODE.rglob("*")):
        if path.suffix != ".pyc" and "__pycache__" not in path.relative_to(CODE).parts and os.path.isfile(path):
            yield path


def _read(path: Path) -> bytes | None:
    """A file's content, or None. Regular files only: to read a FIFO is to wait for a writer."""
    try:
        return path.read_bytes() if os.path.isfile(path) else None
    except OSError:
        return None


def _name(path: Path) -> str:
    """The path below the package, as text that any encoding can hold."""
    return os.fsencode(path.relative_to(CODE).as_posix()).decode(errors="backslashreplace")


def _git(*words: str) -> bytes | None:
    """The output of a git command run in this package's folder; None if git or the checkout is missing."""
    command = ["git", "-c", "core.fsmonitor=false", *words]  # its hook would be another program to wait for
    try:
        done = subprocess.run(command, cwd=CODE, capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
