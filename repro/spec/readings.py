"""The other readings of an arm: for each deviation from the source, what trains the recipe without it."""

from dataclasses import dataclass
from typing import Any

from repro.spec.resolve import stated_recipe
from repro.spec.scale import FULL, Scale
from repro.spec.schema import Arm, Deviation, Experiment


@dataclass(frozen=True)
class OtherReading:
    """A deviation of an arm, and the arm or reading without it."""

    deviation: Deviation
    arm: Arm

    @property
    def id(self) -> str:
        return self.deviation.id or self.arm.name


def other_readings(experiment: Experiment, arm: str, scale: Scale = FULL) -> tuple[OtherReading, ...]:
    """In the order of the deviations. Those that train the same as the arm at `scale` are left out, as in some demos.

    UserError for an unknown arm, and for a demo that the experiment does not have.
    """
    stated = experiment.arm(arm)
    found = [OtherReading(d, other) for d in experiment.deviations if (other := _without(experiment, d, stated))]
    recipe = stated_recipe(experiment, stated, scale)
    return tuple(other for other in found if stated_recipe(experiment, other.arm, scale) != recipe)


def _without(experiment: Experiment, deviation: Deviation, arm: Arm) -> Arm | None:
    if deviation.other_arm:
        other = experiment.arm(deviation.other_arm)
        return other if arm in _nearest(experiment, deviation, other) else None
    own = [r for r in experiment.readings if (r.arm, r.deviation) == (arm.name, deviation.id)]
    return own[0] if own else None


def _nearest(experiment: Experiment, deviation: Deviation, other: Arm) -> list[Arm]:
    """The arms of which `other` is another reading: of those with the deviation, those it differs least from.

    If every arm deviates in the training images, an arm ResNet-20 on 45,000 is the other reading of ResNet-20 alone.
    """
    differing = {
        arm.name: _differing(arm.recipe.model_dump(), other.recipe.model_dump())
        for arm in experiment.arms
        if arm != other and (not deviation.arms or arm.name in deviation.arms)
    }
    return [experiment.arm(name) for name, count in differing.items() if count == min(differing.values())]


def _differing(one: Any, other: Any) -> int:
    """The number of settings in which two recipes differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return sum(_differing(one.get(key), other.get(key)) for key in one.keys() | other.keys())
    return int(one != other)
