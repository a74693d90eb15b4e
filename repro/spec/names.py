"""Whether the tables of a spec name each other rightly: one line per name that is unknown or given twice.

Works on names alone, so that it can be asked of a spec whose other tables are wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class Claims(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def arms(self) -> Sequence[str]: ...
    @property
    def reference(self) -> str | None: ...


class Lessons(Protocol):
    @property
    def question(self) -> str: ...
    @property
    def claims(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Names:
    """What a spec defines: arms, references, claims and deviations, by name, each as often as it is defined."""

    arms: Sequence[str]
    references: Sequence[str]
    claims: Sequence[str]
    deviations: Sequence[str]

    def doubled(self) -> Iterator[str]:
        """What is defined twice."""
        for kind in ("arm", "claim", "deviation", "reference"):
            yield from doubled(kind, getattr(self, f"{kind}s"))

    def unknown_arms(self, user: str, arms: Sequence[str]) -> Iterator[str]:
        for arm in arms:
            if arm not in self.arms:
                yield f"{user} names an unknown arm {arm!r}; the arms are: {', '.join(self.arms)}"

    def unknown_reference(self, user: str, reference: str | None) -> Iterator[str]:
        if reference and reference not in self.references:
            known = ", ".join(self.references) or "none"
            yield f"{user} names an unknown reference {reference!r}; the references are: {known}"

    def of_claim(self, claim: Claims) -> Iterator[str]:
        user = f"claim {claim.id!r}"
        yield from self.unknown_arms(user, claim.arms)
        yield from self.unknown_reference(user, claim.reference)

    def of_lesson(self, lesson: Lessons) -> Iterator[str]:
        user = f"lesson {lesson.question!r}"
        for claim in lesson.claims:
            if claim not in self.claims:
                known = ", ".join(self.claims) or "none"
                yield f"{user} names an unknown claim {claim!r}; the claims are: {known}"
        yield from doubled(f"claim of {user}", lesson.claims)


def doubled(kind: str, names: Sequence[str]) -> Iterator[str]:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        yield f"duplicate {kind}: {', '.join(repeated)}"
