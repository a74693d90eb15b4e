"""The frozen, strict models of learning-rate schedules.

Learning rates are per update; iterations are optimizer updates, epochs passes over the training images.
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from repro.fields import Frozen, Positive, Rate, array

Epochs = Annotated[int, Field(gt=0, le=10**6)]
Shape = Literal["steps", "cosine", "linear", "one-cycle"]
Ramp = Literal["constant", "linear"]


class Warmup(Frozen):
    """Another learning rate for the first iterations.

    constant: it is lr throughout.
    linear: it goes in a line from lr to what the schedule has where the warm-up ends (Goyal et al. 2017,
        arXiv:1706.02677, section 2.2).

    The schedule itself counts from the first iteration in either case.
    """

    ADDED = ("shape",)

    lr: Rate
    iterations: Positive
    shape: Ramp = "constant"


class EpochWarmup(Frozen):
    """A Warmup counted in epochs. A linear one still changes the rate at every iteration."""

    ADDED = ("shape",)

    lr: Rate
    epochs: Epochs
    shape: Ramp = "constant"


Rise = Annotated[float, Field(gt=0, lt=1)]
RISE = 0.3
FALLING = ("cosine", "linear")  # from lr to last_lr


class Schedule(Frozen):
    """The learning rate by iteration.

    steps: it is multiplied by `factor` at each of `drops`; without any it is constant.
    cosine: it falls from lr to last_lr along half a cosine (Loshchilov & Hutter 2016, arXiv:1608.03983, without
        restarts), in `pieces` equal steps, an epoch each in torch's CosineAnnealingLR; None = one per iteration.
    linear: the same in a line.
    one-cycle: it rises from lr / 25 to lr in the first share, `rise`, and falls to lr / 250,000 in the rest, both along
        half cosines: torch's OneCycleLR with its defaults, but the momentum stays as it is (Smith & Topin 2017,
        arXiv:1708.07120).
    """

    ADDED = ("shape", "pieces", "last_lr", "rise")

    iterations: Positive
    drops: array(Positive) = ()  # type: ignore[valid-type]
    factor: Annotated[float, Field(gt=0, le=1000)] = 0.1
    warmup: Warmup | None = None
    shape: Shape = "steps"
    pieces: Positive | None = None
    last_lr: Rate = 0.0
    rise: Rise = RISE

    @model_validator(mode="after")
    def _in_order(self) -> "Schedule":
        _drops_fit(self.drops, self.iterations, "iterations", self.shape)
        _shape_fits(self)
        if self.pieces and self.shape not in FALLING:
            raise ValueError(f'pieces = {self.pieces} goes with shape = "cosine" or "linear"')
        if self.warmup and self.warmup.iterations >= self.iterations:
            raise ValueError(f"warmup.iterations must be below the schedule's {self.iterations} iterations")
        return self


class EpochSchedule(Frozen):
    """A Schedule counted in epochs, which `resolve` converts to iterations; its warm-up may use either unit.

    The rate of a cosine or linear schedule is the same throughout an epoch.
    """

    ADDED = ("shape", "last_lr", "rise")

    epochs: Epochs
    drops: array(Epochs) = ()  # type: ignore[valid-type]
    factor: Annotated[float, Field(gt=0, le=1000)] = 0.1
    warmup: (
        Annotated[
            Annotated[Warmup, Tag("Warmup")] | Annotated[EpochWarmup, Tag("EpochWarmup")],
            Discriminator(lambda value: "EpochWarmup" if in_epochs(value) else "Warmup"),
        ]
        | None
    ) = None
    shape: Shape = "steps"
    last_lr: Rate = 0.0
    rise: Rise = RISE

    @model_validator(mode="after")
    def _in_order(self) -> "EpochSchedule":
        _drops_fit(self.drops, self.epochs, "epochs", self.shape)
        _shape_fits(self)
        if isinstance(self.warmup, EpochWarmup) and self.warmup.epochs >= self.epochs:
            raise ValueError(f"warmup.epochs must be below the schedule's {self.epochs} epochs")
        return self


def in_epochs(value: Any) -> bool:
    """Whether a schedule or warm-up, as a table of a spec or a model, is counted in epochs."""
    return "epochs" in value if isinstance(value, dict) else isinstance(value, EpochSchedule | EpochWarmup)


def _drops_fit(drops: tuple[int, ...], end: int, unit: str, shape: Shape) -> None:
    if drops and shape != "steps":
        raise ValueError(f'drops = {list(drops)} goes with shape = "steps"; a {shape} schedule has none')
    if list(drops) != sorted(set(drops)):
        raise ValueError(f"drops = {list(drops)} must be strictly increasing")
    if drops and drops[-1] >= end:
        raise ValueError(f"drops = {list(drops)} must be below the schedule's {end} {unit}")


def _shape_fits(schedule: Schedule | EpochSchedule) -> None:
    """ValueError for settings of another shape."""
    if schedule.last_lr and schedule.shape not in FALLING:
        raise ValueError(f'last_lr = {schedule.last_lr} goes with shape = "cosine" or "linear"')
    if schedule.shape != "one-cycle" and schedule.rise != RISE:
        raise ValueError(f'rise = {schedule.rise} goes with shape = "one-cycle"')
    if schedule.shape == "one-cycle" and schedule.warmup:
        raise ValueError("warmup: a one-cycle schedule warms up by itself; its share is `rise`")
