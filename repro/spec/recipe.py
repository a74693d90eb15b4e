"""The frozen, strict models of a recipe: optimizer, schedule, data. They define what a spec may contain.

The settings of networks are defined in repro.models. Imports no torch.
Units: learning rates per update; iterations are optimizer updates, epochs passes over the training images.
"""

import re
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from repro.data import catalog
from repro.errors import UserError
from repro.fields import Frozen, Positive, Rate, array
from repro.models import FAMILIES, Network

Epochs = Annotated[int, Field(gt=0, le=10**6)]
Precision = Literal["fp32", "tf32", "bf16"]
Shape = Literal["steps", "cosine"]
if TYPE_CHECKING:
    Model = Network
else:  # the settings of one of the families, chosen by name
    Model = Annotated[reduce(or_, FAMILIES.values()), Field(discriminator="name")]


class Sgd(Frozen):
    """Stochastic gradient descent as in torch.optim.SGD: v = momentum*v + g, w = w - lr*v."""

    name: Literal["sgd"]
    lr: Rate
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    nesterov: bool = False
    weight_decay: Rate = 0.0
    decay_norm_and_bias: bool = True  # whether weight decay also applies to norm parameters and biases


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
    factor: Annotated[float, Field(gt=0)] = 0.1
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
    factor: Annotated[float, Field(gt=0)] = 0.1
    warmup: (
        Annotated[
            Annotated[Warmup, Tag("Warmup")] | Annotated[EpochWarmup, Tag("EpochWarmup")],
            Discriminator(lambda value: "EpochWarmup" if _in_epochs(value) else "Warmup"),
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


def _in_epochs(value: Any) -> bool:
    return "epochs" in value if isinstance(value, dict) else isinstance(value, EpochSchedule | EpochWarmup)


def _drops_fit(drops: tuple[int, ...], end: int, unit: str, shape: Shape) -> None:
    if drops and shape == "cosine":
        raise ValueError(f'drops = {list(drops)} goes with shape = "steps"; a cosine schedule has none')
    if list(drops) != sorted(set(drops)):
        raise ValueError(f"drops = {list(drops)} must be strictly increasing")
    if drops and drops[-1] >= end:
        raise ValueError(f"drops = {list(drops)} must be below the schedule's {end} {unit}")


class Constants(Frozen):
    """Normalisation by given numbers, one per channel, for pixels in 0..1: (x - mean) / std."""

    mean: array(Annotated[float, Field(ge=0, le=1)])  # type: ignore[valid-type]
    std: array(Annotated[float, Field(gt=0)])  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _same_length(self) -> "Constants":
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean = {list(self.mean)} and std = {list(self.std)} must be equally long")
        return self


class Weights(Frozen):
    """The weights that training starts from, in place of random ones.

    source: the kept network of another run, as EXPERIMENT/ARM (the run with the same seed) or EXPERIMENT/ARM/seed-N; a
        .safetensors or .pt file; or the name of a set of torchvision's weights, such as "IMAGENET1K_V2".
    sha256: of the file.
    head: whether the last linear layer starts from the source too, or is "new" and random.
    train: "all" layers, or only the "head"; the others then keep their weights and batch-norm statistics.
    """

    source: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    head: Literal["new", "loaded"] = "new"
    train: Literal["all", "head"] = "all"

    @model_validator(mode="after")
    def _identified(self) -> "Weights":
        if self.is_file != bool(self.sha256):
            raise ValueError(f"sha256 is required for a file of weights, and only for that; source = {self.source!r}")
        if not (self.is_file or self.run or re.fullmatch(r"[A-Z0-9_]+", self.source)):
            raise ValueError(
                f"source = {self.source!r}; allowed: EXPERIMENT/ARM, EXPERIMENT/ARM/seed-N, a .safetensors or .pt "
                "file, or the name of torchvision's weights, such as IMAGENET1K_V2"
            )
        return self

    @property
    def is_file(self) -> bool:
        return self.source.endswith((".safetensors", ".pt", ".pth"))

    @property
    def run(self) -> tuple[str, str, int | None] | None:
        """(experiment, arm, seed) if the source is a run; seed None = the same seed."""
        name = r"[a-z0-9][a-z0-9.-]*"
        found = None if self.is_file else re.fullmatch(rf"({name})/({name})(?:/seed-(\d{{1,9}}))?", self.source)
        return (found[1], found[2], int(found[3]) if found[3] else None) if found else None


class StatedRecipe(Frozen):
    """Everything that a run's numbers depend on except its seed, as the spec states it: the schedule in either unit."""

    ADDED = ("order", "resize", "keep", "weights")

    dataset: str
    # train45k: 45,000 of the images; train80%: 80% of them; train100-per-class: 100 of each class. The rest is for
    # validation.
    train_split: Annotated[str, Field(pattern=r"^train([1-9]\d{0,8}k?|[1-9]\d?%|[1-9]\d{0,8}-per-class)?$")] = "train"
    order: Literal["shuffled", "file"] = "shuffled"  # of the training images: anew in each epoch, or as in the files
    image_size: Positive | None = None  # pixels per side; left out = the data set's own (filled in by `load`)
    # how images are resized to image_size: once, antialiased, and photographs cropped to their central square; once,
    # "stretched" to a square instead; or "per-batch" on the device, bilinearly, which needs no memory for large images
    resize: Literal["once", "stretched", "per-batch"] = "once"
    normalise: Annotated[
        Annotated[Literal["per-pixel-mean", "mean-std", "half", "none"], Tag("name")]
        | Annotated[Constants, Tag("Constants")],
        Discriminator(lambda value: "name" if isinstance(value, str) else "Constants"),
    ] = "per-pixel-mean"
    padding: Literal["after-normalise", "before-normalise"] = "after-normalise"  # zeros, or black pixels
    augment: array(Annotated[str, Field(pattern=r"^(pad-crop-[1-9]\d?|hflip)$")]) = ()  # type: ignore[valid-type]
    batch_size: Positive
    last_batch: Literal["wrap", "keep", "drop"] = "wrap"  # wrap: a batch continues into the next epoch
    bn_batch: Positive | None = None  # images per batch-norm group; None = the whole batch
    model: Model
    weights: Weights | None = None
    optimizer: Optimizer
    schedule: Annotated[
        Annotated[Schedule, Tag("Schedule")] | Annotated[EpochSchedule, Tag("EpochSchedule")],
        Discriminator(lambda value: "EpochSchedule" if _in_epochs(value) else "Schedule"),
    ]
    evaluate_every: Positive = 1000  # iterations
    # the network that is kept, whose predictions are recorded: after the last iteration, or at the evaluation with the
    # lowest validation loss
    keep: Literal["last", "lowest-validation-loss"] = "last"
    diverge_above: Annotated[float, Field(gt=0)] = 1e4  # nats: a higher training loss ends the run as diverged
    precision: Precision | None = None  # None = chosen when the run is trained, and stored in its record

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, name: str) -> str:
        try:
            catalog.check_name(name)
        except UserError as error:
            raise ValueError(str(error)) from error
        return name

    @field_validator("augment")
    @classmethod
    def _each_once(cls, augment: tuple[str, ...]) -> tuple[str, ...]:
        kinds = [re.sub(r"-\d+$", "", name) for name in augment]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"augment = {list(augment)} lists the same kind twice")
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
    def _keeps_what_it_has(self) -> "StatedRecipe":
        if self.keep == "lowest-validation-loss" and self.train_split == "train":
            raise ValueError(f"keep = {self.keep!r} needs validation images: train_split, such as train80%")
        return self

    @model_validator(mode="after")
    def _resizes_what_it_can(self) -> "StatedRecipe":
        if self.resize == "per-batch" and self.normalise == "per-pixel-mean":
            raise ValueError(
                "resize = 'per-batch' allows normalise = 'mean-std', 'half', 'none' or constants, not 'per-pixel-mean'"
            )
        return self

    @model_validator(mode="after")
    def _network_fits(self) -> "StatedRecipe":
        dataset = catalog.built_in(self.dataset)
        native = dataset.size if dataset else None
        if isinstance(self.normalise, Constants) and dataset and len(self.normalise.mean) != dataset.channels:
            raise ValueError(
                f"normalise: mean and std must have one number per channel: {dataset.channels} of {self.dataset}"
            )
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
    """A recipe ready for training: the schedule is in iterations, and every default is filled in."""

    schedule: Schedule
