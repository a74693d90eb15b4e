"""What a command asks for beside its runs, and how they ended. Imports no torch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from repro.records.record import Status
from repro.train.control import Stop
from repro.wording import plural


@dataclass(frozen=True)
class Options:
    """The options of `repro run` that do not choose runs; see its help for each."""

    device: str = "auto"
    jobs: int | str = 1  # a number or "auto"
    threads: int | None = None
    precision: str = "auto"
    step: str = "auto"
    ways: str | None = None
    time_limit: str | None = None
    checkpoint_every: int | None = None
    wandb: str | None = None


@dataclass(frozen=True)
class Ending:
    """How a run ended: done, diverged, interrupted, failed, or not begun because it is busy, refused or damaged.

    failed: with `message`, and a traceback in `log` unless that could not be written. busy: another process is training
    it. refused: it cannot be trained with these options; damaged: its record is. `message` says why.
    """

    status: Literal[Status, "busy", "refused", "damaged"]
    message: str = ""
    log: Path | None = None


@dataclass
class Result:
    """How the runs of one command ended. `exit_code` is documented in `repro --help`."""

    stop: Stop
    command: str
    outcomes: dict[str, Ending] = field(default_factory=dict)
    not_begun: int = 0

    @property
    def exit_code(self) -> int:
        if self.stop.reason and self.stop.reason != "time limit":
            return 130
        ends = {outcome.status for outcome in self.outcomes.values()}
        if ends & {"failed", "busy", "damaged"}:
            return 1
        if "refused" in ends:
            return 2
        return 4 if self.stop.reason and self._left else 0

    @property
    def _left(self) -> int:
        return self.not_begun + sum(outcome.status == "interrupted" for outcome in self.outcomes.values())

    def message(self) -> str:
        lines = []
        for name, outcome in self.outcomes.items():
            if outcome.status in ("failed", "busy", "refused", "damaged") or outcome.message:
                log = f"; log: {outcome.log}" if outcome.log else ""
                lines.append(f"{name} {outcome.status}: {outcome.message}{log}")
        if self.stop.reason and self._left:
            runs = plural(self._left, "run")
            lines.append(f"Stopped ({self.stop.reason}) with {runs} left. To resume: {self.command}")
        return "\n".join(lines)

    def summary(self) -> dict[str, Any]:
        runs = {n: {"status": o.status, "message": o.message} for n, o in self.outcomes.items()}
        return {
            "exit_code": self.exit_code,
            "stopped": self.stop.reason,
            "not_begun": self.not_begun,
            "runs": runs,
        }
