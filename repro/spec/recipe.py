"""The frozen, strict models of a recipe: optimizer, schedule, data. Says what is allowed. Imports no torch.

A network's settings are its family's (repro.models).
Units: learning rates per update; iterations are optimizer updates, epochs passes over the training images.
"""

import re
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from repro.data import catalog
from repro.fields import Frozen, Positive, Rate, array
from repro.models import FAMILIES, Network

Epochs = Annotated[int, Field(gt=0, le=10**6)]
Precision = Literal["fp32", "tf32", "bf16"]
if TYPE_CHECKING:
    Model = Network
else:  # by name, one of the families' settings
    Model = Annotated[reduce(or_, FAMILIES.values()), Field(discriminator="name")]


class Sgd(Frozen):
    """Stochastic gradient descent as torch.optim.SGD does it: v = momentum*v + g, w = w - lr*v."""

    name: Literal["sgd"]
    lr: Rate
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    nesterov: bool = False
    weight_decay: Rate = 0.0
    decay_norm_and_bias: bool = True  # whether weight decay also takes norm parameters and biases


class Adam(Frozen):
    """Kingma & Ba 2015 (arXiv:1412.6980); weight decay is added to the gradient (L2), as in torch.optim.Adam."""

    name: Literal["adam"]
    lr: Rate
    betas: Annotated[tuple[float, float], Field(strict=False)] = (0.9, 0.999)
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Rate = 0.0
    decay_norm_and_bias: bool = True


Optimizer = Annotated[Sgd | Adam, Field(discriminator="name")]


class Warmup(Frozen):
    """A constant lower learning rate for the first iterations."""

    lr: Rate
    iterations: Positive


class EpochWarmup(Frozen):
    """The same, counted in epochs."""

    lr: Rate
    epochs: Epochs


class Schedule(Frozen):
    """Step schedule: the learning rate is multiplied by `factor` at each of `drops`; all counted in iterations."""

    iterations: Positive
    drops: array(Positive) = ()  # type: ignore[valid-type]
    factor: Annotated[float, Field(gt=0)] = 0.1
    warmup: Warmup | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Schedule":
        _drops_in_order(self.drops, self.iterations, "iteration")
        if self.warmup and self.warmup.iterations >= self.iterations:
            raise ValueError(f"warmup.iterations must be below the end, iteration {self.iterations}")
        return self


class EpochSchedule(Frozen):
    """The same, counted in epochs, of which `resolve` makes iterations; a warm-up may be counted in either."""

    epochs: Epochs
    drops: array(Epochs) = ()  # type: ignore[valid-type]
    factor: Annotated[float, Field(gt=0)] = 0.1
    warmup: (
        Annotated[
            Annotated[Warmup, Tag("Warmup")] | Annotated[EpochWarmup, Tag("EpochWarmup")],
            Discriminator(lambda value: "EpochWarmup" if _in_epochs(value) else "Warmup"),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _in_order(self) -> "EpochSchedule":
        _drops_in_order(self.drops, self.epochs, "epoch")
        if isinstance(self.warmup, EpochWarmup) and self.warmup.epochs >= self.epochs:
            raise ValueError(f"warmup.epochs must be below the end, epoch {self.epochs}")
        return self


def _in_epochs(value: Any) -> bool:
    return "epochs" in value if isinstance(value, dict) else isinstance(value, EpochSchedule | EpochWarmup)


def _drops_in_order(drops: tuple[int, ...], end: int, unit: str) -> None:
    if list(drops) != sorted(set(drops)):
        raise ValueError(f"drops = {list(drops)} must rise")
    if drops and drops[-1] >= end:
        raise ValueError(f"drops = {list(drops)} must come before the end, {unit} {end}")


class StatedRecipe(Frozen):
    """Everything that decides a run's numbers except its seed, as a spec states it: the schedule in either unit."""

    dataset: str
    train_split: Annotated[str, Field(pattern=r"^train([1-9]\d{0,8}k?)?$")] = (
        "train"  # train45k: the rest is validation
    )
    image_size: Positive | None = None  # pixels a side; left out = as the data set has it (filled in by `load`)
    normalise: Literal["per-pixel-mean", "mean-std", "half", "none"] = "per-pixel-mean"
    padding: Literal["after-normalise", "before-normalise"] = "after-normalise"  # zeros, or black pixels
    augment: array(Annotated[str, Field(pattern=r"^(pad-crop-[1-9]\d?|hflip)$")]) = ()  # type: ignore[valid-type]
    batch_size: Positive
    last_batch: Literal["wrap", "keep", "drop"] = "wrap"  # wrap: batches run on across the ends of epochs
    bn_batch: Positive | None = None  # images that batch norm sees together; None = the whole batch
    model: Model
    optimizer: Optimizer
    schedule: Annotated[
        Annotated[Schedule, Tag("Schedule")] | Annotated[EpochSchedule, Tag("EpochSchedule")],
        Discriminator(lambda value: "EpochSchedule" if _in_epochs(value) else "Schedule"),
    ]
    evaluate_every: Positive = 1000  # iterations
    diverge_above: Annotated[float, Field(gt=0)] = 1e4  # training loss (nats) that ends the run as diverged
    precision: Precision | None = None  # None = settled when it is trained; the record's recipe says which

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, name: str) -> str:
        if not catalog.known(name):
            raise ValueError(f"allowed: {catalog.allowed()}")
        return name

    @field_validator("augment")
    @classmethod
    def _each_once(cls, augment: tuple[str, ...]) -> tuple[str, ...]:
        kinds = [re.sub(r"-\d+$", "", name) for name in augment]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"augment = {list(augment)} names a kind twice")
        return augment

    @model_validator(mode="after")
    def _groups_fit(self) -> "StatedRecipe":
        if self.bn_batch and (self.batch_size % self.bn_batch or self.last_batch == "keep"):
            raise ValueError(
                f"bn_batch = {self.bn_batch} must divide every batch: batch_size = {self.batch_size}, "
                f"last_batch = {self.last_batch!r} (wrap or drop)"
            )
        return self

    @model_validator(mode="after")
    def _network_fits(self) -> "StatedRecipe":
        native = catalog.BUILT_IN[self.dataset].size if self.dataset in catalog.BUILT_IN else None
        if misfit := self.model.misfit(self.image_size or native, self.bn_batch):
            raise ValueError(misfit)
        return self

    @property
    def crop_padding(self) -> int:
        """Pixels of padding on each side before the random crop; 0 = no crop."""
        return next((int(a.rsplit("-", 1)[1]) for a in self.augment if a.startswith("pad-crop-")), 0)

    @property
    def hflip(self) -> bool:
        return "hflip" in self.augment


class Recipe(StatedRecipe):
    """A recipe as it is trained: the schedule in iterations, every default explicit."""

    schedule: Schedule
