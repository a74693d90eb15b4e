"""Packs the records that a call wrote, and the checkpoints to resume from, into archives in $OUT."""

import json
import tarfile
from pathlib import Path

from steps import OUT, ROOT, fail, say

PART = 15 << 20  # maximum bytes of an archive
PARTS = 4
known: dict[Path, int] = {}  # files before training -> modification time
RECORD = ("run.json", "metrics.csv", "predictions.npz", "run.log")


def remember(until: float) -> None:
    """Remember the existing files, which need not be sent back."""
    known.update((path, path.stat().st_mtime_ns) for path in (ROOT / "results").rglob("*"))


def records() -> None:
    """Write results.tar.gz: the records written since `remember`. It is renamed into place once complete."""
    try:
        files = [path for name in RECORD for path in changed(name)]
        part = OUT / "results.tar.gz.part"
        with tarfile.open(part, "w:gz") as archive:
            for path in files:
                archive.add(path, path.relative_to(ROOT))
        part.replace(OUT / "results.tar.gz")
        if (size := (OUT / "results.tar.gz").stat().st_size) > PART:
            fail(f"results.tar.gz has {size >> 20} MiB")
        ends = [record(path)["status"] for path in files if path.name == "run.json"]
        say("records: " + (", ".join(f"{ends.count(end)} {end}" for end in sorted(set(ends))) or "none"))
    except (OSError, ValueError, KeyError, tarfile.TarError) as error:
        fail(f"records: {error}")


def checkpoints() -> None:
    """Write checkpoints-1.tar and so on: of runs that can be resumed, the most advanced first, as many as fit."""
    try:
        found = []
        for path in changed("checkpoint.pt"):
            run = record(path)
            if run["status"] not in ("done", "diverged"):
                found.append((run["iteration"] / run["run"]["recipe"]["schedule"]["iterations"], path))
        parts: list[list[Path]] = [[] for _ in range(PARTS)]
        room = [PART - 10240] * PARTS  # a tar file ends in blocks of zeros
        for _, path in sorted(found, reverse=True):
            size = path.stat().st_size + 2048
            if (place := next((i for i, free in enumerate(room) if free >= size), None)) is not None:
                parts[place].append(path)
                room[place] -= size
        for number, paths in enumerate(parts, start=1):
            if paths:
                with tarfile.open(OUT / f"checkpoints-{number}.tar", "w") as archive:
                    for path in paths:
                        archive.add(path, path.relative_to(ROOT))
        say(f"checkpoints: {sum(map(len, parts))} of {len(found)} runs that can be resumed")
    except (OSError, ValueError, KeyError, tarfile.TarError) as error:
        fail(f"checkpoints: {error}")


def changed(name: str) -> list[Path]:
    return [path for path in sorted((ROOT / "results").rglob(name)) if path.stat().st_mtime_ns != known.get(path)]


def record(path: Path) -> dict:
    """The record of the run in whose folder `path` is."""
    return json.loads((path.parent / "run.json").read_text())
