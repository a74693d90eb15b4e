"""The frozen, strict models of a spec: Experiment, Arm, Claim, Published, Recipe and Run.

Says what is allowed. Reading TOML is in `load`; turning arms into runs is in `resolve`. Imports no torch.
Units: learning rates per update, errors in % of images, schedule in iterations (optimizer updates).
"""

import re
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from repro.data import catalog


class Frozen(BaseModel):
    """Unknown keys and silently converted types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _list(item: Any) -> Any:
    """A TOML array, held as a tuple."""
    return Annotated[tuple[item, ...], Field(strict=False)]


Positive = Annotated[int, Field(gt=0, le=10**9)]
Rate = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]

# --- the recipe ------------------------------------------------------------------------------------------------------

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
    drops: _list(Positive) = ()  # type: ignore[valid-type]
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
    augment: _list(Annotated[str, Field(pattern=r"^(pad-crop-[1-9]\d?|hflip)$")]) = ()  # type: ignore[valid-type]
    batch_size: Positive
    last_batch: Literal["wrap", "keep", "drop"] = "wrap"  # wrap: batches run on across the ends of epochs
    bn_batch: Positive | None = None  # images that batch norm sees together; None = the whole batch
    model: Model
    optimizer: Optimizer
    schedule: Schedule
    evaluate_every: Positive = 1000  # iterations
    diverge_above: Annotated[float, Field(gt=0)] = 1e4  # training loss (nats) that ends the run as diverged
    precision: Literal["fp32", "tf32", "bf16"] | None = None  # None = whoever runs it chooses; the record says which

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


# --- what the paper says ---------------------------------------------------------------------------------------------


class Published(Frozen):
    """A published number: test error in %, and how it came about."""

    test_error: Annotated[float, Field(ge=0, le=100)]
    sd: Annotated[float, Field(ge=0)] | None = None
    runs: Positive | None = None  # None = unstated
    statistic: Literal["mean", "median"] = "mean"  # of those runs
    selection: Literal["final", "best-test", "best-validation", "unstated"] = "unstated"
    where: str  # table, figure, page
    dataset: str | None = None  # where it is not the experiment's: such a number is shown, never compared
    same_protocol: bool = True  # False: another schedule, network or selection than this spec's
    quote: str = ""  # the number as printed, where that was an accuracy

    @model_validator(mode="after")
    def _spread_is_a_means(self) -> "Published":
        if self.statistic == "median" and self.sd is not None:
            raise ValueError("sd goes with statistic 'mean', not 'median'")
        return self


class Claim(Frozen):
    """What the paper says, as a test that was fixed before the runs.

    value: the arm's test error equals the published one within `margin` points.
    difference: arms = [better, worse]: the first has the lower test error.
    order: each arm has a lower test error than the next.
    equivalence: two arms differ by less than `margin` points.
    non-inferiority: the first of two arms is worse by less than `margin` points, or not at all.
    """

    id: Name
    kind: Literal["value", "difference", "order", "equivalence", "non-inferiority"]
    arms: _list(str)  # type: ignore[valid-type]
    margin: Annotated[float, Field(gt=0)]  # points of test error
    says: str  # the claim in words
    where: str = ""  # table, figure, page
    size: float | None = None  # the published difference in points, where the claim names one
    metric: Literal["final", "best"] = "final"
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    paired: bool = False  # over shared seeds

    @model_validator(mode="after")
    def _right_number_of_arms(self) -> "Claim":
        wanted = {"value": (1, 1), "order": (3, 99)}.get(self.kind, (2, 2))
        if not wanted[0] <= len(self.arms) <= wanted[1]:
            allowed = {"value": "one arm", "order": "three arms or more"}.get(self.kind, "two arms")
            raise ValueError(f"claim {self.id!r}: kind {self.kind!r} takes {allowed}, not {list(self.arms)}")
        if len(set(self.arms)) < len(self.arms):
            raise ValueError(f"claim {self.id!r} names an arm twice: {list(self.arms)}")
        return self

    @model_validator(mode="after")
    def _margin_below_size(self) -> "Claim":
        """A difference as large as the published one must not count as negligible."""
        if self.size is not None and self.kind != "difference":
            raise ValueError(f"claim {self.id!r}: size goes with kind 'difference', not {self.kind!r}")
        if self.size is not None and self.margin >= self.size:
            raise ValueError(f"claim {self.id!r}: margin = {self.margin:g} must be below size = {self.size:g}")
        return self


class Deviation(Frozen):
    """Where the recipe departs from the paper, or the paper is silent."""

    what: str
    why: str
    effect: str  # the effect expected
    arms: _list(str) = ()  # type: ignore[valid-type]  # empty = all


class Lesson(Frozen):
    """A question of the paper's readers, and the claims that answer it: yes where they hold."""

    question: Annotated[str, Field(pattern=r"\?$")]
    claims: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]


class Cost(Frozen):
    """Expected minutes a run on named hardware, and where that figure comes from."""

    hardware: str
    minutes: dict[str, float]  # arm -> minutes at full scale
    source: str


class Arm(Frozen):
    """One condition of an experiment: its resolved recipe, and its published number where there is one."""

    name: Name
    label: Annotated[str, Field(min_length=1)]
    recipe: Recipe
    demo: Recipe | None
    published: Published | None = None


class Experiment(Frozen):
    """One paper's claims and the arms that test them."""

    name: Name
    title: str
    source: str
    paper: Name  # short: the W&B project
    arms: tuple[Arm, ...] = Field(min_length=1)
    claims: tuple[Claim, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    costs: tuple[Cost, ...] = ()

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)

    @model_validator(mode="after")
    def _consistent(self) -> "Experiment":
        names = [arm.name for arm in self.arms]
        _no_twins("arm", names)
        _no_twins("claim", [claim.id for claim in self.claims])
        users = [(f"claim {c.id!r}", c.arms) for c in self.claims]
        users += [(f"deviation {d.what!r}", d.arms) for d in self.deviations]
        users += [(f"cost on {c.hardware!r}", tuple(c.minutes)) for c in self.costs]
        for user, arms in users:
            for arm in arms:
                if arm not in names:
                    raise ValueError(f"{user} names an unknown arm {arm!r}; the arms are: {', '.join(names)}")
        ids = [claim.id for claim in self.claims]
        for lesson in self.lessons:
            for claim_id in lesson.claims:
                if claim_id not in ids:
                    raise ValueError(
                        f"lesson {lesson.question!r} names an unknown claim {claim_id!r}; "
                        f"the claims are: {', '.join(ids) or 'none'}"
                    )
            _no_twins(f"claim of lesson {lesson.question!r}", list(lesson.claims))
        for claim in self.claims:
            if claim.kind == "value" and self.arm(claim.arms[0]).published is None:
                raise ValueError(f"claim {claim.id!r}: arm {claim.arms[0]!r} has no published number")
            if claim.kind == "order":
                self._margin_below_steps(claim)
        return self

    def _margin_below_steps(self, claim: Claim) -> None:
        """Where an order's arms have published numbers that may be compared, each step must exceed the margin."""
        for better, worse in pairwise(claim.arms):
            numbers = [self.arm(name).published for name in (better, worse)]
            known = [n.test_error for n in numbers if n and n.same_protocol and n.dataset is None]
            if len(known) == 2 and round(known[1] - known[0], 6) <= claim.margin:
                raise ValueError(
                    f"claim {claim.id!r}: margin = {claim.margin:g} must be below each published step; from "
                    f"{better!r} to {worse!r} it is {known[1] - known[0]:.2f}"
                )


def _no_twins(kind: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{kind} named twice: {', '.join(twice)}")


# --- a run -----------------------------------------------------------------------------------------------------------


class Run(Frozen):
    """An arm with a seed: all that training needs. `scale` is "1" (the paper's), a fraction ("1/200") or "demo"."""

    experiment: str
    arm: str
    seed: Annotated[int, Field(ge=0)]
    scale: str
    recipe: Recipe

    @property
    def name(self) -> str:
        at = "" if self.scale == "1" else f" at {self.scale}"
        return f"{self.experiment}/{self.arm}/seed-{self.seed}{at}"
