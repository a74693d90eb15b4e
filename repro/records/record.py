"""What a run.json holds, as one frozen, typed model: training writes it, everybody reads it. Knows no files.

A damaged record is reported by file, key and value instead of being stumbled over. A record may hold more than is
named here; it is kept.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from repro.errors import UserError
from repro.spec import Precision, Run, ScaleField

SCHEMA = 2  # 1: see repro.records.migrate
Status = Literal["running", "interrupted", "failed", "done", "diverged"]
FINISHED: tuple[Status, ...] = ("done", "diverged")  # a run that diverged is a result
Percent = Annotated[float, Field(ge=0, le=100)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", frozen=True, allow_inf_nan=False)


class Point(_Part):
    """An evaluation; errors in % of images."""

    iteration: int
    test_error: Percent
    train_error: Percent  # of the batches since the evaluation before it
    test_loss: float | None = None  # nats; None where it is not finite
    validation_error: Percent | None = None
    test_error_fp32: Percent | None = None  # of the final network alone, evaluated in fp32


class Session(_Part):
    """An unbroken stretch of training, in one process, from `iteration` on. None = not known."""

    iteration: int = 0
    started: str = ""
    commit: str | None
    dirty: str | None  # a hash of what was not committed
    device: str
    hardware: str
    precision: Precision
    step: str = "plain"
    threads: int | None
    numerics: str | None = None  # a hash of the code that numbers go through


class _Schedule(_Part):
    iterations: int


class _Recipe(_Part):
    schedule: _Schedule
    batch_size: int
    precision: Precision


class _Run(_Part):
    """A run as its spec had it when it was trained; another version of repro may know other keys."""

    recipe: _Recipe


class Record(_Part):
    """All that is known of a run; `status` gets its final value last."""

    schema_: int = Field(SCHEMA, alias="schema")
    experiment: str
    arm: str
    seed: Annotated[int, Field(ge=0)]
    scale: ScaleField
    status: Status = "running"
    reason: str = ""  # why it was interrupted, or failed
    iteration: int = 0
    final: Point | None = None
    best: Point | None = None  # on the test images
    best_on_validation: Point | None = None
    wall_seconds: float = 0.0  # over all sessions
    finished: str | None = None
    parameters: int
    fingerprint: str
    recipe_version: int
    data_checksum: str
    frozen: str | None = None  # the entry of frozen claims in force when it began; None before any
    run: _Run
    sessions: Annotated[tuple[Session, ...], Field(min_length=1, strict=False)]
    trained_as: str = ""  # the run that this one is a copy of

    @model_validator(mode="after")
    def _ended(self) -> "Record":
        if self.is_finished and None in (self.final, self.best, self.finished):
            raise ValueError(f"a run that is {self.status} has final, best and finished")
        return self

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def precision(self) -> Precision:
        return self.run.recipe.precision

    def replace(self, **changes: Any) -> "Record":
        """A copy with these values in the place of its own."""
        return Record.model_validate(self.model_dump(by_alias=True) | changes)

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


def new_record(run: Run, *, sessions: tuple[Session, ...], **known: Any) -> Record:
    """The record of a run that has just begun; `known`: its other fields."""
    names = {"experiment": run.experiment, "arm": run.arm, "seed": run.seed, "scale": run.scale}
    return Record.model_validate(names | known | {"run": run.model_dump(mode="json"), "sessions": sessions})


def parse_record(content: dict[str, Any], name: str) -> Record:
    """UserError that names the file, the key and the value, unless `content` is a whole record."""
    try:
        return Record.model_validate(content)
    except ValidationError as error:
        faults = error.errors()
        if missing := [_key(fault["loc"]) for fault in faults if fault["type"] == "missing"]:
            raise UserError(f"{name} is not a whole record: {', '.join(missing)} missing") from error
        first = faults[0]
        why = first["msg"].removeprefix("Value error, ")
        why = f"{why[0].lower()}{why[1:]}"
        if first["loc"]:
            why = f"{_key(first['loc'])} = {str(first['input'])[:60]}: {why}"
        raise UserError(f"{name} is not a whole record: {why}") from error


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
