"""The frozen, strict models of a spec: Experiment, Arm and others; and Run.

They define what a spec may contain; recipes are defined in `recipe`, claims and published numbers in
`repro.claims.rules`. `load` reads TOML, `resolve` turns arms into runs. Imports no torch.
"""

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from repro.claims.rules import Claim, Design, Published, When
from repro.data import catalog
from repro.errors import UserError
from repro.fields import ADDRESS, QUESTION, Frozen, Name, array
from repro.spec.epochs import iteration_at, resolve_schedule
from repro.spec.names import Names
from repro.spec.recipe import Recipe, StatedRecipe
from repro.spec.scale import DEMO, SCRATCH, ScaleField


class Reference(Frozen):
    """A publication with a number or a claim, as it is cited."""

    id: Name
    author: Annotated[str, Field(min_length=1)]
    title: Annotated[str, Field(min_length=1)]
    year: Annotated[int, Field(ge=1900, le=2100)] | None = None  # None = no year given
    link: Annotated[str, Field(pattern=ADDRESS)] = ""  # "" = unknown

    @field_validator("author")
    @classmethod
    def _names(cls, author: str) -> str:
        if not all(name.strip() for name in author.split(", ")):
            raise ValueError("a name is empty; allowed: names separated by commas")
        return author

    @property
    def short(self) -> str:
        """The citation in a text: "He et al. 2015", "Simonyan & Zisserman 2014"."""
        names = [author.split()[-1] for author in self.author.split(", ")]
        authors = f"{names[0]} et al." if len(names) > 2 else " & ".join(names)
        return f"{authors} {self.year}" if self.year else authors


class Deviation(Frozen):
    """A point where the recipe differs from the paper, or the paper gives no details."""

    what: str
    why: str
    effect: str  # the expected effect
    id: Name | None = None
    arms: array(str) = ()  # type: ignore[valid-type]  # empty = all
    other_arm: Name | None = None  # the arm trained without the deviation
    instead: dict[str, Any] | None = None  # the settings of the recipe without the deviation, as an arm gives its own
    afterwards: bool = False  # whether it was added when the arm's result was known
    measured: str = ""  # the measured effect, with n; "" = not measured

    @model_validator(mode="after")
    def _addressed(self) -> "Deviation":
        if self.instead is not None and self.other_arm:
            raise ValueError(
                f"instead and other_arm = {self.other_arm!r}: give one; other_arm is for a reading that is an arm"
            )
        if self.instead is not None and not self.id:
            raise ValueError("'id' is missing: `instead` needs one, which names the runs of the other reading")
        return self


class Lesson(Frozen):
    """A question of the paper's readers, and the claims that answer it: yes if they are reproduced."""

    question: Annotated[str, Field(pattern=QUESTION)]
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


READING = "+"  # no name in a spec contains it


class Reading(Arm):
    """Another reading of an arm: its recipe as a deviation's `instead` has it. Trained by `repro why`; not an arm."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*\+[a-z0-9][a-z0-9.-]*$")]  # ARM+DEVIATION
    arm: Name
    deviation: Name


class Try(Arm):
    """An arm with settings from the command line (`repro.spec.tries`). Counts for nothing; no spec has one."""

    name: str  # ARM,KEY=VALUE,...


def is_reading(name: str) -> bool:
    """Whether `name` is that of another reading of an arm, not of an arm."""
    return READING in name


@dataclass(frozen=True)
class _Design:
    """The arms of a claim, as its kind asks for them (`repro.claims.rules.Design`)."""

    arms: tuple[Arm, ...]

    @property
    def published(self) -> list[Published | None]:
        return [arm.published for arm in self.arms]

    @property
    def datasets(self) -> list[str]:
        return [arm.recipe.dataset for arm in self.arms]

    def unevaluated(self, when: When) -> str:
        recipe = self.arms[0].recipe
        try:
            iteration, end = iteration_at(recipe, when), resolve_schedule(recipe).schedule.iterations
        except catalog.Absent:  # an image folder, in which an epoch is counted
            return ""
        if iteration == end or (iteration < end and iteration % recipe.evaluate_every == 0):
            return ""
        return f"iteration {iteration:,}" + (f", and the schedule ends at {end:,}" if iteration > end else "")


class Experiment(Frozen):
    """One paper's claims and the arms that test them."""

    name: Name
    title: str
    source: str
    paper: Name  # a short name, used as the W&B project
    references: tuple[Reference, ...] = ()
    arms: tuple[Arm, ...] = Field(min_length=1)
    claims: tuple[SerializeAsAny[Claim], ...] = ()
    lessons: tuple[Lesson, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    readings: tuple[Reading, ...] = ()  # those that deviations state with `instead`
    tries: tuple[Try, ...] = ()
    costs: tuple[Cost, ...] = ()
    sources: tuple["Experiment", ...] = ()  # other experiments whose runs this one starts from
    file: Annotated[Path, Field(exclude=True)]

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

    @property
    def trained(self) -> tuple[Arm, ...]:
        """All that has runs: the arms, other readings of them, and tries."""
        return (*self.arms, *self.readings, *self.tries)

    def trained_as(self, name: str) -> Arm:
        """What the runs called `name` train. UserError if nothing is called so."""
        return next((each for each in self.trained if each.name == name), None) or self.arm(name)

    def tried(self, names: Collection[str]) -> "Experiment":
        """What is left of it to look at tries: those called `names`, and such arms, without claims."""
        arms = tuple(each for each in self.trained if each.name in names)
        nothing = {"claims": (), "lessons": (), "deviations": (), "readings": (), "tries": ()}
        return self.model_copy(update=nothing | {"arms": arms})

    def design(self, claim: Claim) -> Design:
        """The arms of a claim, as its kind asks for them before any run."""
        return _Design(tuple(self.arm(name) for name in claim.arms))

    def cited(self, by: Claim | Published) -> str:
        """The citation, such as "He et al. 2015, Table 6"; without authors for an own claim."""
        authors = [entry.short for entry in self.references if entry.id == by.reference]
        return ", ".join(filter(None, [*authors, by.where]))

    @property
    def primary(self) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if claim.primary)

    @field_validator("name")
    @classmethod
    def _is_no_scale(cls, name: str) -> str:
        if name in (DEMO.folder, SCRATCH) or name.startswith("scale-"):
            raise ValueError(
                "demo, scratch and names that begin with scale- are folders of results/; choose another name"
            )
        return name

    @model_validator(mode="after")
    def _consistent(self) -> "Experiment":
        if problems := [*self._problems_of_names()] or [*self._problems_of_arms()]:
            raise ValueError("\n".join(problems))
        return self

    def _problems_of_names(self) -> Iterator[str]:
        """Names that are unknown or given twice, among the experiment's tables."""
        names = Names(
            arms=[arm.name for arm in self.arms],
            references=[reference.id for reference in self.references],
            claims=[claim.id for claim in self.claims],
            deviations=[deviation.id for deviation in self.deviations if deviation.id],
        )
        yield from names.doubled()
        for claim in self.claims:
            yield from names.of_claim(claim)
        for each in self.deviations:
            yield from names.unknown_arms(f"deviation {each.what!r}", (*each.arms, *filter(None, [each.other_arm])))
        for cost in self.costs:
            yield from names.unknown_arms(f"cost on {cost.hardware!r}", tuple(cost.minutes))
        for arm in self.arms:
            if arm.published:
                yield from names.unknown_reference(f"arm {arm.name!r}: published", arm.published.reference)
        for lesson in self.lessons:
            yield from names.of_lesson(lesson)

    def _problems_of_arms(self) -> Iterator[str]:
        """Claims that do not fit their arms, and runs that cannot be started from.

        Those exist, do not start from a run in turn, and are trained on a built-in data set.
        """
        for claim in self.claims:
            if misfit := claim.misfit(self.design(claim)):
                yield f"claim {claim.id!r}: {misfit}"
        for arm in self.trained:
            for recipe in filter(None, (arm.recipe, arm.demo)):
                if not (recipe.weights and recipe.weights.run):
                    continue
                name, source, _ = recipe.weights.run
                where = f"arm {arm.name!r}: weights: source = {recipe.weights.source!r}"
                arms = {a.name: a for a in self.source_experiment(name).arms}
                if source not in arms:
                    yield f"{where}: unknown arm; the arms of {name!r} are: {', '.join(arms)}"
                elif (other := arms[source].recipe.weights) and other.run:
                    yield f"{where} itself starts from a run, {other.source!r}, which is not allowed"
                elif not catalog.built_in(arms[source].recipe.dataset):
                    yield f"{where} is trained on an image folder; allowed: runs on a built-in data set"


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
