"""results/ and experiments/ -> what the report is about, each experiment at each scale. Stays out: wording."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from repro import records, spec
from repro.judge import Judged, judge
from repro.report import clean, figures
from repro.report.document import Picture
from repro.spec import Experiment
from repro.tables import Summary, summarise


@dataclass(frozen=True)
class Part:
    """An experiment at one scale, over the runs that were trained on committed code."""

    experiment: Experiment
    scale: str
    summary: Summary
    judged: tuple[Judged, ...]
    runs: pd.DataFrame  # as records.load gives them: stale and unfinished ones too
    left_out: tuple[str, ...]  # folders of runs that were trained on uncommitted changes
    pictures: tuple[Picture, ...]
    digest: str  # of the spec and the records

    @cached_property
    def counted(self) -> pd.DataFrame:
        return records.counted(self.runs)

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def full(self) -> bool:
        return self.scale == spec.FULL

    @property
    def flag(self) -> str:
        """Of the command line, with its space."""
        return "" if self.full else f" --scale {self.scale}"

    def label(self, arm: str) -> str:
        """The arm's label; its name where the spec has no such arm any more."""
        return next((a.label for a in self.experiment.arms if a.name == arm), arm)


@dataclass(frozen=True)
class Report:
    full: tuple[Part, ...]  # every experiment, with runs or without
    reduced: tuple[Part, ...]  # those with runs, the largest scale first

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.full + self.reduced

    @property
    def digest(self) -> str:
        return _digest(f"{part.name} {part.scale} {part.digest}".encode() for part in self.parts)


def gather(root: Path, draw: figures.Draw) -> Report:
    """Read everything, and draw the figures. UserError for a wrong spec or a damaged record."""
    with clean.view(root) as (seen, left_out):
        parts = {
            scale: [_part(seen, name, scale, tuple(left_out.get((name, scale), [])), draw) for name in spec.names(root)]
            for scale in clean.scales(root)
            if scale == spec.FULL or _any_runs(seen, scale)
        }
    full, *reduced = parts.values()
    return Report(tuple(full), tuple(part for scale in reduced for part in scale if part is not None))
