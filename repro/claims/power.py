"""How likely an experiment's claims are decided by their planned looks, if the published values are true."""

from collections.abc import Mapping
from dataclasses import dataclass

from repro.claims.rules.plan import Chance, chances, seeds_needed
from repro.spec import Claim, Experiment

DECIDABLE = 0.5  # a claim with a smaller chance of "reproduced" at its last look is not decidable at the planned n
SEEDS = 5  # for a claim without looks, unless another number is asked for


@dataclass(frozen=True)
class Power:
    """A claim's chance of each verdict by each look, without Holm; none for a kind that cannot be planned.

    sds: those planned by, of each sample (an arm, or the paired differences). means: the truth, relative to the
    published number or to the first arm.
    """

    claim: Claim
    means: tuple[float, ...] = ()
    sds: tuple[float, ...] = ()
    chances: tuple[Chance, ...] = ()
    seeds_needed: int | None = None  # for an 80% chance at a single look; None = over 1000

    @property
    def planned(self) -> bool:
        return bool(self.sds)

    @property
    def decidable(self) -> bool:
        """Whether the chance of "reproduced" by the last look is a half or more; False without any look."""
        return bool(self.chances) and self.chances[-1].reproduced >= DECIDABLE


def power(experiment: Experiment, seeds: int | None = None) -> list[Power]:
    """Of each claim in the spec's order; `seeds` leaves out the looks at more. The levels are those of all looks."""
    return [_power(claim, experiment, seeds) for claim in experiment.claims]


def power_of_seeds(experiment: Experiment, seeds: Mapping[str, int]) -> list[Power]:
    """The same where each arm (by name) has its own number of seeds: a claim has as many as its arm with the fewest.

    Claims of arms without seeds are left out.
    """
    fewest = [(claim, min(seeds.get(arm, 0) for arm in claim.arms)) for claim in experiment.claims]
    return [_power(claim, experiment, n) for claim, n in fewest if n]


def _power(claim: Claim, experiment: Experiment, seeds: int | None) -> Power:
    plan = claim.plan(experiment.design(claim))
    if plan is None:
        return Power(claim)
    looks = tuple(n for n in claim.looks if seeds is None or n <= seeds) if claim.looks else (max(2, seeds or SEEDS),)
    found = tuple(chances(plan, claim.levels, looks)) if looks else ()
    return Power(claim, plan.means, plan.sds, found, seeds_needed(plan, claim.alpha))
