"""The content of a run.json, as one frozen, typed model for training to write and reports to read. Opens no files.

Errors in a record are reported with file, key and value. Keys that are not listed here are allowed and kept.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from repro.records.fault import Fault
from repro.spec import Precision, Run, ScaleField
from repro.wording import unprintable

SCHEMA = 2  # repro.records.migrate converts schema 1
Status = Literal["running", "interrupted", "failed", "done", "diverged"]
FINISHED: tuple[Status, ...] = ("done", "diverged")  # a run that diverged is a result
Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Positive = Annotated[int, Field(gt=0, lt=2**63)]
Loss = Annotated[float, Field(ge=0, le=3.5e38)]  # nats; a float32
Seconds = Annotated[float, Field(ge=0, le=1e10)]  # three centuries
Text = Annotated[str, Field(min_length=1)]


def _time(text: str) -> str:
    """ValueError for what is no time of ISO 8601 with its offset; "" is allowed, for an unknown time."""
    if text and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time needs its offset from UTC")
    return text


Time = Annotated[str, AfterValidator(_time)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", frozen=True, allow_inf_nan=False)


class Point(_Model):
    """An evaluation; errors in % of images."""

    iteration: Count
    test_error: Percent
    train_error: Percent  # of the batches since the previous evaluation
    test_loss: Loss | None = None  # None if not finite
    validation_error: Percent | None = None
    test_error_fp32: Percent | None = None  # evaluated in fp32; only for the final network


class Session(_Model):
    """One process's uninterrupted training, starting at `iteration`. None = unknown."""

    iteration: Count = 0
    started: Time = ""
    commit: str | None
    dirty: str | None  # a hash of the uncommitted changes; None = no changes
    device: Text
    hardware: Text
    precision: Precision
    step: str = "plain"
    threads: Count | None
    numerics: str | None = None  # a hash of the code that computes the numbers
    packages: dict[str, Text] = Field(default_factory=dict)  # name -> version

    @property
    def installed_version(self) -> str | None:
        """The version of repro, if it was an installed package, whose commit is not known."""
        version = (self.model_extra or {}).get("version")
        return None if version is None else str(version)


class _Schedule(_Model):
    iterations: Positive


class _Recipe(_Model):
    schedule: _Schedule
    batch_size: Positive
    precision: Precision
    dataset: str

    @property
    def keep(self) -> str:
        """Which network the predictions are of; recipes of older versions do not say so."""
        return str((self.model_extra or {}).get("keep", "last"))


class _Run(_Model):
    """The run as it was resolved when it was trained. Other versions of repro may have other keys."""

    recipe: _Recipe


class Record(_Model):
    """Everything recorded about a run. The final `status` is written last."""

    schema_: int = Field(SCHEMA, alias="schema")
    experiment: str
    arm: str
    seed: Count
    scale: ScaleField
    status: Status = "running"
    reason: str = ""  # why it was interrupted, or failed
    iteration: Count = 0
    final: Point | None = None
    best: Point | None = None  # lowest test error
    best_on_validation: Point | None = None
    wall_seconds: Seconds = 0.0  # over all sessions
    finished: Time | None = None
    parameters: Count
    fingerprint: str
    recipe_version: Count
    data_checksum: str
    frozen: str | None = None  # hash of the frozen claims in force when the run started; None = none were frozen
    run: _Run
    sessions: Annotated[tuple[Session, ...], Field(min_length=1, strict=False)]
    trained_as: str = ""  # the run whose record was copied; "" = this run was trained itself
    digests: dict[str, str] = Field(default_factory=dict)  # see repro.records.checks; none in older records

    @model_validator(mode="after")
    def _finished_is_complete(self) -> "Record":
        if self.is_finished and None in (self.final, self.best, self.finished):
            raise ValueError(f"a run with status {self.status!r} must have final, best and finished")
        return self

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def precision(self) -> Precision:
        return self.run.recipe.precision

    def replace(self, **changes: Any) -> "Record":
        """A validated copy with these fields replaced."""
        return Record.model_validate(self.model_dump(by_alias=True) | changes)

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


def new_record(run: Run, *, sessions: tuple[Session, ...], **fields: Any) -> Record:
    """The record of a run that is starting. `fields`: its other fields."""
    names = {"experiment": run.experiment, "arm": run.arm, "seed": run.seed, "scale": run.scale}
    return Record.model_validate(names | fields | {"run": run.model_dump(mode="json"), "sessions": sessions})


def parse_record(content: Any, path: Path) -> Record:
    """The record in `content`. Fault with `path`, key and value if it is incomplete, invalid or not to be printed."""
    if wrong := next(unprintable(content), None):
        raise Fault(path, f"is not a valid record: {wrong}")
    try:
        return Record.model_validate(content)
    except ValidationError as error:
        faults = error.errors()
        if missing := [_key(fault["loc"]) for fault in faults if fault["type"] == "missing"]:
            raise Fault(path, f"is not a valid record: missing {', '.join(missing)}") from error
        first = faults[0]
        reason = first["msg"].removeprefix("Value error, ")
        reason = f"{reason[0].lower()}{reason[1:]}"
        if first["loc"]:
            reason = f"{_key(first['loc'])} = {str(first['input'])[:60]}: {reason}"
        raise Fault(path, f"is not a valid record: {reason}") from error


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
