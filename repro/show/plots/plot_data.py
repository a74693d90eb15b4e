"""What a figure is drawn from: an experiment's counted runs at one scale, and their files. Does not draw."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from repro.data import catalog
from repro.errors import UserError
from repro.records.results import Results
from repro.spec import Arm, Experiment, Published, Recipe, Scale
from repro.wording import plural


class NothingToDraw(Exception):
    """The records do not suffice for this figure; the message says why."""


@dataclass(frozen=True)
class RunPredictions:
    """The top-1 class that a run gave each test image, uint8 (N,)."""

    arm: str
    seed: int
    top1: np.ndarray


@dataclass(frozen=True)
class PlotData:
    """`results`: the counted runs; `arms`: those that have any, in the spec's order; `titled`: whether figures are."""

    results: Results
    arms: tuple[Arm, ...]
    data_dir: Path
    titled: bool = True

    @property
    def experiment(self) -> Experiment:
        return self.results.experiment

    @property
    def scale(self) -> Scale:
        return self.results.scale

    @property
    def recipes(self) -> dict[str, Recipe]:
        """The recipe of each arm, as resolved at this scale."""
        return self.results.recipes

    @property
    def counted(self) -> pd.DataFrame:
        """The counted runs, one row each, as `records.load` returns them."""
        return self.results.runs

    @property
    def compared(self) -> bool:
        """Whether published numbers are shown: at full scale only."""
        return self.scale.is_full

    @property
    def warning(self) -> str:
        """What a reader must know of the runs before the numbers; "" for recorded runs at full scale."""
        return self.results.heading if self.results.caveat or not self.compared else ""

    def position(self, arm: Arm) -> int:
        """The arm's index in the spec, which decides its colour and marker."""
        return self.experiment.arms.index(arm)

    def runs(self, arm: Arm, status: str | None = None) -> pd.DataFrame:
        """The arm's counted runs, of one `status` ("done" or "diverged") or both."""
        runs = self.counted[self.counted.arm == arm.name]
        return runs if status is None else runs[runs.status == status]

    def published(self, arm: Arm) -> Published | None:
        return arm.published if self.compared else None

    def metrics(self, arm: Arm, status: str) -> dict[int, pd.DataFrame]:
        """The arm's metrics.csv by seed."""
        runs = [self.results.run(arm.name, int(seed)) for seed in self.runs(arm, status).seed]
        return {run.seed: self.results.metrics(run) for run in runs}

    # --- test images -------------------------------------------------------------------------------------------------

    @cached_property
    def dataset(self) -> str:
        """The data set of all arms."""
        names = sorted({self.recipes[arm.name].dataset for arm in self.arms})
        if not names:
            raise NothingToDraw("no counted runs")
        if len(names) > 1:
            raise NothingToDraw(f"the arms are on different data sets: {', '.join(names)}")
        return names[0]

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Class names; numbers for an image folder that is not on this machine."""
        highest = max(int(classes.max()) for classes in (self.labels, *(a.top1 for a in self.predictions)))
        return catalog.class_names(self.dataset, highest + 1, self.data_dir)

    @cached_property
    def labels(self) -> np.ndarray:
        """True classes of the test images, uint8 (N,)."""
        return self._labels_and_predictions[0]

    @cached_property
    def predictions(self) -> list[RunPredictions]:
        """The predictions of completed runs, in order of arm and seed."""
        return self._labels_and_predictions[1]

    @cached_property
    def _labels_and_predictions(self) -> tuple[np.ndarray, list[RunPredictions]]:
        assert self.dataset
        labels, predictions = None, []
        for run in self.results.done():
            top1, label = self.results.predictions(run)
            labels = label if labels is None else labels
            if not np.array_equal(label, labels):
                raise UserError(f"{run.name}: its test images differ from those of the other runs")
            predictions.append(RunPredictions(run.arm, run.seed, top1))
        if labels is None:
            raise NothingToDraw("no run is completed")
        return labels, predictions

    def predictions_of(self, arm: Arm) -> list[RunPredictions]:
        return [run for run in self.predictions if run.arm == arm.name]

    # --- captions ----------------------------------------------------------------------------------------------------

    def sample_sizes(self, runs: pd.DataFrame | None = None) -> str:
        """n = 5 seeds per arm; 45 runs of 64,000 iterations on NVIDIA H200, bf16. Without what is not known."""
        runs = self.counted if runs is None else runs
        n = sorted(Counter(runs.arm).values())
        seeds = plural(n[-1], "seed") if n[0] == n[-1] else f"{n[0]} to {plural(n[-1], 'seed')}"
        parts = [f"n = {seeds} per arm" if len(n) > 1 else f"n = {seeds}"]
        known = runs[runs.hardware != ""]
        conditions = Counter(zip(known.iterations, known.hardware, known.precision, strict=True))
        for (iterations, hardware, precision), count in sorted(conditions.items()):
            parts.append(f"{plural(count, 'run')} of {iterations:,} iterations on {hardware}, {precision}")
        if lacking := len(self.experiment.arms) - len(set(self.counted.arm)):
            parts.append(f"{lacking} of {len(self.experiment.arms)} arms not shown")
        return "; ".join(parts) + "."

    def sample_sizes_of_predictions(self) -> str:
        """`sample_sizes` of the runs in `predictions`, and how many runs are not."""
        have = {(run.arm, run.seed) for run in self.predictions}
        included = [key in have for key in zip(self.counted.arm, self.counted.seed, strict=True)]
        lacking = len(included) - sum(included)
        note = f" {plural(lacking, 'run')} left out (diverged)." if lacking else ""
        return self.sample_sizes(self.counted[included]) + note


def make_plot_data(
    results: Results, arms: list[str] | None = None, data_dir: Path | None = None, titled: bool = True
) -> PlotData:
    """The counted runs of `arms` (default: all). UserError for an unknown arm."""
    for name in arms or ():
        results.experiment.arm(name)
    counted = results.counted()
    if arms:
        counted = counted.for_arms(arms)
    have = set(counted.runs.arm)
    return PlotData(
        results=counted,
        arms=tuple(arm for arm in results.experiment.arms if arm.name in have),
        data_dir=data_dir or catalog.data_dir(),
        titled=titled,
    )
