"""An experiment and its runs at one scale, read once: the input of verdicts, tables, figures, report and review.

The runs are those recorded in results/; `repro.records.elsewhere` has those that other code trained.

A filter returns the same results with fewer runs. metrics.csv and predictions.npz are read on first use and cached.
Imports no torch; computes no statistics.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from repro import records, spec
from repro.claims.rules.metrics import Metric
from repro.data import catalog
from repro.errors import UserError
from repro.records.fault import Fault
from repro.records.record import FINISHED
from repro.spec import Experiment, Recipe, Run, Scale, Try
from repro.spec.freeze import Registry

T = TypeVar("T")


class NoFiles(UserError):
    """There are no files of the runs, nor a record of their recipes; the message says what there is."""


@dataclass(frozen=True)
class Results:
    """`recorded` and `faults` are what `records.load` returns: one row per recorded run, stale, unfinished and damaged
    ones included, and what is damaged."""

    root: Path
    experiment: Experiment
    scale: Scale
    recorded: pd.DataFrame
    registry: Registry  # of frozen claims
    faults: tuple[Fault, ...] = ()
    _files: dict[Any, Any] = field(default_factory=dict, repr=False)  # cache, shared by all filtered copies

    @classmethod
    def load(cls, root: Path, name: str, scale: Scale = spec.FULL) -> "Results":
        """UserError for an unknown experiment or an invalid spec."""
        (results,) = load_all(root, [name], [scale])
        return results

    @property
    def name(self) -> str:
        return self.experiment.name

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The recorded runs of the arms: without those of other readings, which only `repro.claims.why` looks at."""
        return self.recorded[~self.recorded.arm.map(spec.is_reading).astype(bool)]

    @property
    def iterations(self) -> dict[str, int]:
        """Arm -> the iterations of its schedule; an arm is left out where they are not known."""
        return {arm: recipe.schedule.iterations for arm, recipe in self.recipes.items()}

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        """Arm -> recipe resolved at this scale.

        If that requires an image folder that is absent, the recipe is taken from a record; without one the arm is
        left out.
        """
        found = {}
        for arm in self.experiment.arms:
            recorded = self.runs[(self.runs.arm == arm.name) & self.runs.status.isin(FINISHED)]
            try:
                (run,) = spec.resolve(self.experiment, [0], arms=[arm.name], scale=self.scale)
                found[arm.name] = run.recipe
            except catalog.Absent:
                if len(recorded):
                    found[arm.name] = records.trained_recipe(self.folder(arm.name, int(recorded.seed.iloc[0])))
        return found

    # --- provenance --------------------------------------------------------------------------------------------------

    @property
    def caveat(self) -> str:
        """What stands above the numbers and verdicts of runs that have no records; "" if they have."""
        return ""

    @property
    def heading(self) -> str:
        """The heading above the numbers of these runs."""
        return self.scale.heading

    @property
    def folder_name(self) -> str:
        """The name of a folder for what is made of these runs."""
        return "-".join(filter(None, (self.name, self.scale.folder)))

    def lacks(self, metric: Metric) -> str:
        """Why `metric` is known of no run, however many there are; "" if it may be known."""
        return ""

    # --- filters -----------------------------------------------------------------------------------------------------

    def clean(self) -> "Results":
        """The runs trained from committed code."""
        return self._where(~self.recorded.dirty.astype(bool))

    def usable(self) -> "Results":
        """The runs that are results: finished (diverged ones included), not stale and not damaged."""
        return self._where(self.recorded.status.isin(FINISHED) & (self.recorded.stale == ""))

    def counted(self) -> "Results":
        """The usable runs that an arm's numbers are computed from: those of its leading precision.

        Runs of different precision are never pooled.
        """
        usable = self.usable()
        leading = {arm: usable.leading_precision(arm) for arm in usable.recorded.arm.unique()}
        return usable.in_precision(leading)

    def in_precision(self, by_arm: dict[str, str | None]) -> "Results":
        """The runs of these arms, each arm in its given precision."""
        return self._where(self.recorded.precision == self.recorded.arm.map(by_arm))

    def for_arms(self, arms: list[str]) -> "Results":
        return self._where(self.recorded.arm.isin(arms))

    def _where(self, kept: "pd.Series[bool]") -> "Results":
        return replace(self, recorded=self.recorded[kept])

    def leading_precision(self, *arms: str) -> str | None:
        """The precision with the most seeds, counting for each precision the arm that has the fewest.

        Ties are resolved in the order fp32, tf32, bf16. None if the arms have no run.
        """
        runs = self.for_arms(list(arms)).recorded
        if not len(runs):
            return None
        counts = runs.groupby(["precision", "arm"]).size().unstack(fill_value=0)
        counts = counts.reindex(columns=list(arms), fill_value=0)
        ranked = [(row.min(), name == "fp32", str(name)) for name, row in counts.iterrows()]
        return max(ranked)[-1]

    # --- runs --------------------------------------------------------------------------------------------------------

    def run(self, arm: str, seed: int) -> Run:
        return Run(experiment=self.name, arm=arm, seed=seed, scale=self.scale, recipe=self.recipes[arm])

    def done(self) -> list[Run]:
        """The runs that completed without diverging, by arm in the spec's order. Means are taken over these."""
        done = self.runs[self.runs.status == "done"]
        return [self.run(arm, int(seed)) for arm in self.recipes for seed in done.seed[done.arm == arm]]

    # --- files -------------------------------------------------------------------------------------------------------

    def folder(self, arm: str, seed: int) -> Path:
        return records.folder_of(self.root, self.scale, self.name, arm, seed)

    def folders(self) -> list[Path]:
        return [self.folder(arm, seed) for arm, seed in zip(self.recorded.arm, self.recorded.seed, strict=True)]

    def uncommitted(self) -> tuple[str, ...]:
        """The folders of the runs that `clean` leaves out, as POSIX paths relative to the root."""
        dirty = self._where(self.recorded.dirty.astype(bool))
        return tuple(folder.relative_to(self.root).as_posix() for folder in dirty.folders())

    def metrics(self, run: Run) -> pd.DataFrame:
        """The run's metrics.csv. UserError if it is missing or damaged."""
        return self._cached(records.read_metrics, run)

    def metrics_of(self, arm: str, seed: int) -> pd.DataFrame:
        """The same of a recorded run, whatever its state."""
        return records.read_metrics(self.folder(arm, seed))

    def predictions(self, run: Run) -> tuple[np.ndarray, np.ndarray]:
        """(top1, label) of the run: uint8 (N,) each, in the order of the test set. UserError if missing or damaged."""
        return self._cached(records.read_predictions, run)

    def _cached(self, read: Callable[[Path], T], run: Run) -> T:
        key = (read, run.arm, run.seed)
        if key not in self._files:
            self._files[key] = read(self.folder(run.arm, run.seed))
        found: T = self._files[key]
        return found


def load_all(root: Path, names: list[str], scales: list[Scale]) -> list[Results]:
    """The named experiments at each scale. UserError for an unknown one or an invalid spec."""
    registry = Registry(root)
    experiments = [spec.load(name, root) for name in names]
    found = []
    for scale in scales:
        for experiment in experiments:
            if scale.scratch:
                experiment = _with_tries(root, experiment, scale)
            recorded, faults = records.load(root, experiment, scale)
            found.append(Results(root, experiment, scale, recorded, registry, faults))
    return found


def _with_tries(root: Path, experiment: Experiment, scale: Scale) -> Experiment:
    """What is left of the experiment to look at its recorded tries. Those that are not valid today stay stale."""
    names = sorted(path.name for path in (records.results_folder(root, scale) / experiment.name).glob("*"))
    tries = list[Try]()
    for name in filter(spec.is_try, names):
        with suppress(UserError):
            tries += spec.parse(experiment.file, [name]).tries
    return experiment.model_copy(update={"tries": tuple(tries)}).tried(names)


def select(root: Path, names: list[str], scale: Scale) -> list[Results]:
    """The named experiments; if none are named, those with records at this scale; if none have any, all."""
    found = load_all(root, names or spec.names(root), [scale])
    if scale.scratch and not any(len(results.runs) for results in found):
        raise UserError(f"there are no quick tries{scale.flag}; to record one: repro run EXPERIMENT --set KEY=VALUE")
    return found if names else [results for results in found if len(results.runs)] or found
