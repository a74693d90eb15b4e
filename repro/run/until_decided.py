"""`repro run --until-decided`: train look by look, until every primary claim is decided by the records."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from repro import durations, spec
from repro.claims.judge import judge
from repro.claims.rules import DECIDED
from repro.errors import UserError
from repro.records.results import Results
from repro.records.states import Planned
from repro.run import plan, start
from repro.run.result import Options, Result
from repro.spec import Claim


def rounds(root: Path, name: str) -> Iterator[list[Planned]]:
    """The runs of each look of the primary claims that are open by then, in the order of looks.

    The records are judged anew before each round. UserError if no primary claim lists its looks.
    """
    looks = sorted({n for claim in spec.load(name, root).primary for n in claim.looks})
    if not looks:
        raise UserError(f"--until-decided: no primary claim of {name!r} lists looks, at which it would be decided")
    for n in looks:
        if arms := sorted({arm for claim in _open(root, name) if n in claim.looks for arm in claim.arms}):
            yield plan.plan(root, name, arms, n, spec.FULL)


def _open(root: Path, name: str) -> list[Claim]:
    """The primary claims that no look has decided."""
    judged = judge(Results.load(root, name))
    return [each.claim for each in judged if each.claim.primary and each.verdict.outcome not in DECIDED]


def run(root: Path, name: str, options: Options) -> Result:
    """Train each round, until one does not end well; the outcomes of all. The time limit is that of all together."""
    end = None if options.time_limit is None else time.monotonic() + durations.parse(options.time_limit)
    result = start.run(root, [], options)
    for planned in rounds(root, name):
        if end is not None:
            options = replace(options, time_limit=f"{max(1, round(end - time.monotonic()))}s")
        earlier, result = result.outcomes, start.run(root, planned, options)
        result.outcomes = earlier | result.outcomes
        if result.exit_code:
            break
    return result
