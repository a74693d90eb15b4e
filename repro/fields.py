"""What the models of specs, networks and queues are made of: strict, frozen tables and the types of their values."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Unknown keys and silently converted types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def array(item: Any) -> Any:
    """A TOML array, held as a tuple."""
    return Annotated[tuple[item, ...], Field(strict=False)]


Positive = Annotated[int, Field(gt=0, le=10**9)]
Rate = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
