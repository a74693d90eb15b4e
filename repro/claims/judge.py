"""One verdict per claim of an experiment, from its records. The rules are in `repro.claims.rules`.

Verdicts are given at a claim's looks only: seeds 0 to n-1 of each arm, all finished or diverged. The first look that
decides a claim settles it. Looks are taken in the order of n for all claims at once, as the primary ones share alpha.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from repro.claims import stats
from repro.claims.evidence import RecordedEvidence
from repro.claims.rules import DECIDED, ArmErrors, Lean, Verdict
from repro.claims.rules.model import open_verdict
from repro.claims.rules.reasons import NotRecorded, NotYet
from repro.records.results import Results
from repro.spec import Claim, Experiment, freeze
from repro.spec.freeze import Entry


@dataclass(frozen=True)
class PostHoc:
    """Runs of a claim that began before it was frozen in its present form.

    `entry`: the registry entry then in force; None if it did not contain the claim.
    `then`: the verdict of the same runs on the claim as frozen in that entry; None if only the rules were older.
    """

    runs: int
    entry: Entry | None
    then: Verdict | None = None


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict, the runs it rests on, and which of them make it post hoc.

    look: the number of seeds per arm at which it was judged; None before its first look.
    next_look: the one that could still change the verdict. lacks: arm -> how many of its seeds that needs.
    overall: the numbers over all seeds, if those are not the look's. Its outcome counts for nothing.
    """

    claim: Claim
    verdict: Verdict
    runs: pd.DataFrame
    post_hoc: tuple[PostHoc, ...] = ()
    look: int | None = None
    next_look: int | None = None
    lacks: tuple[tuple[str, int], ...] = ()
    overall: Verdict | None = None


@dataclass
class _Case:
    """A claim on its way through its looks."""

    claim: Claim
    experiment: Experiment
    results: Results
    runs: pd.DataFrame  # all, in the claim's precision
    look: int | None = None
    found: Verdict | None = None  # at that look, by the claim's own test
    settled: bool = False

    @cached_property
    def seeds(self) -> dict[str, set[int]]:
        return {arm: set(self.runs.seed[self.runs.arm == arm]) for arm in self.claim.arms}

    @property
    def lacks(self) -> str:
        """Why no number of seeds gives a verdict; "" if one may."""
        return self.results.lacks(self.claim.measured)

    @property
    def complete(self) -> int:
        """The largest n for which each arm has its seeds 0 to n-1."""
        return next(n for n in range(len(self.runs) + 1) if not all(n in each for each in self.seeds.values()))

    @property
    def looks(self) -> list[int]:
        """The looks that can be taken. A claim that lists none is judged at the largest number of complete seeds."""
        if self.lacks:
            return []
        return [n for n in self.claim.looks or (self.complete,) if 2 <= n <= self.complete]

    @property
    def next_look(self) -> int | None:
        if self.settled or self.lacks:
            return None
        planned = self.claim.looks or ((2,) if self.look is None else ())
        return next((n for n in planned if n > self.complete), None)

    @property
    def taken(self) -> pd.DataFrame:
        """The runs of the latest look, or all before the first."""
        return self.runs if self.look is None else self.runs[self.runs.seed < self.look]

    @property
    def decided(self) -> bool:
        return self.found is not None and self.found.outcome in DECIDED

    @property
    def verdict(self) -> Verdict:
        """Its own test's at the latest look, withdrawn if Holm's correction does not leave it decided."""
        if self.found is None:
            return self.before_any_look
        if not self.decided or self.settled:
            return self.found
        lean: Lean = "reproduced before Holm" if self.found.outcome == "reproduced" else "not reproduced before Holm"
        return replace(self.found, outcome="inconclusive", lean=lean)

    @property
    def before_any_look(self) -> Verdict:
        seen = self.judge(self.runs)
        if self.lacks:
            return seen
        return replace(open_verdict(seen.kind, seen.arms, False, seen.margin, seen.target), reason=NotYet())

    def judge(self, runs: pd.DataFrame) -> Verdict:
        if self.lacks:
            arms = [ArmErrors(self.experiment.arm(a).label, {}, unit=self.claim.measured.unit) for a in self.claim.arms]
            return replace(open_verdict(self.claim.kind, arms, False), reason=NotRecorded(self.lacks))
        return self.claim.judge(RecordedEvidence(self.claim, self.experiment, self.results, runs))

    def take(self, n: int) -> None:
        self.look = n
        self.found = self.judge(self.taken)


def judge(results: Results) -> list[Judged]:
    """The verdicts on the experiment's claims in the spec's order. Full scale only."""
    assert results.scale.is_full, "no claim is judged on a demo or at a reduced scale"
    experiment, usable = results.experiment, results.usable()
    cases = [_Case(claim, experiment, results, runs_of(claim, usable)) for claim in experiment.claims]
    _through_looks([case for case in cases if case.claim.primary])
    for case in cases:
        if not case.claim.primary:
            _through_looks([case])
    return [_judged(case) for case in cases]


def _through_looks(family: Sequence[_Case]) -> None:
    """Take the looks of claims that share alpha, in the order of n, until each claim is settled."""
    for n in sorted({n for case in family for n in case.looks}):
        for case in family:
            if n in case.looks and not case.settled:
                case.take(n)
        _settle(family)


def _settle(family: Sequence[_Case]) -> None:
    """Settle the claims that their own test decides and that Holm's correction leaves decided.

    A claim that is not decided at its latest look counts as p = 1, and so does a decided one whose rule gives no p.
    """
    known = [case.found.p_looks if case.found and case.decided else None for case in family]
    corrected = stats.holm([1.0 if p is None else p for p in known])
    for case, p in zip(family, corrected, strict=True):
        if case.found is not None and case.decided and not case.settled:
            if case.claim.primary:
                case.found = replace(case.found, p_adjusted=p)
            case.settled = not case.claim.primary or p <= case.claim.alpha


def _judged(case: _Case) -> Judged:
    next_look, runs = case.next_look, case.taken
    lacks = {arm: len(set(range(next_look or 0)) - seeds) for arm, seeds in case.seeds.items()}
    return Judged(
        claim=case.claim,
        verdict=case.verdict,
        runs=runs,
        post_hoc=_post_hoc(case, runs),
        look=case.look,
        next_look=next_look,
        lacks=tuple((arm, count) for arm, count in lacks.items() if count),
        overall=case.judge(case.runs) if case.look is None or len(runs) < len(case.runs) else None,
    )


def runs_of(claim: Claim, usable: Results) -> pd.DataFrame:
    """The runs that a claim can rest on: all in one precision, except for arms whose recipe sets their own."""
    fixed = {name: usable.experiment.arm(name).recipe.precision for name in claim.arms}
    free = [name for name, precision in fixed.items() if precision is None]
    precision = usable.leading_precision(*free) if free else None
    return usable.in_precision({name: own or precision for name, own in fixed.items()}).runs


def _post_hoc(case: _Case, runs: pd.DataFrame) -> tuple[PostHoc, ...]:
    """The runs that began before the claim was frozen in its present form, grouped by the entry then in force."""
    found = []
    now = freeze.frozen_fields(case.experiment, case.claim)
    for entry_hash, count in Counter(runs.frozen.dropna()).items():
        entry = case.results.registry.entry(entry_hash)
        then = entry.claims.get(case.claim.id) if entry else None
        if entry is None or then is None:
            found.append(PostHoc(count, None))
        elif then != now:
            old = _Case(*freeze.restore(case.experiment, case.claim, then), case.results, runs)
            _through_looks([old])
            found.append(PostHoc(count, entry, old.verdict))
        elif entry.rules != freeze.RULES_VERSION:
            found.append(PostHoc(count, entry))
    return tuple(found)
