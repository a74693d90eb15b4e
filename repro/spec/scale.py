"""The scale of a run: the full schedule of its source, a fraction of it, or a demo's own; and whether it is a try."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from repro.errors import UserError

SCRATCH = "scratch"  # the folder of tries in results/
SHORT_NUMBER = r"[^eE]{1,20}([eE][+-]?\d{1,2})?"  # Fraction("1e-999999999") would take forever


@dataclass(frozen=True)
class Scale:
    """`fraction` of the schedule, above 0 and at most 1; None for a demo. `str` gives the text stored in records.

    `scratch`: a quick try, whose records are kept apart and count for nothing, whatever its schedule.
    """

    fraction: Fraction | None
    scratch: bool = False

    @classmethod
    def of(cls, fraction: str) -> "Scale":
        """The scale for a user's text such as "1/200" or "0.01". UserError for anything else, including "demo"."""
        try:
            if not re.fullmatch(SHORT_NUMBER, fraction):
                raise ValueError(fraction)
            value = Fraction(fraction)
        except (ValueError, ZeroDivisionError):
            raise UserError(
                f"scale {fraction!r} is not a fraction; allowed: above 0 and at most 1, such as 1/200"
            ) from None
        if not 0 < value <= 1:
            raise UserError(f"scale {fraction} is out of range; allowed: above 0 and at most 1, such as 1/200")
        return cls(value)

    @classmethod
    def parse(cls, text: str) -> "Scale":
        """The scale for the text stored in a record: "1", "1/200", "demo", or one of these after "scratch "."""
        if text.startswith(f"{SCRATCH} "):
            return replace(cls.parse(text.removeprefix(f"{SCRATCH} ")), scratch=True)
        return DEMO if text == "demo" else cls.of(text)

    def __str__(self) -> str:
        schedule = "demo" if self.fraction is None else str(self.fraction)
        return f"{SCRATCH} {schedule}" if self.scratch else schedule

    @property
    def is_full(self) -> bool:
        """Whether its runs count: the whole schedule, and no try."""
        return self.fraction == 1 and not self.scratch

    @property
    def is_demo(self) -> bool:
        return self.fraction is None

    @property
    def folder(self) -> str:
        """The folder of its records in results/: "" (full scale), "scale-1-200" or "demo"; for a try in scratch/."""
        if self.scratch:
            return "/".join(filter(None, (SCRATCH, replace(self, scratch=False).folder)))
        if self.is_full:
            return ""
        return "demo" if self.is_demo else f"scale-{str(self).replace('/', '-')}"

    @property
    def flag(self) -> str:
        """The command-line options that select it, with a leading space; "" for full scale."""
        if self.scratch:
            return f" --{SCRATCH}{replace(self, scratch=False).flag}"
        if self.is_full:
            return ""
        return " --demo" if self.is_demo else f" --scale {self}"

    @property
    def heading(self) -> str:
        """The heading above its numbers."""
        if self.scratch:
            own = replace(self, scratch=False)
            return f"SCRATCH, quick tries that count for nothing{'' if own.is_full else f'; {own.heading}'}"
        if self.is_full:
            return "Full scale"
        if self.is_demo:
            return "DEMO on scikit-learn's digits: not the paper's data, network or schedule"
        return f"REDUCED SCALE {self}: iterations and drops shrunk alike; not comparable with published numbers"


FULL, DEMO = Scale(Fraction(1)), Scale(None)


def _scale(value: Any) -> Scale:
    if isinstance(value, Scale):
        return value
    if not isinstance(value, str):
        raise ValueError('it must be a string, such as "1/200"')
    try:
        return Scale.parse(value)
    except UserError as error:
        raise ValueError(str(error)) from error


ScaleField = Annotated[Scale, PlainValidator(_scale), PlainSerializer(str)]  # for pydantic models; dumped as text
