"""Results that other code trained, from a CSV file with one row per run. They are never written to results/.

| column | in it |
|---|---|
| `arm`, `seed` | the run; each pair once |
| `test_error` | % of images, after the last iteration; empty = the run diverged, which is a result |
| `train_error` | optional: %, over the batches since the last evaluation |
| `best_test_error` | optional: %, the lowest at any evaluation |
| `validated_test_error` | optional: %, at the evaluation that is best on the validation split |

Such runs are judged as recorded ones are, and marked: nothing is known of their recipe, nor whether the claims were
fixed before them. What the file does not hold gives no verdict and no figure.
"""

import csv
import difflib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import ConfigDict, Field, ValidationError, model_validator

from repro import spec
from repro.claims.rules.metrics import Metric
from repro.errors import UserError
from repro.fields import Frozen
from repro.records.frame import COLUMNS
from repro.records.record import Percent
from repro.records.results import NoFiles, Results
from repro.spec import Experiment, Recipe
from repro.spec.freeze import Registry
from repro.spec.messages import explain

REQUIRED = ("arm", "seed", "test_error")
OPTIONAL = ("train_error", "best_test_error", "validated_test_error")
ALLOWED = f"allowed: {', '.join(REQUIRED)}, and optionally {', '.join(OPTIONAL)}"


@dataclass(frozen=True, kw_only=True)
class TrainedElsewhere(Results):
    """Runs from the CSV file called `file`, which has these `columns`."""

    file: str
    columns: tuple[str, ...]

    @property
    def caveat(self) -> str:
        return "trained elsewhere"

    @property
    def heading(self) -> str:
        return (
            f"Trained elsewhere: results read from {self.file}, not checked against the recipe; "
            "whether the claims were fixed before these runs is not known"
        )

    @property
    def folder_name(self) -> str:
        return f"{self.name}-elsewhere"

    @property
    def warning(self) -> str:
        """What is probably wrong with the values; "" if nothing is."""
        errors = self.recorded.test_error.dropna()
        printed = [arm.published.test_error for arm in self.experiment.arms if arm.published]
        if len(errors) and errors.max() < 1 and min(printed, default=100) >= 1:
            return f"all test errors in {self.file} are below 1: these look like fractions; test_error is in %"
        return ""

    def lacks(self, metric: Metric) -> str:
        if metric.kept_in == "curve":
            return f"{self.file} has no learning curves"
        if metric.kept_in == "predictions":
            return f"{self.file} has no predictions, so no errors by class"
        column = "train_error" if metric.column == "gap" else metric.column
        return "" if column in self.columns else f"{self.file} has no column {column}"

    @property
    def iterations(self) -> dict[str, int]:
        return {}

    @property
    def recipes(self) -> dict[str, Recipe]:
        raise self._no_files

    def folder(self, arm: str, seed: int) -> Path:
        raise self._no_files

    @property
    def _no_files(self) -> NoFiles:
        return NoFiles(f"{self.file} has no learning curves and no predictions")


def read(path: Path, experiment: Experiment) -> TrainedElsewhere:
    """The runs in a CSV file. UserError with all that is wrong with it, by line, column and value."""
    lines = list(_lines(path))
    if not lines:
        raise UserError(f"{path} is empty: its first line must name the columns; {ALLOWED}")
    (number, columns), *rows = lines
    _raise(path, [f"line {number}: {error}" for error in _header_errors(columns)])
    if not rows:
        raise UserError(f"{path} has no runs: it has the line with the columns only, and needs one row per run")
    runs, errors = _runs(columns, rows, experiment)
    _raise(path, errors)
    frame = pd.DataFrame([_row(run, experiment) for run in runs], columns=list(COLUMNS))
    return TrainedElsewhere(
        root=path.parent,
        experiment=experiment,
        scale=spec.FULL,
        recorded=frame.sort_values(["arm", "seed"], ignore_index=True),
        registry=Registry(path.parent),
        file=path.name,
        columns=tuple(columns),
    )


def _raise(path: Path, errors: list[str]) -> None:
    if errors:
        raise UserError("\n".join(f"{path}, {error}" for error in errors))


# --- the file --------------------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each line's number and cells; those without any text are left out. UserError if the file is not CSV in UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; save the file as CSV in UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise UserError(f"{path}, line {number}: not CSV: {error}") from error
        if cells is None:
            return
        if any(stripped := [cell.strip() for cell in cells]):
            yield number, stripped


def _header_errors(columns: list[str]) -> list[str]:
    found = []
    for place, name in enumerate(columns, start=1):
        if not name:
            found.append(f"column {place} has no name; {ALLOWED}")
        elif name not in (*REQUIRED, *OPTIONAL):
            found.append(f"unknown column {name!r}{_nearest(name, (*REQUIRED, *OPTIONAL))}; {ALLOWED}")
        elif name in columns[: place - 1]:
            found.append(f"the column {name!r} is there twice")
    missing = [name for name in REQUIRED if name not in columns]
    if missing and (separator := next((mark for mark in ";\t" if mark in columns[0]), "")):
        return [f"the columns are separated by {separator!r}; allowed: commas"]
    return found + [f"the column {name!r} is missing" for name in missing]


def _nearest(name: str, allowed: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, allowed, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


# --- its rows --------------------------------------------------------------------------------------------------------


class _Run(Frozen):
    """A row of the file. Its values are text, so numbers are parsed."""

    model_config = ConfigDict(strict=False)

    arm: str
    seed: Annotated[int, Field(ge=0)]
    test_error: Percent | None  # None = the run diverged
    train_error: Percent | None = None
    best_test_error: Percent | None = None
    validated_test_error: Percent | None = None

    @model_validator(mode="after")
    def _agrees(self) -> "_Run":
        if self.test_error is None:
            return self
        for name in OPTIONAL:
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(
                    f"{name} is empty; give it for each run that has a test_error, or leave the column out"
                )
        if self.best_test_error is not None and self.best_test_error > self.test_error:
            raise ValueError(
                f"best_test_error = {self.best_test_error:g} is above test_error = {self.test_error:g}, "
                "but it is the lowest at any evaluation, the last one included"
            )
        return self


def _runs(
    columns: list[str], rows: list[tuple[int, list[str]]], experiment: Experiment
) -> tuple[list[_Run], list[str]]:
    """The runs, and what is wrong with the rows that are none."""
    runs, errors = [], []
    names = tuple(arm.name for arm in experiment.arms)
    first: dict[tuple[str, int], int] = {}  # the line of each run
    for number, cells in rows:
        place = f"line {number}"
        if len(cells) != len(columns):
            errors.append(f"{place}: it has {len(cells)} values, but there are {len(columns)} columns")
            continue
        fields = {
            name: cell or None if name in ("test_error", *OPTIONAL) else cell
            for name, cell in zip(columns, cells, strict=True)
        }
        if (arm := fields["arm"]) not in names:
            hint = _nearest(str(arm), names)
            errors.append(
                f"{place}: arm = {arm!r} is not an arm of {experiment.name}{hint}; allowed: {', '.join(names)}"
            )
        try:
            run = _Run.model_validate(fields)
        except ValidationError as error:
            errors += explain(error, _Run, place)
            continue
        if (before := first.setdefault((run.arm, run.seed), number)) != number:
            errors.append(f"{place}: arm {run.arm!r} seed {run.seed} is already on line {before}")
        runs.append(run)
    return runs, errors


def _row(run: _Run, experiment: Experiment) -> dict[str, Any]:
    """The run as a row of `records.load`, with None (hardware: "") for what is not known.

    Its precision is the one that its arm asks for; "" if it asks for none, so that all such runs are of one.
    """
    final, best = run.test_error, run.best_test_error
    errors = run.model_dump(include={"test_error", *OPTIONAL}) if final is not None else {}
    return (
        dict.fromkeys(COLUMNS)
        | errors
        | {
            "experiment": experiment.name,
            "arm": run.arm,
            "seed": run.seed,
            "scale": spec.FULL,
            "status": "diverged" if final is None else "done",
            "stale": "",
            "gap": None if final is None or run.train_error is None else final - run.train_error,
            "peek_bias": None if final is None or best is None else best - final,
            "hardware": "",
            "precision": experiment.arm(run.arm).recipe.precision or "",
            "dirty": False,
            "trained_as": "",
        }
    )
