"""Removing records: those of named runs, and what is no longer of use. Asks nobody; the command line does."""

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from repro import spec
from repro.errors import UserError
from repro.records.folder import ASIDE, SEED, locked, results_folder
from repro.records.results import load_all
from repro.records.tree import scales
from repro.spec import Scale

KINDS = ("stale", "orphaned", "scratch")


@dataclass(frozen=True)
class Removable:
    """The folder of a run, and why it may go."""

    path: Path
    reason: str

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.lstat().st_size for path in self.path.rglob("*") if not path.is_dir())


def named(root: Path, target: str, scale: Scale) -> list[Removable]:
    """The recorded runs of `EXPERIMENT`, `EXPERIMENT/ARM` or `EXPERIMENT/ARM/seed-N` at a scale.

    The experiment or arm need not exist any more. UserError if nothing is recorded under that name.
    """
    parts = target.strip("/").split("/")
    if len(parts) > 3 or not all(parts) or any(part in (".", "..") for part in parts):
        raise UserError(f"{target!r} is not allowed; allowed: EXPERIMENT, EXPERIMENT/ARM or EXPERIMENT/ARM/seed-N")
    folder = results_folder(root, scale).joinpath(*parts)
    candidates = [folder] if len(parts) == 3 else sorted(folder.glob("*/*" if len(parts) == 1 else "*"))
    found = [path for path in candidates if _is_run(path)]
    if not found:
        raise UserError(f"nothing is recorded of {target}{scale.flag}; `repro status{scale.flag}` shows what is")
    return [Removable(path, "named") for path in found]


def superfluous(root: Path, kinds: Collection[str]) -> list[Removable]:
    """Of the KINDS asked for:

    stale: runs whose recipe has changed since, and what was set aside for that reason
    orphaned: runs of experiments, arms or readings that no spec has any more
    scratch: quick tries
    """
    found = list[Removable]()
    if {"stale", "orphaned"} & set(kinds):
        found += [each for each in (*_outdated(root), *_nobodys(root)) if each.reason.partition(":")[0] in kinds]
    if "scratch" in kinds:
        found += [Removable(path, "scratch") for path in _runs(root / "results" / spec.SCRATCH)]
    return found


def _outdated(root: Path) -> Iterator[Removable]:
    """Runs of known experiments that are stale or orphaned, and those that were set aside."""
    names = spec.names(root)
    for results in load_all(root, names, scales(root)):
        for folder, row in zip(results.folders(), results.recorded.itertuples(), strict=True):
            if row.stale:
                known = {each.name for each in results.experiment.trained}
                yield Removable(folder, f"{'stale' if row.arm in known else 'orphaned'}: {row.stale!s}")
        for path in sorted((results_folder(root, results.scale) / results.name).glob("*/*")):
            if ASIDE.fullmatch(path.name):
                yield Removable(path, "stale: set aside when the run was trained again")


def _nobodys(root: Path) -> Iterator[Removable]:
    """Runs in folders that are named after no experiment."""
    known = {*spec.names(root), spec.SCRATCH, *(scale.folder for scale in scales(root))}
    for scale in scales(root):
        for folder in sorted(results_folder(root, scale).glob("*")):
            if folder.name not in known:
                for path in _runs(folder):
                    yield Removable(path, f"orphaned: experiments/ has no {folder.name}.toml; is its file elsewhere?")


def _runs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("seed-*") if _is_run(path))


def _is_run(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and bool(SEED.fullmatch(path.name) or ASIDE.fullmatch(path.name))


def remove(root: Path, found: Collection[Removable]) -> None:
    """Remove the folders, and those that are empty then. Busy, with its folder untouched, if a run is being trained."""
    for each in found:
        with locked(each.path):
            shutil.rmtree(each.path)
        parent = each.path.parent
        while parent != root / "results" and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent
