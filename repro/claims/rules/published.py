"""A published number, as a spec states it. Why it may not be comparable with ours: `repro.claims.protocol`."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro.fields import Frozen, Name, Positive

PLANNED_SD = 0.2  # points; the sd over seeds to plan by, where a source prints none


class Published(Frozen):
    """A published test error in %, and how it was obtained."""

    test_error: Annotated[float, Field(ge=0, le=100)]
    reference: Name  # the id of a [[reference]]
    sd: Annotated[float, Field(ge=0)] | None = None
    runs: Positive | None = None  # None = unstated
    statistic: Literal["mean", "median"] = "mean"  # over those runs
    selection: Literal["final", "best-test", "best-validation", "unstated"] = "unstated"
    where: str  # table, figure, page
    dataset: str | None = None  # if not the experiment's own: the number is then shown, but not compared
    same_protocol: bool = True  # False: another schedule, network or selection than this spec's
    quote: str = ""  # the number as printed, if that was an accuracy

    @model_validator(mode="after")
    def _sd_only_with_mean(self) -> "Published":
        if self.statistic == "median" and self.sd is not None:
            raise ValueError("sd is allowed only with statistic 'mean', not 'median'")
        return self

    @property
    def mean_of(self) -> int:
        """The number of runs whose mean is as precise as this number. A median of n counts as a mean of 2n/pi."""
        share = 2 / math.pi if self.statistic == "median" else 1.0
        return max(1, int(share * (self.runs or 1)))


def comparable_difference(first: Published | None, second: Published | None) -> float | None:
    """second - first in points; None unless both are published of this data set and protocol."""
    known = [number.test_error for number in (first, second) if number and number.same_protocol and not number.dataset]
    return round(known[1] - known[0], 6) if len(known) == 2 else None


def spreads(numbers: Sequence[Published | None]) -> tuple[float, ...]:
    """The sd over seeds to plan by, of each arm: the published one, or else PLANNED_SD."""
    return tuple((number.sd if number else None) or PLANNED_SD for number in numbers)
