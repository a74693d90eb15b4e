"""What a figure is drawn from: an experiment's runs that count at one scale, and their files. Stays out: drawing."""

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
    """The records cannot give this figure; the message says why."""


@dataclass(frozen=True)
class Answers:
    """A run's top-1 class of every test image, uint8 (N,)."""

    arm: str
    seed: int
    top1: np.ndarray


@dataclass(frozen=True)
class Material:
    """`results`: the runs that count; `arms`: those that have some, in the spec's order."""

    results: Results
    arms: tuple[Arm, ...]
    data_dir: Path

    @property
    def experiment(self) -> Experiment:
        return self.results.experiment

    @property
    def scale(self) -> Scale:
        return self.results.scale

    @property
    def recipes(self) -> dict[str, Recipe]:
        """By arm, as resolved at this scale."""
        return self.results.recipes

    @property
    def counts(self) -> pd.DataFrame:
        """The runs that count, as `records.load` gives them."""
        return self.results.runs

    @property
    def compared(self) -> bool:
        """Only full scale stands beside published numbers."""
        return self.scale.is_full

    def position(self, arm: Arm) -> int:
        """The arm's place in the spec, which decides its colour."""
        return self.experiment.arms.index(arm)

    def runs(self, arm: Arm, status: str | None = None) -> pd.DataFrame:
        """The arm's runs that count, of one `status` ("done" or "diverged") or both."""
        runs = self.counts[self.counts.arm == arm.name]
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
            raise NothingToDraw("no run counts")
        if len(names) > 1:
            raise NothingToDraw(f"the arms are on different data sets: {', '.join(names)}")
        return names[0]

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Class names; numbers where an image folder is not here to be asked."""
        highest = max(int(classes.max()) for classes in (self.labels, *(a.top1 for a in self.answers)))
        return catalog.class_names(self.dataset, highest + 1, self.data_dir)

    @cached_property
    def labels(self) -> np.ndarray:
        """True classes of the test images, uint8 (N,)."""
        return self._predictions[0]

    @cached_property
    def answers(self) -> list[Answers]:
        """Of the runs that were done and have predictions, in order of arm and seed."""
        return self._predictions[1]

    @cached_property
    def _predictions(self) -> tuple[np.ndarray, list[Answers]]:
        assert self.dataset
        labels, answers = None, []
        for run in self.results.done():
            path = self.results.folder(run.arm, run.seed) / "predictions.npz"
            if not path.exists():
                continue
            top1, label = self.results.predictions(run)
            labels = label if labels is None else labels
            if not np.array_equal(label, labels):
                raise UserError(f"{path} is about other test images than the runs before it")
            classes = len(catalog.BUILT_IN[self.dataset].classes) if self.dataset in catalog.BUILT_IN else 256
            if max(top1.max(initial=0), label.max(initial=0)) >= classes:
                raise UserError(f"{path} has a class beyond the {classes} of {self.dataset}")
            answers.append(Answers(run.arm, run.seed, top1))
        if labels is None or not len(labels):
            raise NothingToDraw("no predictions.npz of a run that was done")
        return labels, answers

    def answers_of(self, arm: Arm) -> list[Answers]:
        return [answer for answer in self.answers if answer.arm == arm.name]

    # --- what the caption says ---------------------------------------------------------------------------------------

    def sizes(self, runs: pd.DataFrame | None = None) -> str:
        """n = 5 seeds an arm; 45 runs of 64,000 iterations on NVIDIA H200, bf16."""
        runs = self.counts if runs is None else runs
        n = sorted(Counter(runs.arm).values())
        seeds = plural(n[-1], "seed") if n[0] == n[-1] else f"{n[0]} to {plural(n[-1], 'seed')}"
        parts = [f"n = {seeds} an arm" if len(n) > 1 else f"n = {seeds}"]
        places = Counter(zip(runs.iterations, runs.hardware, runs.precision, strict=True))
        for (iterations, hardware, precision), count in sorted(places.items()):
            parts.append(f"{plural(count, 'run')} of {iterations:,} iterations on {hardware}, {precision}")
        if lacking := len(self.experiment.arms) - len(set(self.counts.arm)):
            parts.append(f"{lacking} of {len(self.experiment.arms)} arms not shown")
        return "; ".join(parts) + "."

    def sizes_of_answers(self) -> str:
        """`sizes` of the runs in `answers`, and how many have none."""
        have = {(answer.arm, answer.seed) for answer in self.answers}
        with_answers = [key in have for key in zip(self.counts.arm, self.counts.seed, strict=True)]
        lacking = len(with_answers) - sum(with_answers)
        note = f" {plural(lacking, 'run')} diverged or without predictions left out." if lacking else ""
        return self.sizes(self.counts[with_answers]) + note


def gather(results: Results, arms: list[str] | None = None, data_dir: Path | None = None) -> Material:
    """The runs of `arms` (default: all) that count. UserError for an unknown arm."""
    for name in arms or ():
        results.experiment.arm(name)
    counts = results.counted()
    if arms:
        counts = counts.for_arms(arms)
    have = set(counts.runs.arm)
    return Material(
        results=counts,
        arms=tuple(arm for arm in results.experiment.arms if arm.name in have),
        data_dir=data_dir or catalog.data_dir(),
    )
