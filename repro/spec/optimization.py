"""The frozen, strict models of optimizers and learning-rate schedules.

Learning rates are per update; iterations are optimizer updates, epochs passes over the training images.
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from repro.fields import TORCH_OPTIMIZER, Frozen, Positive, Rate, array
from repro.spec import torch_optim

Epochs = Annotated[int, Field(gt=0, le=10**6)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Shape = Literal["steps", "cosine"]


class Sgd(Frozen):
    """Stochastic gradient descent as in torch.optim.SGD: v = momentum*v + g, w = w - lr*v."""

    name: Literal["sgd"]
    lr: Rate
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: Rate = 0.0
    decay_norm_and_bias: bool = True  # whether weight decay also applies to norm parameters and biases


class Adam(Frozen):
    """Kingma & Ba 2015 (arXiv:1412.6980); weight decay is added to the gradient (L2), as in torch.optim.Adam."""

    name: Literal["adam"]
    lr: Rate
    betas: Annotated[tuple[Fraction, Fraction], Field(strict=False)] = (0.9, 0.999)
    eps: Annotated[float, Field(gt=0, le=1)] = 1e-8
    weight_decay: Rate = 0.0
    decay_norm_and_bias: bool = True


class AdamW(Frozen):
    """Loshchilov & Hutter 2017 (arXiv:1711.05101), as torch.optim.AdamW: lr * weight_decay * w is subtracted from w."""

    name: Literal["adamw"]
    lr: Rate
    betas: Annotated[tuple[Fraction, Fraction], Field(strict=False)] = (0.9, 0.999)
    eps: Annotated[float, Field(gt=0, le=1)] = 1e-8
    weight_decay: Rate = 0.01
    decay_norm_and_bias: bool = True


class RmsProp(Frozen):
    """Hinton's lecture 6 of 2012 as in torch.optim.RMSprop: the gradient over the root of its running mean square.

    centered: the running mean is subtracted first (Graves 2013, arXiv:1308.0850).
    """

    name: Literal["rmsprop"]
    lr: Rate
    alpha: Fraction = 0.99
    eps: Annotated[float, Field(gt=0, le=1)] = 1e-8
    momentum: Fraction = 0.0
    centered: bool = False
    weight_decay: Rate = 0.0
    decay_norm_and_bias: bool = True


Option = bool | float | Annotated[tuple[float, ...], Field(strict=False)]


class TorchOptimizer(Frozen):
    """Any other class of torch.optim, such as "torch.optim.NAdam", with its own arguments as `options`.

    An option that is left out has the default of the torch that trains, whose version the record has. Weight decay is 0
    unless given. Not allowed: LBFGS, Muon, Rprop and SparseAdam, which do not fit the loop.
    """

    name: Annotated[str, Field(pattern=TORCH_OPTIMIZER)]
    lr: Rate
    options: dict[str, Option] = {}
    weight_decay: Rate = 0.0
    decay_norm_and_bias: bool = True

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        torch_optim.check_name(name)
        return name

    @field_validator("options", mode="before")
    @classmethod
    def _of_numbers(cls, options: Any) -> Any:
        for key, value in options.items() if isinstance(options, dict) else ():
            if not all(
                isinstance(each, bool | int | float) for each in (value if isinstance(value, list) else [value])
            ):
                raise ValueError(f"{key} = {value!r} must be a number, true, false or a list of numbers")
        return options

    @model_validator(mode="after")
    def _takes_its_options(self) -> "TorchOptimizer":
        torch_optim.check_options(self.name, self.options)
        return self


OPTIMIZERS: dict[str, type[Frozen]] = {  # by the name in a spec
    "sgd": Sgd,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RmsProp,
    "torch.optim.NAME": TorchOptimizer,
}


def _named(value: Any) -> Any:
    name = value.get("name") if isinstance(value, dict) else getattr(value, "name", None)
    return "torch.optim.NAME" if str(name).startswith(torch_optim.PREFIX) else name


Optimizer = Annotated[
    Annotated[Sgd, Tag("sgd")]
    | Annotated[Adam, Tag("adam")]
    | Annotated[AdamW, Tag("adamw")]
    | Annotated[RmsProp, Tag("rmsprop")]
    | Annotated[TorchOptimizer, Tag("torch.optim.NAME")],
    Discriminator(_named),
]


class Warmup(Frozen):
    """A constant lower learning rate for the first iterations."""

    lr: Rate
    iterations: Positive


class EpochWarmup(Frozen):
    """A Warmup counted in epochs."""

    lr: Rate
    epochs: Epochs


class Schedule(Frozen):
    """The learning rate by iteration.

    steps: it is multiplied by `factor` at each of `drops`.
    cosine: it falls from lr to 0 along half a cosine (Loshchilov & Hutter 2016, arXiv:1608.03983, without restarts), in
        `pieces` equal steps, an epoch each in torch's CosineAnnealingLR; None = one per iteration.
    """

    ADDED = ("shape", "pieces")

    iterations: Positive
    drops: array(Positive) = ()  # type: ignore[valid-type]
    factor: Annotated[float, Field(gt=0, le=1000)] = 0.1
    warmup: Warmup | None = None
    shape: Shape = "steps"
    pieces: Positive | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Schedule":
        _drops_fit(self.drops, self.iterations, "iterations", self.shape)
        if self.pieces and self.shape != "cosine":
            raise ValueError(f'pieces = {self.pieces} goes with shape = "cosine"')
        if self.warmup and self.warmup.iterations >= self.iterations:
            raise ValueError(f"warmup.iterations must be below the schedule's {self.iterations} iterations")
        return self


class EpochSchedule(Frozen):
    """A Schedule counted in epochs, which `resolve` converts to iterations; its warm-up may use either unit.

    A cosine schedule's rate is the same throughout an epoch.
    """

    ADDED = ("shape",)

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

    @model_validator(mode="after")
    def _in_order(self) -> "EpochSchedule":
        _drops_fit(self.drops, self.epochs, "epochs", self.shape)
        if isinstance(self.warmup, EpochWarmup) and self.warmup.epochs >= self.epochs:
            raise ValueError(f"warmup.epochs must be below the schedule's {self.epochs} epochs")
        return self


def in_epochs(value: Any) -> bool:
    """Whether a schedule or warm-up, as a table of a spec or a model, is counted in epochs."""
    return "epochs" in value if isinstance(value, dict) else isinstance(value, EpochSchedule | EpochWarmup)


def _drops_fit(drops: tuple[int, ...], end: int, unit: str, shape: Shape) -> None:
    if drops and shape == "cosine":
        raise ValueError(f'drops = {list(drops)} goes with shape = "steps"; a cosine schedule has none')
    if list(drops) != sorted(set(drops)):
        raise ValueError(f"drops = {list(drops)} must be strictly increasing")
    if drops and drops[-1] >= end:
        raise ValueError(f"drops = {list(drops)} must be below the schedule's {end} {unit}")
