"""What goes into training beside the run, and what comes out while it trains. Imports no torch."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from repro.records.record import Status


@dataclass(frozen=True)
class Settings:
    """How and where to train; results depend on these only through rounding."""

    device: str = "cpu"
    threads: int | None = None  # CPU threads; None = those a resumed run has had, `default_threads` for a new run
    default_threads: int | None = None  # None = torch's default
    data_dir: Path | None = None
    checkpoint_every: int = 1000  # iterations
    # minimum between two checkpoints: writing one takes 0.04 to 0.08 s, as long as 150 iterations on a GPU
    checkpoint_seconds: float = 30.0
    precision: str = "auto"  # see repro.step.method
    step: str = "auto"
    root: Path | None = None  # the project folder, which holds the registry of frozen claims; None = no registry
    specs: Mapping[str, Path] = field(default_factory=dict)  # experiment -> the folder of its file


@dataclass
class Stop:
    """Queried before every iteration; a non-empty reason makes the run save a checkpoint and stop, to be resumed."""

    deadline: float = math.inf  # as time.monotonic(), which all processes share and nobody sets
    reason: str = ""

    def requested(self) -> str:
        if not self.reason and time.monotonic() > self.deadline:
            self.reason = "time limit"
        return self.reason


@dataclass(frozen=True)
class Progress:
    """How far a run has got. Loss in nats, error in %; NaN if not measured yet. `note`: a message for the user."""

    iteration: int
    iterations: int
    status: Status = "running"
    loss: float = math.nan
    test_error: float = math.nan
    iterations_per_second: float = math.nan
    note: str = ""
