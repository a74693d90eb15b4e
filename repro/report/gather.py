"""results/ and experiments/ -> what the report is about, each experiment at each scale. Stays out: wording."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from repro import records, spec
from repro.judge import Judged
from repro.report import clean, figures
from repro.report.document import Picture
from repro.spec import Experiment, Scale
from repro.tables import Summary, summarise
from repro.tracking import links


@dataclass(frozen=True)
class Part:
    """An experiment at one scale, over the runs that were trained on committed code."""

    experiment: Experiment
    scale: Scale
    summary: Summary  # with claims at full scale only
    runs: pd.DataFrame  # as records.load gives them: stale and unfinished ones too
    left_out: tuple[str, ...]  # folders of runs that were trained on uncommitted changes
    pictures: tuple[Picture, ...]
    digest: str  # of the spec and the records
    review: str = ""  # the address of its W&B Report, where one was saved

    @cached_property
    def counted(self) -> pd.DataFrame:
        return records.counted(self.runs)

    @property
    def judged(self) -> list[Judged]:
        return self.summary.judged

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def full(self) -> bool:
        return self.scale.is_full

    def label(self, arm: str) -> str:
        """The arm's label; its name where the spec has no such arm any more."""
        return next((a.label for a in self.experiment.arms if a.name == arm), arm)


@dataclass(frozen=True)
class Report:
    full: tuple[Part, ...]  # every experiment, with runs or without
    reduced: tuple[Part, ...]  # those with runs, the largest scale first
    left_out: tuple[str, ...]  # folders of all runs that were trained on uncommitted changes

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.full + self.reduced

    @property
    def digest(self) -> str:
        return _digest(f"{part.name} {part.scale} {part.digest}".encode() for part in self.parts)


def gather(root: Path, draw: figures.Draw) -> Report:
    """Read everything, and draw the figures. UserError for a wrong spec or a damaged record."""
    parts = []
    with clean.view(root) as (seen, left_out):
        for scale in clean.scales(root):
            for name in spec.names(root):
                runs = records.load(seen, [name], scale)
                if scale.is_full or len(runs):
                    part = _part(seen, name, scale, runs, left_out.get((name, scale), ()), draw)
                    parts.append(replace(part, review=links.find(root, name, scale)))
    return Report(
        full=tuple(part for part in parts if part.full),
        reduced=tuple(part for part in parts if not part.full),
        left_out=tuple(folder for folders in left_out.values() for folder in folders),
    )


def _part(
    root: Path, name: str, scale: Scale, runs: pd.DataFrame, left_out: tuple[str, ...], draw: figures.Draw
) -> Part:
    experiment = spec.load(name, root)
    digest = _digest(_inputs(root, name, runs))
    return Part(
        experiment=experiment,
        scale=scale,
        summary=summarise(root, name, scale),
        runs=runs,
        left_out=left_out,
        pictures=figures.pictures(root, name, scale, digest, draw) if len(records.counted(runs)) else (),
        digest=digest,
    )


def _inputs(root: Path, name: str, runs: pd.DataFrame) -> Iterator[bytes]:
    """The spec and each record's files with their names; text as git may store it, with either end of line."""
    paths = [root / "experiments" / f"{name}.toml"]
    for row in runs.to_dict("records"):
        paths += [clean.folder_of(root, row) / file for file in clean.FILES]
    for path in paths:
        if path.is_file():
            content = path.read_bytes()
            yield path.relative_to(root).as_posix().encode()
            yield content if path.suffix == ".npz" else content.replace(b"\r\n", b"\n")


def _digest(contents: Iterable[bytes]) -> str:
    """Sixteen hex digits, of each content's own hash, so that none can run into the next."""
    each = b"".join(hashlib.sha256(content).digest() for content in contents)
    return hashlib.sha256(each).hexdigest()[:16]
