"""results/ and experiments/ -> what the report is about: each experiment at each scale. Writes no text."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from repro import records, spec
from repro.claims.judge import Judged
from repro.records import Fault, links
from repro.records.results import Results, load_all
from repro.show.report import figures
from repro.show.report.document import Picture
from repro.show.tables import Summary, summarise
from repro.spec import Experiment, Scale

Warn = Callable[[Fault], None]


@dataclass(frozen=True)
class Part:
    """An experiment at one scale, with the runs that were trained on committed code."""

    results: Results
    summary: Summary  # with claims at full scale only
    left_out: tuple[str, ...]  # folders of runs that were trained on uncommitted changes
    pictures: tuple[Picture, ...]
    digest: str  # of the spec and the records
    review: str = ""  # the URL of its W&B Report, if one was saved

    @property
    def experiment(self) -> Experiment:
        return self.results.experiment

    @property
    def scale(self) -> Scale:
        return self.results.scale

    @property
    def runs(self) -> pd.DataFrame:
        """All runs, stale and unfinished ones too, one row each."""
        return self.results.runs

    @cached_property
    def counted(self) -> pd.DataFrame:
        return self.results.counted().runs

    @property
    def judged(self) -> list[Judged]:
        return self.summary.judged

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def rank(self) -> int:
        """0 if a claim has a verdict, 1 if there are counted runs, else 2."""
        if any(judged.verdict.outcome != "no verdict" for judged in self.judged):
            return 0
        return 1 if len(self.counted) else 2

    @property
    def full(self) -> bool:
        return self.scale.is_full

    def label(self, arm: str) -> str:
        """The arm's label; its name if the spec no longer has such an arm."""
        return next((a.label for a in self.experiment.arms if a.name == arm), arm)


@dataclass(frozen=True)
class Report:
    full: tuple[Part, ...]  # every experiment: first those with verdicts, then those with runs, then the others
    reduced: tuple[Part, ...]  # experiments with runs at a reduced scale, the largest scale first
    left_out: tuple[str, ...]  # folders of all runs that were trained on uncommitted changes

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.full + self.reduced

    @property
    def with_runs(self) -> tuple[Part, ...]:
        """The experiments with a recorded run at full scale, counted or not."""
        return tuple(part for part in self.full if len(part.runs))

    @cached_property
    def overview(self) -> Picture | None:
        """All verdicts in one figure; None without one that can be drawn."""
        rows = [(part.experiment, judged) for part in self.full for judged in part.judged]
        return figures.overview(rows, _digest(part.digest.encode() for part in self.full))

    @cached_property
    def table(self) -> Picture | None:
        """What a terminal shows of the first experiment, if it has a verdict."""
        first = self.full[0]
        return figures.table(first.results, first.digest) if first.rank == 0 else None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        drawn = tuple(picture for picture in (self.table, self.overview) if picture)
        return drawn + tuple(picture for part in self.parts for picture in part.pictures)

    @property
    def digest(self) -> str:
        return _digest(f"{part.name} {part.scale} {part.digest}".encode() for part in self.parts)


def load_report(root: Path, draw: figures.Draw, warn: Warn) -> Report:
    """Load everything except the demos, and draw the figures. UserError for a wrong spec.

    What is damaged is left out, and passed to `warn`.
    """
    scales = [scale for scale in records.scales(root) if not scale.is_demo]
    every = load_all(root, spec.names(root), scales)
    for fault in (fault for each in every for fault in each.faults):
        warn(fault)
    parts = [_part(each, draw) for each in every if each.scale.is_full or len(each.clean().runs)]
    return Report(
        full=tuple(sorted((part for part in parts if part.full), key=lambda part: part.rank)),
        reduced=tuple(part for part in parts if not part.full),
        left_out=tuple(folder for each in every for folder in each.uncommitted()),
    )


def _part(every: Results, draw: figures.Draw) -> Part:
    clean = every.clean()
    digest = _digest(_inputs(clean))
    return Part(
        results=clean,
        summary=summarise(clean),
        left_out=every.uncommitted(),
        pictures=figures.pictures(clean, digest, draw) if len(clean.counted().runs) else (),
        digest=digest,
        review=links.find(every.root, every.name, every.scale),
    )


def _inputs(results: Results) -> Iterator[bytes]:
    """The names and contents of the spec and of each record's files; text with line ends as git stores them."""
    files = [(f"experiments/{results.name}.toml", results.experiment.file)]
    for path in (folder / file for folder in results.folders() for file in ("run.json", *records.RESULTS)):
        files.append((path.relative_to(results.root).as_posix(), path))
    for name, path in files:
        if path.is_file():
            content = path.read_bytes()
            yield name.encode()
            yield content if path.suffix == ".npz" else content.replace(b"\r\n", b"\n")


def _digest(contents: Iterable[bytes]) -> str:
    """Sixteen hex digits: the hash of the contents' hashes, so that moving bytes between contents changes it."""
    each = b"".join(hashlib.sha256(content).digest() for content in contents)
    return hashlib.sha256(each).hexdigest()[:16]
