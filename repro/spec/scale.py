"""How much of its source's schedule a run follows: all of it, a fraction, or a demo's own schedule."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from repro.errors import UserError

SHORT = r"[^eE]{1,20}([eE][+-]?\d{1,2})?"  # of a fraction's text: 1e-999999999 would be computed


@dataclass(frozen=True)
class Scale:
    """`fraction`: of the schedule, above 0 and at most 1; None for a demo. `str` gives the text that records hold."""

    fraction: Fraction | None

    @classmethod
    def of(cls, fraction: str) -> "Scale":
        """ "1/200" or "0.01", as a user writes it. UserError for anything else, a demo included."""
        try:
            if not re.fullmatch(SHORT, fraction):
                raise ValueError(fraction)
            share = Fraction(fraction)
        except (ValueError, ZeroDivisionError):
            raise UserError(
                f"scale {fraction!r} is not a fraction; allowed: above 0 and at most 1, such as 1/200"
            ) from None
        if not 0 < share <= 1:
            raise UserError(f"scale {fraction} is out of range; allowed: above 0 and at most 1, such as 1/200")
        return cls(share)

    @classmethod
    def parse(cls, text: str) -> "Scale":
        """The scale whose text in a record this is: "1", "1/200" or "demo"."""
        return DEMO if text == str(DEMO) else cls.of(text)

    def __str__(self) -> str:
        return "demo" if self.fraction is None else str(self.fraction)

    @property
    def is_full(self) -> bool:
        return self.fraction == 1

    @property
    def is_demo(self) -> bool:
        return self.fraction is None

    @property
    def folder(self) -> str:
        """Where its records lie below results/: "" (at full scale), "scale-1-200" or "demo"."""
        if self.is_full:
            return ""
        return "demo" if self.is_demo else f"scale-{str(self).replace('/', '-')}"

    @property
    def flag(self) -> str:
        """What selects it on the command line, after a space; "" for full scale."""
        if self.is_full:
            return ""
        return " --demo" if self.is_demo else f" --scale {self}"

    @property
    def heading(self) -> str:
        """How it is headed wherever its numbers are shown."""
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
        raise ValueError('it must be text, such as "1/200"')
    try:
        return Scale.parse(value)
    except UserError as error:
        raise ValueError(str(error)) from error


ScaleField = Annotated[Scale, PlainValidator(_scale), PlainSerializer(str)]  # of a model; its text when dumped
