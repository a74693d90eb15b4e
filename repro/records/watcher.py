"""How far the runs of a root are that have begun and not ended, whoever trains them: from run.json and metrics.csv."""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from repro.records.fault import Fault
from repro.records.folder import SEED, read_run
from repro.records.metrics import read_rows
from repro.records.record import FINISHED, Status


@dataclass(frozen=True)
class Seen:
    """A run as its record shows it. The record is written at each checkpoint, metrics at each evaluation."""

    name: str
    status: Status
    iteration: int
    iterations: int
    iterations_per_second: float | None  # between the last two evaluations, None before the first
    test_error: float | None  # %, at the last evaluation
    written: float  # when anything was last written, or the run was finished, as time.time()
    reason: str  # why it was interrupted, or failed

    @property
    def age(self) -> float:
        """Seconds since then; 0 if the clock was set back."""
        return max(0.0, time.time() - self.written)

    @property
    def seconds_left(self) -> float | None:
        speed = self.iterations_per_second
        return (self.iterations - self.iteration) / speed if speed and self.status not in FINISHED else None


def see(folder: Path) -> Seen | None:
    """The run in `folder`; None if its record is missing or damaged, which `repro check` reports."""
    try:
        record = read_run(folder)
        rows = read_rows(folder) if record and (folder / "metrics.csv").exists() else []
    except Fault:
        return None
    if record is None:
        return None
    last = rows[-1] if rows else {}
    images = last.get("images_per_second")
    at = "" if record.scale.is_full else f" at {record.scale}"
    return Seen(
        name=f"{record.experiment}/{record.arm}/seed-{record.seed}{at}",
        status=record.status,
        iteration=max(record.iteration, last.get("iteration", 0)),
        iterations=record.run.recipe.schedule.iterations,
        iterations_per_second=images / record.run.recipe.batch_size if images else None,
        test_error=last.get("test_error"),
        written=datetime.fromisoformat(record.finished).timestamp() if record.finished else _written(folder),
        reason=record.reason,
    )


class Watcher:
    """Looks at all runs of a root again and again; reads only what was written since the last look."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[Path, tuple[float, Seen | None]] = {}  # folder -> when it was written, and what was seen

    def look(self) -> list[Seen]:
        """The runs of every scale, demos and quick tries included."""
        found = {}
        for path in sorted((self.root / "results").rglob("run.json")):
            folder = path.parent
            if SEED.fullmatch(folder.name):
                written = _written(folder)
                known = self.known.get(folder)
                found[folder] = known if known and known[0] == written else (written, see(folder))
        self.known = found
        return [seen for _, seen in found.values() if seen]


def _written(folder: Path) -> float:
    """When run.json or metrics.csv was last written, as time.time(); 0 if both are gone."""
    times = [0.0]
    for name in ("run.json", "metrics.csv"):
        with suppress(OSError):
            times.append((folder / name).stat().st_mtime)
    return max(times)
