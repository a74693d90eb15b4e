"""The frozen, strict models of optimizers. Learning rates are per update; schedules change them."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from repro.fields import TORCH_OPTIMIZER, Frozen, Rate
from repro.spec import torch_optim

Fraction = Annotated[float, Field(ge=0, lt=1)]


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
            numbers = value if isinstance(value, list | tuple) else (value,)
            if not all(isinstance(each, int | float) for each in numbers):
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
