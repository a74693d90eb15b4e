"""The interface of a kind of claim: its fields, its rule, and its words.

To add one, subclass `Claim` in a file of this folder and add it to `repro.claims.rules.KINDS`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol

from pydantic import Field, field_validator, model_validator

from repro.claims.rules.levels import Levels
from repro.claims.rules.metrics import METRICS, Metric
from repro.claims.rules.model import ArmErrors, Verdict
from repro.claims.rules.plan import Plan
from repro.claims.rules.published import Published
from repro.claims.rules.words import arm_text
from repro.fields import Frozen, Name, array

Looks = Annotated[tuple[Annotated[int, Field(ge=2, le=1000)], ...], Field(strict=False)]
COUNTS = {1: "one arm", 2: "two arms", 3: "three arms"}


@dataclass(frozen=True, slots=True)
class When:
    """A place on a training curve: after so many epochs or iterations."""

    unit: Literal["epoch", "iteration"]
    number: int

    def __str__(self) -> str:
        return f"{self.unit} {self.number:,}"


class Design(Protocol):
    """What a kind may ask of its arms before any run. Sequences have one entry per arm, in the claim's order."""

    @property
    def published(self) -> Sequence[Published | None]:
        """The arms' published numbers."""

    @property
    def datasets(self) -> Sequence[str]:
        """The names of the arms' data sets."""

    def unevaluated(self, when: When) -> str:
        """The iteration at which the first arm would have to be evaluated then; "" if it is, or that is not known."""


class Evidence(Protocol):
    """What a kind may ask of the runs that a claim rests on. Sequences have one entry per arm, in the claim's order."""

    @property
    def arms(self) -> Sequence[ArmErrors]:
        """The arms' errors at the claim's metric."""

    @property
    def published(self) -> Sequence[Published | None]:
        """The arms' published numbers."""

    @property
    def different_protocol(self) -> bool:
        """Whether a published number was selected or obtained differently from ours."""

    def chance_error(self) -> float:
        """The error (%) of guessing among the classes of the first arm's data set."""

    def at(self, when: When) -> ArmErrors:
        """The claim's metric of the first arm, as evaluated then."""

    def by_class(self) -> Mapping[str, Mapping[int, float]]:
        """Class -> seed -> the first arm's final test error (%) on that class."""


class Claim(Frozen):
    """A claim of the source, as a test that is fixed before the runs (docs/statistics.md).

    Subclasses declare `kind` as a Literal, their own name. All fields but the descriptive ones (repro.spec.freeze) are
    frozen with the claim.
    takes_arms: the fewest and the most arms; None = any number. metrics: those allowed.
    reading: what readers of a report need to know of the kind, if it has such claims.
    """

    takes_arms: ClassVar[tuple[int, int | None]] = (2, 2)
    metrics: ClassVar[Sequence[str]] = tuple(METRICS)
    reading: ClassVar[str] = ""

    id: Name
    kind: str
    arms: array(str)  # type: ignore[valid-type]
    says: str  # the claim in words
    origin: Literal["paper", "note", "own"]  # "note": of a reproduction; "own": a question of this project
    reference: Name | None = None  # the id of a [[reference]]; None for an own claim
    where: str = ""  # table, figure, page
    primary: bool = False  # whether it is a main claim of the experiment; the primary claims share alpha (Holm)
    same_as: str = ""  # the EXPERIMENT/CLAIM with the same arm and published number, which is counted instead
    metric: str = "final"  # a key of METRICS
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    looks: Looks = ()  # numbers of seeds per arm at which a verdict is given; empty = at any number
    paired: bool = False  # over shared seeds

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, metric: str) -> str:
        if metric not in cls.metrics:
            raise ValueError(f"kind {cls.name()!r} takes {', '.join(cls.metrics)}")
        return metric

    @model_validator(mode="after")
    def _number_of_arms(self) -> "Claim":
        least, most = self.takes_arms
        if len(self.arms) < least or (most is not None and len(self.arms) > most):
            allowed = COUNTS.get(least, f"{least} arms") + (" or more" if most is None else "")
            raise ValueError(f"kind {self.kind!r} takes {allowed}, not {list(self.arms)}")
        if len(set(self.arms)) < len(self.arms):
            raise ValueError(f"arms = {list(self.arms)} lists an arm twice")
        return self

    @model_validator(mode="after")
    def _reference_matches_origin(self) -> "Claim":
        if (self.origin == "own") != (self.reference is None):
            raise ValueError("reference is required for origin 'paper' or 'note'; 'own' has none")
        if list(self.looks) != sorted(set(self.looks)):
            raise ValueError(f"looks = {list(self.looks)} must be strictly increasing")
        return self

    @classmethod
    def name(cls) -> str:
        """The kind's name in a spec."""
        return str(cls.model_fields["kind"].annotation.__args__[0])  # type: ignore[union-attr]

    @property
    def levels(self) -> Levels:
        """The levels at which its looks are tested."""
        return Levels(self.alpha, self.looks)

    @property
    def measured(self) -> Metric:
        """What is compared."""
        return METRICS[self.metric]

    def misfit(self, design: Design) -> str:
        """Why the claim does not fit its arms; "" if it does."""
        return ""

    def judge(self, evidence: Evidence) -> Verdict:
        """The verdict on the claim, by the kind's rule at `levels`, as if `evidence` were one of its looks."""
        raise NotImplementedError

    def plan(self, design: Design) -> Plan | None:
        """What the claim's power is simulated from, before any run; None for a kind that is not planned."""
        return None

    def region(self, verdict: Verdict) -> tuple[float, float]:
        """The estimates, in the verdict's unit, at which the claim is true: from low to high, which may be infinite."""
        return 0.0, math.inf

    # --- words ---------------------------------------------------------------------------------------------------

    @property
    def limit(self) -> str:
        """What the arms are compared with, for `repro show`: "with a margin of 0.3 points: why"."""
        raise NotImplementedError

    @property
    def tolerance(self) -> str:
        """The margin and its reason; "" for a kind without a margin."""
        return ""

    def statement(self, labels: Sequence[str], published: Sequence[Published | None]) -> str:
        """The statement that is tested, in words made from the fields. `labels`: of the arms."""
        raise NotImplementedError

    def quantity(self, labels: Sequence[str]) -> str:
        """What the estimate is, in words. `labels`: of the arms."""
        return f"{labels[1]} - {labels[0]}"

    @classmethod
    def compared(cls, verdict: Verdict) -> str:
        """What is compared with what, such as "plain-56 13.20 % (n = 1) against plain-20 9.10 % (n = 1)"."""
        first, second = verdict.arms
        return f"{arm_text(second)} against {arm_text(first)}"

    @property
    def printed(self) -> list[str]:
        """What the claim itself states as published, besides the numbers of its arms."""
        return []

    def printed_for(self, verdict: Verdict) -> list[str]:
        """The same, of what decided the verdict."""
        return self.printed

    @classmethod
    def explain(cls, verdict: Verdict) -> str:
        """The whole reason of a verdict, where it is none that all kinds share (`repro.claims.rules.reasons`)."""
        raise NotImplementedError

    @classmethod
    def position(cls, verdict: Verdict) -> str:
        """Where the deciding interval lies, and what else the rule considers."""
        raise NotImplementedError

    @classmethod
    def aim(cls, verdict: Verdict, effect: float) -> str:
        """What the seeds needed would show; only for kinds whose verdicts state seeds needed."""
        raise NotImplementedError


class WithMargin(Claim):
    """A claim with a margin: the smallest difference that matters."""

    margin: Annotated[float, Field(gt=0)]  # points of error
    why_margin: Annotated[str, Field(min_length=1)]

    @property
    def limit(self) -> str:
        return f"with a margin of {self.margin:g} points: {self.why_margin}"

    @property
    def tolerance(self) -> str:
        return f"{self.margin:.2f} points: {self.why_margin}"
