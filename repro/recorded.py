"""What a run.json holds: its keys and their types, so that a damaged one is told and not stumbled over.

Checked is what readers rely on; a record may hold more. Stays out: files, tables, what makes a record stale.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from repro.errors import UserError

Percent = Annotated[float, Field(ge=0, le=100)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _Point(_Part):
    """An evaluation; errors in % of images."""

    iteration: int
    test_error: Percent
    train_error: Percent
    test_error_fp32: Percent | None = None  # of the final network alone


class _Session(_Part):
    """An unbroken stretch of training, in one process."""

    device: str
    hardware: str
    precision: str
    threads: int | None
    commit: str | None
    dirty: str | None


class _Schedule(_Part):
    iterations: int


class _Recipe(_Part):
    schedule: _Schedule
    precision: Literal["fp32", "tf32", "bf16"] | None = None  # None in schema 1 alone, where it was open


class _Run(_Part):
    recipe: _Recipe


class _Record(_Part):
    experiment: str
    arm: str
    seed: Annotated[int, Field(ge=0)]
    scale: str
    status: Literal["running", "interrupted", "failed", "done", "diverged"]
    reason: str
    iteration: int
    final: _Point | None
    best: _Point | None
    best_on_validation: _Point | None
    wall_seconds: float
    finished: str | None
    parameters: int
    fingerprint: str
    recipe_version: int
    data_checksum: str
    frozen: str | None = None
    run: _Run
    sessions: Annotated[list[_Session], Field(min_length=1)]

    @model_validator(mode="after")
    def _ended(self) -> "_Record":
        if self.status in ("done", "diverged") and None in (self.final, self.best, self.finished):
            raise ValueError(f"a run that is {self.status} has final, best and finished")
        return self


def check(record: dict[str, Any], name: str) -> None:
    """UserError that names the file, the key and the value, unless `record` is a whole one."""
    try:
        _Record.model_validate(record)
    except ValidationError as error:
        faults = error.errors()
        if missing := [_key(fault["loc"]) for fault in faults if fault["type"] == "missing"]:
            raise UserError(f"{name} is not a whole record: {', '.join(missing)} missing") from error
        first = faults[0]
        told = first["msg"].removeprefix("Value error, ")
        told = f"{told[0].lower()}{told[1:]}"
        if first["loc"]:
            told = f"{_key(first['loc'])} = {str(first['input'])[:60]}: {told}"
        raise UserError(f"{name} is not a whole record: {told}") from error


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
