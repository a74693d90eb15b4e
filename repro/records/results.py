"""An experiment and its records at one scale, read once: what judge, tables, figures, report and review are given.

A filter gives the same results with fewer runs. metrics.csv and predictions.npz are read when they are asked for, and
kept. Imports no torch; statistics stay out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from repro import records, spec
from repro.data import catalog
from repro.records.record import FINISHED
from repro.spec import Experiment, Recipe, Run, Scale
from repro.spec.freeze import Registry

T = TypeVar("T")


@dataclass(frozen=True)
class Results:
    """`runs` is a frame with one row per recorded run, as `records.load` gives it: stale and unfinished ones too."""

    root: Path
    experiment: Experiment
    scale: Scale
    runs: pd.DataFrame
    registry: Registry  # of frozen claims
    _files: dict[Any, Any] = field(default_factory=dict, repr=False)  # read so far; shared by all that filters give

    @classmethod
    def load(cls, root: Path, name: str, scale: Scale = spec.FULL) -> "Results":
        """UserError for an unknown experiment, a wrong spec or a damaged record."""
        (results,) = load_all(root, [name], [scale])
        return results

    @property
    def name(self) -> str:
        return self.experiment.name

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        """By arm, as resolved at this scale; as recorded, or not at all, where that takes images that are not here."""
        found = {}
        for arm in self.experiment.arms:
            seeds = self.runs.seed[self.runs.arm == arm.name]
            try:
                (run,) = spec.resolve(self.experiment, [0], arms=[arm.name], scale=self.scale)
                found[arm.name] = run.recipe
            except catalog.Absent:
                if len(seeds):
                    found[arm.name] = records.trained_recipe(self.folder(arm.name, int(seeds.iloc[0])))
        return found

    # --- filters -----------------------------------------------------------------------------------------------------

    def clean(self) -> "Results":
        """The runs that were trained on committed code."""
        return self._where(~self.runs.dirty.astype(bool))

    def usable(self) -> "Results":
        """The runs that are results: finished, diverged ones included, on today's recipe."""
        return self._where(self.runs.status.isin(FINISHED) & (self.runs.stale == ""))

    def counted(self) -> "Results":
        """The usable runs that an arm's numbers rest on: those of one precision, the one with most seeds.

        Runs of different precision are never pooled.
        """
        usable = self.usable()
        leading = {arm: usable.leading_precision(arm) for arm in usable.runs.arm.unique()}
        return usable.in_precision(leading)

    def in_precision(self, by_arm: dict[str, str | None]) -> "Results":
        """The runs of the arms named, each in its precision."""
        return self._where(self.runs.precision == self.runs.arm.map(by_arm))

    def for_arms(self, arms: list[str]) -> "Results":
        return self._where(self.runs.arm.isin(arms))

    def _where(self, kept: "pd.Series[bool]") -> "Results":
        return replace(self, runs=self.runs[kept])

    def leading_precision(self, *arms: str) -> str | None:
        """The precision in which the arm with fewest seeds has most; among equals fp32, tf32, bf16 in that order.

        None where the arms have no run.
        """
        mine = self.for_arms(list(arms)).runs
        if not len(mine):
            return None
        counts = mine.groupby(["precision", "arm"]).size().unstack(fill_value=0)
        counts = counts.reindex(columns=list(arms), fill_value=0)
        ranked = [(row.min(), name == "fp32", str(name)) for name, row in counts.iterrows()]
        return max(ranked)[-1]

    # --- runs --------------------------------------------------------------------------------------------------------

    def run(self, arm: str, seed: int) -> Run:
        return Run(experiment=self.name, arm=arm, seed=seed, scale=self.scale, recipe=self.recipes[arm])

    def done(self) -> list[Run]:
        """Those that reached their end, arm by arm in the spec's order: a diverged one is in no mean."""
        done = self.runs[self.runs.status == "done"]
        return [self.run(arm, int(seed)) for arm in self.recipes for seed in done.seed[done.arm == arm]]

    # --- what the runs left on disk ----------------------------------------------------------------------------------

    def folder(self, arm: str, seed: int) -> Path:
        return records.folder_of(self.root, self.scale, self.name, arm, seed)

    def folders(self) -> list[Path]:
        return [self.folder(arm, seed) for arm, seed in zip(self.runs.arm, self.runs.seed, strict=True)]

    def uncommitted(self) -> tuple[str, ...]:
        """The folders of the runs that `clean` leaves out, from the root, with slashes."""
        dirty = self._where(self.runs.dirty.astype(bool))
        return tuple(folder.relative_to(self.root).as_posix() for folder in dirty.folders())

    def metrics(self, run: Run) -> pd.DataFrame:
        """The run's metrics.csv. UserError where it is missing or damaged."""
        return self._cached(records.read_metrics, run)

    def predictions(self, run: Run) -> tuple[np.ndarray, np.ndarray]:
        """(top1, label) of the run: uint8 (N,) each, in the order of the test set. UserError as `metrics`."""
        return self._cached(records.read_predictions, run)

    def _cached(self, read: Callable[[Path], T], run: Run) -> T:
        key = (read, run.arm, run.seed)
        if key not in self._files:
            self._files[key] = read(self.folder(run.arm, run.seed))
        found: T = self._files[key]
        return found


def load_all(root: Path, names: list[str], scales: list[Scale]) -> list[Results]:
    """Scale by scale, the experiments named. UserError for an unknown one, a wrong spec or a damaged record."""
    registry = Registry(root)
    experiments = [spec.load(name, root) for name in names]
    return [
        Results(root, experiment, scale, records.load(root, experiment, scale), registry)
        for scale in scales
        for experiment in experiments
    ]


def select(root: Path, names: list[str], scale: Scale) -> list[Results]:
    """The experiments named; else those with records of the scale; else all."""
    found = load_all(root, names or spec.names(root), [scale])
    return found if names else [results for results in found if len(results.runs)] or found
