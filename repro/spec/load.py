"""experiments/*.toml -> Experiment, with errors that name file, key, value and what is allowed.

An arm's recipe is [base], overridden by the arm's own keys. Its demo recipe is the arm's recipe, overridden by [demo]
and then by the arm's `demo`. Tables are merged key by key, but a table with a different `name` replaces the other.
Another reading of an arm has its deviation's `instead` on top of the arm's keys, and the `demo` in it on top of all.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from repro.claims.rules import KINDS, Claim, Published
from repro.data import catalog
from repro.errors import UserError
from repro.fields import Frozen
from repro.spec import places, tries
from repro.spec.epochs import resolve_schedule, train_images
from repro.spec.layers import overlay, without_other_unit
from repro.spec.messages import ARM_KEYS, explain, unknown_key
from repro.spec.names import Names
from repro.spec.recipe import StatedRecipe
from repro.spec.schema import READING, Arm, Cost, Deviation, Experiment, Lesson, Reading, Reference, Try
from repro.spec.weights import Weights
from repro.wording import unprintable

TOP_KEYS = (
    "name",
    "title",
    "source",
    "paper",
    "reference",
    "base",
    "arm",
    "demo",
    "claim",
    "lesson",
    "deviation",
    "cost",
)
Table = dict[str, Any]
M = TypeVar("M", bound=Frozen)
T = TypeVar("T")


def load(text: str, root: Path, tried: Iterable[str] = ()) -> Experiment:
    """The experiment that is given by its name or by its file's path, with these tries (`repro.spec.tries`).

    UserError if there is none or it is invalid, or a try.
    """
    return parse(places.find(text, root), tried)


def parse(path: Path, tried: Iterable[str] = ()) -> Experiment:
    """Read and validate one spec file, which may lie in any folder. What it names in turn is relative to that folder.

    UserError if it cannot be read or is invalid. Needs no other file than the experiments whose runs it starts from.
    """
    return _Reader(path, read_toml(path), tried=tried).experiment()


def parse_text(text: str, path: Path) -> Experiment:
    """`parse` of a file with this text, which need not be there yet."""
    return _Reader(path, _tables(text, path)).experiment()


def read_toml(path: Path) -> Table:
    """The file's content. UserError if it cannot be read, is not TOML, or contains what must not be printed."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from error
    return _tables(text, path)


def _tables(text: str, path: Path) -> Table:
    try:
        tables = tomllib.loads(text)
        wrong = next(unprintable(tables), None)
    except ValueError as error:  # not TOML, or a number of thousands of digits
        raise UserError(f"{path}: not valid TOML: {error}") from error
    except RecursionError:
        raise UserError(f"{path}: nested too deeply") from None
    if wrong:
        raise UserError(f"{path}: {wrong}")
    return tables


class _Reader:
    """Turns one spec file into an Experiment; error messages name the table that a value came from.

    Errors of different tables are reported together; what depends on several tables is checked once each is valid.
    """

    def __init__(
        self, path: Path, tables: Table, starting_here: tuple[str, ...] = (), tried: Iterable[str] = ()
    ) -> None:
        self.path, self.tables, self.tried = path, tables, tried
        self.starting_here = starting_here  # experiments that start from this one, each from the next
        self.errors: list[str] = []

    def experiment(self) -> Experiment:
        for key in self.tables:
            self._try(self._known_key, key)
        self._try(self._own_name)
        demo = self._try(self._table, "demo") if "demo" in self.tables else None
        base = self._try(self._table, "base")
        fields: Table = {
            "name": self.path.stem,
            "file": self.path,
            "references": self._each("reference", lambda entry: self._model(Reference, entry, "[[reference]]")),
            "arms": () if base is None else self._each("arm", lambda entry: self._arm(entry, base, demo)),
            "claims": self._each("claim", self._claim),
            "lessons": self._each("lesson", lambda entry: self._model(Lesson, entry, "[[lesson]]")),
            "deviations": self._each("deviation", lambda entry: self._model(Deviation, entry, "[[deviation]]")),
            "costs": self._each("cost", lambda entry: self._model(Cost, entry, "[[cost]]")),
        }
        if self.errors or base is None:
            self.errors += [f"{self.path}: {problem}" for problem in self._names_unknown_to(fields)]
            raise UserError("\n".join(dict.fromkeys(self.errors)))  # an error in [base] comes once per arm
        arms: tuple[Arm, ...] = fields["arms"]
        readings = tuple(r for each in fields["deviations"] for r in self._readings(each, arms, base, demo))
        found = tuple(self._try_of(name, arms, base, demo) for name in self.tried)
        fields |= {"readings": readings, "tries": found, "sources": self._sources((*arms, *readings, *found))}
        top = {key: self.tables[key] for key in ("title", "source", "paper") if key in self.tables}
        return self._model(Experiment, top | fields, "the top level")

    def _names_unknown_to(self, fields: Table) -> Iterator[str]:
        """What the claims and lessons that are valid name and no table defines; the tables may be wrong otherwise."""
        keys = {"arm": "name", "reference": "id", "claim": "id", "deviation": "id"}
        try:
            arms, references, claims, deviations = (
                [entry[key] for entry in self._list(table) if isinstance(entry.get(key), str)]
                for table, key in keys.items()
            )
        except UserError:  # no array of tables, which is told already
            return
        names = Names(arms, references, claims, deviations)
        yield from names.doubled()
        for claim in fields["claims"]:
            yield from names.of_claim(claim)
        for lesson in fields["lessons"]:
            yield from names.of_lesson(lesson)

    def _each(self, key: str, read: Callable[[Table], T]) -> tuple[T, ...]:
        """What `read` makes of each entry of an array of tables; those with errors are left out."""
        found = [self._try(read, entry) for entry in self._try(self._list, key) or ()]
        return tuple(each for each in found if each is not None)

    def _try(self, read: Callable[..., T], *args: Any) -> T | None:
        """What `read` returns; None if it fails, with its message in `errors`."""
        try:
            return read(*args)
        except UserError as error:
            self.errors.append(str(error))
            return None

    def _own_name(self) -> None:
        if self.tables.get("name") != self.path.stem:
            self._fail(f"name = {self.tables.get('name')!r}: must be the file's name, {self.path.stem!r}")

    def _sources(self, arms: tuple[Arm, ...]) -> tuple[Experiment, ...]:
        """The other experiments whose runs this one starts from."""
        names = {weights.run[0] for weights in _weights_of(arms) if weights.run} - {self.path.stem}
        found = []
        for name in sorted(names):
            beside = self.path.with_name(f"{name}.toml")
            path = beside if beside.exists() else places.built_in() / beside.name
            if not path.exists():
                self._fail(f"weights: source: there is no experiment {name!r}")
            chain = (*self.starting_here, self.path.stem)
            if name in chain:
                self._fail(f"weights: source: {' starts from '.join((*chain, name))}, which is a circle")
            found.append(_Reader(path, read_toml(path), chain).experiment())
        return tuple(found)

    def _arm(self, entry: Table, base: Table, demo: Table | None) -> Arm:
        place = f"[[arm]] {entry.get('name', '?')!r}"
        recipe, demo_recipe = self._recipes([(place, entry)], base, demo)
        fields: Table = {"label": entry.get("name"), "recipe": recipe, "demo": demo_recipe}
        fields |= {key: entry[key] for key in ("name", "label") if key in entry}
        if "published" in entry:
            fields["published"] = self._model(Published, entry["published"], f"{place} published")
        return self._model(Arm, fields, place)

    def _readings(
        self, deviation: Deviation, arms: tuple[Arm, ...], base: Table, demo: Table | None
    ) -> Iterator[Reading]:
        """The other reading of each of the deviation's arms; of those it applies to by default, if it changes them."""
        if deviation.instead is None:
            return
        place, changed = f"[[deviation]] {deviation.id!r} instead", False
        for key in ARM_KEYS[:-1]:  # all but "demo"
            if key in deviation.instead:
                self._fail(unknown_key(place, key, (*StatedRecipe.model_fields, "demo")))
        for arm, entry in zip(arms, self._list("arm"), strict=True):
            if deviation.arms and arm.name not in deviation.arms:
                continue
            layers = [(f"[[arm]] {arm.name!r}", entry), (f"{place} (of arm {arm.name!r})", deviation.instead)]
            recipe, demo_recipe = self._recipes(layers, base, demo)
            if recipe == arm.recipe:
                if deviation.arms:
                    self._fail(f"{place} = {deviation.instead}: it changes nothing of arm {arm.name!r}")
                continue
            changed = True
            name, label = f"{arm.name}{READING}{deviation.id}", f"{arm.label}, {deviation.id}"
            own = {"arm": arm.name, "deviation": deviation.id, "recipe": recipe, "demo": demo_recipe}
            yield self._model(Reading, {"name": name, "label": label, **own}, place)
        if not changed and not deviation.arms:
            self._fail(f"{place} = {deviation.instead}: it changes nothing of any arm")

    def _try_of(self, name: str, arms: tuple[Arm, ...], base: Table, demo: Table | None) -> Try:
        """The arm with settings from the command line, which also change its demo."""
        of, settings = tries.split(name)
        for key in ARM_KEYS:
            if key in settings:
                self._fail(unknown_key("--set", key, tuple(StatedRecipe.model_fields)))
        for arm, entry in zip(arms, self._list("arm"), strict=True):
            if arm.name == of:
                layers = [(f"[[arm]] {of!r}", entry), ("--set", settings | {"demo": settings})]
                recipe, demo_recipe = self._recipes(layers, base, demo)
                own = {"label": tries.label_of(arm.label, name), "recipe": recipe, "demo": demo_recipe}
                return self._model(Try, {"name": name, **own}, "--set")
        self._fail(f"there is no arm {of!r}; the arms are: {', '.join(arm.name for arm in arms)}")

    def _claim(self, entry: Table) -> Claim:
        place = f"[[claim]] {entry.get('id', '?')!r}"
        kind = entry.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            wrong = f"kind = {kind!r} is not allowed" if "kind" in entry else "'kind' is missing"
            self._fail(f"{place}: {wrong}; allowed: {', '.join(map(repr, KINDS))}")
        for key in entry.keys() - KINDS[kind].model_fields.keys():
            if users := [repr(name) for name, model in KINDS.items() if key in model.model_fields]:
                kinds = f"kind{'s' * (len(users) > 1)} {', '.join(users)}"
                self._fail(f"{place}: {key} is allowed only for {kinds}, not {kind!r}")
        return self._model(KINDS[kind], entry, place)

    def _recipes(
        self, entries: list[tuple[str, Table]], base: Table, demo: Table | None
    ) -> tuple[StatedRecipe, StatedRecipe | None]:
        """The recipe and demo recipe of `entries`, (place, table) each: an arm's, and what a reading has instead."""
        own = [(place, {k: v for k, v in entry.items() if k not in ARM_KEYS}) for place, entry in entries]
        recipe = self._recipe([("[base]", base), *own])
        demos = [(f"{place} demo", entry.get("demo", {})) for place, entry in entries]
        for place, table in demos:
            if not isinstance(table, dict):
                self._fail(f"{place} = {table!r} must be a table")
        if demo is None:
            return recipe, None
        return recipe, self._recipe([("[base]", base), *own, ("[demo]", demo), *demos])

    def _recipe(self, layers: list[tuple[str, Table]]) -> StatedRecipe:
        merged: Table = {}
        for _, layer in layers:
            merged = overlay(without_other_unit(merged, layer), layer)
        schedule = merged.get("schedule")
        if isinstance(schedule, dict) and {"epochs", "iterations"} <= schedule.keys():
            self._fail(f"{layers[-1][0]}: schedule: give epochs or iterations, not both")
        recipe = self._model(StatedRecipe, merged, layers)
        if catalog.built_in(recipe.dataset):  # an image folder may be absent
            try:
                train_images(recipe)
                resolve_schedule(recipe)
            except UserError as error:
                self._fail(f"{layers[-1][0]}: {error}")
        if recipe.image_size is None:
            recipe = recipe.model_copy(update={"image_size": self._native_size(recipe.dataset)})
        return recipe

    def _native_size(self, dataset: str) -> int:
        if not (found := catalog.built_in(dataset)):
            self._fail(f"dataset = {dataset!r} has no fixed image size: image_size (pixels per side) is missing")
        return found.size

    def _table(self, key: str) -> Table:
        value = self.tables.get(key)
        if not isinstance(value, dict):
            self._fail(f"[{key}] is missing" if value is None else f"[{key}] must be a table")
        return value

    def _list(self, key: str) -> list[Table]:
        value = self.tables.get(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            self._fail(f"[[{key}]] must be an array of tables")
        return value

    def _model(self, model: type[M], fields: Any, where: "str | list[tuple[str, Table]]") -> M:
        try:
            return model.model_validate(fields)
        except ValidationError as error:
            self._fail(*explain(error, model, where))

    def _known_key(self, key: str) -> None:
        if key not in TOP_KEYS:
            self._fail(unknown_key("the top level", key, TOP_KEYS))

    def _fail(self, *messages: str) -> NoReturn:
        raise UserError("\n".join(f"{self.path}: {message}" for message in messages))


def _weights_of(arms: tuple[Arm, ...]) -> Iterator[Weights]:
    for arm in arms:
        for recipe in filter(None, (arm.recipe, arm.demo)):
            if recipe.weights:
                yield recipe.weights
