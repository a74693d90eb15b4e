"""The frozen, strict models of a recipe: network, optimizer, schedule, data. Says what is allowed. Imports no torch.

Units: learning rates per update, schedule in iterations (optimizer updates).
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from repro.data import catalog


class Frozen(BaseModel):
    """Unknown keys and silently converted types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def array(item: Any) -> Any:
    """A TOML array, held as a tuple."""
    return Annotated[tuple[item, ...], Field(strict=False)]


Positive = Annotated[int, Field(gt=0, le=10**9)]
Rate = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]

Precision = Literal["fp32", "tf32", "bf16"]
Init = Literal["he-fan-in", "he-fan-out", "glorot", "normal-0.1"]


class ResNetCifar(Frozen):
    """He et al. 2015, section 4.2: 6n+2 layers of 3x3 convolutions for small images (plain without shortcuts)."""

    name: Literal["resnet-cifar"]
    depth: Annotated[int, Field(ge=8, le=10_000)]
    block: Literal["original", "bn-after-add", "relu-before-add", "relu-only-preact", "full-preact"] = "original"
    shortcut: Literal["identity", "identity-centred", "none"] = (
        "identity"  # option A; the zeros after, or on both sides
    )
    subsample: Literal["in-block", "separate-conv"] = "in-block"
    width: Positive = 16  # channels of the first stage
    init: Init = "he-fan-in"

    @field_validator("depth")
    @classmethod
    def _six_n_plus_two(cls, depth: int) -> int:
        if (depth - 2) % 6:
            raise ValueError("a CIFAR ResNet has 6n+2 layers: 8, 14, 20, 26, 32, ...")
        return depth

    @model_validator(mode="after")
    def _plain_is_original(self) -> "ResNetCifar":
        if self.shortcut == "none" and self.block != "original":
            raise ValueError('shortcut = "none" (a plain net) goes with block = "original" only')
        return self


class Vgg(Frozen):
    """Simonyan & Zisserman 2014, Table 1, for small images: five poolings, two hidden layers and the classifier."""

    name: Literal["vgg"]
    config: Literal["A", "A-LRN", "B", "C", "D", "E"]
    batch_norm: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    fc_width: Positive = 512
    width_divisor: Positive = 1
    init: Init = "glorot"

    @model_validator(mode="after")
    def _divides(self) -> "Vgg":
        if 64 % self.width_divisor or self.fc_width % self.width_divisor:
            raise ValueError(f"width_divisor = {self.width_divisor} must divide 64 and fc_width = {self.fc_width}")
        return self


Model = Annotated[ResNetCifar | Vgg, Field(discriminator="name")]


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


class Schedule(Frozen):
    """Step schedule: the learning rate is multiplied by `factor` at each of `drops`; all counted in iterations."""

    iterations: Positive
    drops: array(Positive) = ()  # type: ignore[valid-type]
    factor: Annotated[float, Field(gt=0)] = 0.1
    warmup: Warmup | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Schedule":
        if list(self.drops) != sorted(set(self.drops)):
            raise ValueError(f"drops = {list(self.drops)} must rise")
        if self.drops and self.drops[-1] >= self.iterations:
            raise ValueError(f"drops = {list(self.drops)} must come before the end, iteration {self.iterations}")
        if self.warmup and self.warmup.iterations >= self.iterations:
            raise ValueError(f"warmup.iterations must be below the end, iteration {self.iterations}")
        return self


class Recipe(Frozen):
    """Everything that decides a run's numbers except its seed; every default is explicit once resolved."""

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
    schedule: Schedule
    evaluate_every: Positive = 1000  # iterations
    diverge_above: Annotated[float, Field(gt=0)] = 1e4  # training loss (nats) that ends the run as diverged
    precision: Precision | None = None  # None = settled when it is trained; the record's recipe says which

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, name: str) -> str:
        if not catalog.known(name):
            raise ValueError(f"allowed: {', '.join(catalog.BUILT_IN)}, {catalog.FOLDER_PREFIX}NAME")
        return name

    @field_validator("augment")
    @classmethod
    def _each_once(cls, augment: tuple[str, ...]) -> tuple[str, ...]:
        kinds = [re.sub(r"-\d+$", "", name) for name in augment]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"augment = {list(augment)} names a kind twice")
        return augment

    @model_validator(mode="after")
    def _groups_fit(self) -> "Recipe":
        if self.bn_batch and (self.batch_size % self.bn_batch or self.last_batch == "keep"):
            raise ValueError(
                f"bn_batch = {self.bn_batch} must divide every batch: batch_size = {self.batch_size}, "
                f"last_batch = {self.last_batch!r} (wrap or drop)"
            )
        return self

    @model_validator(mode="after")
    def _network_fits(self) -> "Recipe":
        if not isinstance(self.model, Vgg):
            return self
        size = self.image_size or (catalog.BUILT_IN[self.dataset].size if self.dataset in catalog.BUILT_IN else 32)
        if size % 32:
            raise ValueError(f"image_size = {size}: the five poolings of a VGG need a multiple of 32 pixels")
        if self.bn_batch and not self.model.batch_norm:
            raise ValueError(f"bn_batch = {self.bn_batch} goes with batch_norm = true")
        return self

    @property
    def crop_padding(self) -> int:
        """Pixels of padding on each side before the random crop; 0 = no crop."""
        return next((int(a.rsplit("-", 1)[1]) for a in self.augment if a.startswith("pad-crop-")), 0)

    @property
    def hflip(self) -> bool:
        return "hflip" in self.augment
