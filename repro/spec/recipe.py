"""The frozen, strict models of a recipe: everything that a run's numbers depend on except its seed.

Optimizers and schedules have files of their own, networks are in repro.models. Imports no torch.
"""

import re
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from repro.data import catalog
from repro.errors import UserError
from repro.fields import SPLIT, Frozen, Positive, array
from repro.models import FAMILIES, Network
from repro.spec.augmentations import Augmentation, Change
from repro.spec.optimization import Optimizer
from repro.spec.schedules import EpochSchedule, Schedule, in_epochs
from repro.spec.weights import Weights

Precision = Literal["fp32", "tf32", "bf16"]
if TYPE_CHECKING:
    Model = Network
else:  # the settings of one of the families, chosen by name
    Model = Annotated[reduce(or_, FAMILIES.values()), Field(discriminator="name")]


class Constants(Frozen):
    """Normalisation by given numbers, one per channel, for pixels in 0..1: (x - mean) / std."""

    mean: array(Annotated[float, Field(ge=0, le=1)])  # type: ignore[valid-type]
    std: array(Annotated[float, Field(gt=0)])  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _same_length(self) -> "Constants":
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean = {list(self.mean)} and std = {list(self.std)} must be equally long")
        return self


class Ema(Frozen):
    """An exponential moving average of the weights and batch-norm statistics: average += (1 - decay) * (w - average).

    It starts as a copy after the first update and follows every later one (torch.optim.swa_utils.AveragedModel with
    buffers). All evaluations use it, and it is the network that is kept; training goes on with the raw weights, which
    stay in the checkpoint. Like momentum, decay is per update, and `--scale` does not change it.
    """

    decay: Annotated[float, Field(gt=0, lt=1)]


class StatedRecipe(Frozen):
    """Everything that a run's numbers depend on except its seed, as the spec states it: the schedule in either unit."""

    ADDED = ("order", "resize", "keep", "weights", "label_smoothing", "clip_norm", "ema")

    dataset: str
    # train45k: 45,000 of the images; train80%: 80% of them; train100-per-class: 100 of each class. The rest is for
    # validation.
    train_split: Annotated[str, Field(pattern=SPLIT)] = "train"
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
    augment: array(Augmentation) = ()  # type: ignore[valid-type]
    batch_size: Positive
    last_batch: Literal["wrap", "keep", "drop"] = "wrap"  # wrap: a batch continues into the next epoch
    bn_batch: Positive | None = None  # images per batch-norm group; None = the whole batch
    model: Model
    weights: Weights | None = None
    optimizer: Optimizer
    schedule: Annotated[
        Annotated[Schedule, Tag("Schedule")] | Annotated[EpochSchedule, Tag("EpochSchedule")],
        Discriminator(lambda value: "EpochSchedule" if in_epochs(value) else "Schedule"),
    ]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0  # Szegedy et al. 2015, arXiv:1512.00567, section 7
    clip_norm: Annotated[float, Field(gt=0)] | None = None  # of all gradients together: Pascanu et al. 2012
    ema: Ema | None = None
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
    def _each_once(cls, augment: tuple[str | Change, ...]) -> tuple[str | Change, ...]:
        names = [each if isinstance(each, str) else each.name for each in augment]
        kinds = [re.sub(r"-\d+$", "", name) for name in names]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"augment = {names} lists the same kind twice")
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
        texts = [each for each in self.augment if isinstance(each, str)]
        return next((int(text.rsplit("-", 1)[1]) for text in texts if text.startswith("pad-crop-")), 0)

    @property
    def hflip(self) -> bool:
        return "hflip" in self.augment

    @property
    def changes(self) -> tuple[Change, ...]:
        """The augmentations beyond crops and flips."""
        return tuple(each for each in self.augment if not isinstance(each, str))


class Recipe(StatedRecipe):
    """A recipe ready for training: the schedule is in iterations, and every default is filled in."""

    schedule: Schedule
