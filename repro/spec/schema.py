"""The frozen, strict models of a spec: Experiment, Arm, Claim, Published and others; and Run.

They define what a spec may contain; recipes are defined in `recipe`. `load` reads TOML, `resolve` turns arms into runs.
Imports no torch. Units: errors in % of images, differences and margins in percentage points.
"""

import difflib
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro.data import catalog
from repro.errors import UserError
from repro.fields import Frozen, Name, Positive, array
from repro.spec.recipe import Recipe, StatedRecipe
from repro.spec.scale import ScaleField

Looks = Annotated[tuple[Annotated[int, Field(ge=2, le=1000)], ...], Field(strict=False)]


class Reference(Frozen):
    """A publication with a number or a claim, as it is cited."""

    id: Name
    author: Annotated[str, Field(min_length=1)]
    title: Annotated[str, Field(min_length=1)]
    year: Annotated[int, Field(ge=1900, le=2100)] | None = None  # None = no year given
    link: str = ""  # "" = unknown

    @property
    def short(self) -> str:
        """The citation in a text: "He et al. 2015", "Simonyan & Zisserman 2014"."""
        names = [author.split()[-1] for author in self.author.split(", ")]
        authors = f"{names[0]} et al." if len(names) > 2 else " & ".join(names)
        return f"{authors} {self.year}" if self.year else authors


class Published(Frozen):
    """A published test error in %, and how it was obtained."""

    test_error: Annotated[float, Field(ge=0, le=100)]
    reference: Name  # the id of a [[reference]]
    sd: Annotated[float, Field(ge=0)] | None = None
    runs: Positive | None = None  # None = unstated
    statistic: Literal["mean", "median"] = "mean"  # over those runs
    selection: Literal["final", "best-test", "best-validation", "unstated"] = "unstated"
    where: str  # table, figure, page
    dataset: str | None = None  # if not the experiment's own: the number is then shown, but not compared
    same_protocol: bool = True  # False: another schedule, network or selection than this spec's
    quote: str = ""  # the number as printed, if that was an accuracy

    @model_validator(mode="after")
    def _sd_only_with_mean(self) -> "Published":
        if self.statistic == "median" and self.sd is not None:
            raise ValueError("sd is allowed only with statistic 'mean', not 'median'")
        return self


class Claim(Frozen):
    """A claim of the source, as a test that is fixed before the runs (docs/statistics.md).

    value: the arm's error equals the published one within `margin` points.
    difference: arms = [better, worse]: the first has the lower error.
    order: each arm has a lower error than the next.
    equivalence: two arms differ by less than `margin` points.
    non-inferiority: the first of two arms is worse by less than `margin` points, or not at all.
    bound: the arm's error is above `above` %.
    """

    id: Name
    kind: Literal["value", "difference", "order", "equivalence", "non-inferiority", "bound"]
    arms: array(str)  # type: ignore[valid-type]
    says: str  # the claim in words
    origin: Literal["paper", "note", "own"]  # "note": of a reproduction; "own": a question of this project
    reference: Name | None = None  # the id of a [[reference]]; None for an own claim
    where: str = ""  # table, figure, page
    primary: bool = False  # whether it is a main claim of the experiment; the primary claims share alpha (Holm)
    same_as: str = ""  # the EXPERIMENT/CLAIM with the same arm and published number, which is counted instead
    margin: Annotated[float, Field(gt=0)] | None = None  # points of error: the smallest difference that matters
    why_margin: str = ""
    above: Annotated[float, Field(ge=0, lt=100)] | None = None  # % of images
    size: float | None = None  # the published difference in points, if the claim states one
    metric: Literal["final", "best", "train_error"] = "final"  # final or best test error, or final training error
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    looks: Looks = ()  # numbers of seeds per arm at which a verdict is given; empty = at any number
    paired: bool = False  # over shared seeds

    @model_validator(mode="after")
    def _number_of_arms(self) -> "Claim":
        limits = {"value": (1, 1), "bound": (1, 1), "order": (3, 99)}.get(self.kind, (2, 2))
        if not limits[0] <= len(self.arms) <= limits[1]:
            allowed = {(1, 1): "one arm", (3, 99): "three arms or more"}.get(limits, "two arms")
            raise ValueError(f"claim {self.id!r}: kind {self.kind!r} takes {allowed}, not {list(self.arms)}")
        if len(set(self.arms)) < len(self.arms):
            raise ValueError(f"claim {self.id!r} lists an arm twice: {list(self.arms)}")
        return self

    @model_validator(mode="after")
    def _margin_has_a_reason(self) -> "Claim":
        if (self.kind == "bound") != (self.above is not None):
            raise ValueError(f"claim {self.id!r}: above (a bound in %) is required for kind 'bound', and only for it")
        if (self.kind == "bound") == (self.margin is not None):
            raise ValueError(f"claim {self.id!r}: margin is required for every kind except 'bound', which has none")
        if (self.margin is None) != (not self.why_margin):
            raise ValueError(f"claim {self.id!r}: why_margin (the reason) is required with a margin, and only with it")
        return self

    @model_validator(mode="after")
    def _published_numbers_are_test_errors(self) -> "Claim":
        if self.kind == "value" and self.metric == "train_error":
            raise ValueError(f"claim {self.id!r}: kind 'value' needs a test error: metric 'final' or 'best'")
        return self

    @model_validator(mode="after")
    def _margin_below_size(self) -> "Claim":
        """A difference as large as the published one must not count as negligible."""
        if self.size is not None and self.kind != "difference":
            raise ValueError(f"claim {self.id!r}: size is allowed only for kind 'difference', not {self.kind!r}")
        if self.size is not None and self.margin is not None and self.margin >= self.size:
            raise ValueError(f"claim {self.id!r}: margin = {self.margin:g} must be below size = {self.size:g}")
        return self

    @model_validator(mode="after")
    def _reference_matches_origin(self) -> "Claim":
        if (self.origin == "own") != (self.reference is None):
            raise ValueError(f"claim {self.id!r}: reference is required for origin 'paper' or 'note'; 'own' has none")
        if list(self.looks) != sorted(set(self.looks)):
            raise ValueError(f"claim {self.id!r}: looks = {list(self.looks)} must be strictly increasing")
        return self


class Deviation(Frozen):
    """A point where the recipe differs from the paper, or the paper gives no details."""

    what: str
    why: str
    effect: str  # the expected effect
    arms: array(str) = ()  # type: ignore[valid-type]  # empty = all
    other_arm: Name | None = None  # the arm trained without the deviation
    measured: str = ""  # the measured effect, with n; "" = not measured


class Lesson(Frozen):
    """A question of the paper's readers, and the claims that answer it: yes if they are reproduced."""

    question: Annotated[str, Field(pattern=r"\?$")]
    claims: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]


class Cost(Frozen):
    """Expected minutes per run on some hardware, and the source of that figure."""

    hardware: str
    minutes: dict[str, float]  # arm -> minutes at full scale
    source: str


class Arm(Frozen):
    """One condition of an experiment: its recipe, and its published number if there is one."""

    name: Name
    label: Annotated[str, Field(min_length=1)]
    recipe: StatedRecipe
    demo: StatedRecipe | None
    published: Published | None = None


class Experiment(Frozen):
    """One paper's claims and the arms that test them."""

    name: Name
    title: str
    source: str
    paper: Name  # a short name, used as the W&B project
    references: tuple[Reference, ...] = ()
    arms: tuple[Arm, ...] = Field(min_length=1)
    claims: tuple[Claim, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    costs: tuple[Cost, ...] = ()
    sources: tuple["Experiment", ...] = ()  # other experiments whose runs this one starts from

    def source_experiment(self, name: str) -> "Experiment":
        """The experiment called `name`: this one, or one of its sources."""
        return next(found for found in (self, *self.sources) if found.name == name)

    def arm(self, name: str) -> Arm:
        """The arm called `name`. UserError if there is none."""
        known = {arm.name: arm for arm in self.arms}
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise UserError(f"experiment {self.name!r} has no arm {name!r}{hint} Its arms are: {', '.join(known)}")
        return known[name]

    def cited(self, by: Claim | Published) -> str:
        """The citation, such as "He et al. 2015, Table 6"; without authors for an own claim."""
        authors = [entry.short for entry in self.references if entry.id == by.reference]
        return ", ".join(filter(None, [*authors, by.where]))

    @property
    def primary(self) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if claim.primary)

    @model_validator(mode="after")
    def _consistent(self) -> "Experiment":
        names = [arm.name for arm in self.arms]
        _check_unique("arm", names)
        _check_unique("claim", [claim.id for claim in self.claims])
        users = [(f"claim {c.id!r}", c.arms) for c in self.claims]
        users += [(f"deviation {d.what!r}", (*d.arms, *filter(None, [d.other_arm]))) for d in self.deviations]
        users += [(f"cost on {c.hardware!r}", tuple(c.minutes)) for c in self.costs]
        for user, arms in users:
            for arm in arms:
                if arm not in names:
                    raise ValueError(f"{user} names an unknown arm {arm!r}; the arms are: {', '.join(names)}")
        self._references_known()
        self._sources_known()
        ids = [claim.id for claim in self.claims]
        for lesson in self.lessons:
            for claim_id in lesson.claims:
                if claim_id not in ids:
                    raise ValueError(
                        f"lesson {lesson.question!r} names an unknown claim {claim_id!r}; "
                        f"the claims are: {', '.join(ids) or 'none'}"
                    )
            _check_unique(f"claim of lesson {lesson.question!r}", list(lesson.claims))
        for claim in self.claims:
            if claim.kind == "value" and self.arm(claim.arms[0]).published is None:
                raise ValueError(f"claim {claim.id!r}: arm {claim.arms[0]!r} has no published number")
            if claim.kind == "order":
                self._margin_below_steps(claim)
        return self

    def _references_known(self) -> None:
        known = [reference.id for reference in self.references]
        _check_unique("reference", known)
        users = [(f"claim {claim.id!r}", claim.reference) for claim in self.claims if claim.reference]
        users += [(f"arm {arm.name!r}: published", arm.published.reference) for arm in self.arms if arm.published]
        for user, name in users:
            if name not in known:
                raise ValueError(
                    f"{user} names an unknown reference {name!r}; the references are: {', '.join(known) or 'none'}"
                )

    def _sources_known(self) -> None:
        """Runs to start from exist, do not start from a run in turn, and are trained on a built-in data set."""
        for arm in self.arms:
            for recipe in filter(None, (arm.recipe, arm.demo)):
                if not (recipe.weights and recipe.weights.run):
                    continue
                name, source, _ = recipe.weights.run
                where = f"arm {arm.name!r}: weights: source = {recipe.weights.source!r}"
                arms = {a.name: a for a in self.source_experiment(name).arms}
                if source not in arms:
                    raise ValueError(f"{where}: unknown arm; the arms of {name!r} are: {', '.join(arms)}")
                if (other := arms[source].recipe.weights) and other.run:
                    raise ValueError(f"{where} itself starts from a run, {other.source!r}, which is not allowed")
                if not catalog.built_in(arms[source].recipe.dataset):
                    raise ValueError(f"{where} is trained on an image folder; allowed: runs on a built-in data set")

    def _margin_below_steps(self, claim: Claim) -> None:
        """Comparable published test errors of neighbouring arms in an order must differ by more than the margin."""
        if claim.metric == "train_error":
            return
        assert claim.margin is not None  # an order has one
        for better, worse in pairwise(claim.arms):
            numbers = [self.arm(name).published for name in (better, worse)]
            known = [n.test_error for n in numbers if n and n.same_protocol and n.dataset is None]
            if len(known) == 2 and round(known[1] - known[0], 6) <= claim.margin:
                raise ValueError(
                    f"claim {claim.id!r}: margin = {claim.margin:g} must be below each published step; from "
                    f"{better!r} to {worse!r} it is {known[1] - known[0]:.2f}"
                )


def _check_unique(kind: str, names: list[str]) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"duplicate {kind}: {', '.join(repeated)}")


# --- a run -----------------------------------------------------------------------------------------------------------


class Run(Frozen):
    """An arm with a seed: all that training needs."""

    ADDED = ("source",)

    experiment: str
    arm: str
    seed: Annotated[int, Field(ge=0)]
    scale: ScaleField
    recipe: Recipe
    source: "Run | None" = None  # the run whose weights it starts from

    @property
    def name(self) -> str:
        at = "" if self.scale.is_full else f" at {self.scale}"
        return f"{self.experiment}/{self.arm}/seed-{self.seed}{at}"
