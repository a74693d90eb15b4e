"""The frozen, strict models of a spec: what the paper says, as Experiment, Arm, Claim and Published; and a Run.

Says what is allowed; so does `recipe`, for how to train. Reading TOML is in `load`; turning arms into runs is in
`resolve`. Imports no torch. Units: errors in % of images, differences and margins in points of them.
"""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro.spec.recipe import Frozen, Name, Positive, Recipe, array


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
    arms: array(str)  # type: ignore[valid-type]
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
    arms: array(str) = ()  # type: ignore[valid-type]  # empty = all


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
