"""The base class and field types of the models of specs, networks and queues: strict and frozen."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A model in which unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def array(item: Any) -> Any:
    """The type of a TOML array, stored as a tuple."""
    return Annotated[tuple[item, ...], Field(strict=False)]


Positive = Annotated[int, Field(gt=0, le=10**9)]
Rate = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
