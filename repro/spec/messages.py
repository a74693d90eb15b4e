"""The messages about an invalid spec or queue: table, key, value, what is allowed."""

import difflib
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from repro.fields import Frozen
from repro.models import FAMILIES
from repro.spec.optimization import Adam, EpochSchedule, EpochWarmup, Schedule, Sgd, Warmup
from repro.spec.recipe import Constants, StatedRecipe

ARM_KEYS = ("name", "label", "published", "demo")
UNION_TAGS: dict[str, type[Frozen]] = {  # what pydantic adds to an error's location for a member of a union
    **FAMILIES,
    **{"sgd": Sgd, "adam": Adam},
    **{model.__name__: model for model in (Schedule, EpochSchedule, Warmup, EpochWarmup, Constants)},
}
Table = dict[str, Any]


def explain(error: ValidationError, model: type[Frozen], where: "str | list[tuple[str, Table]]") -> Iterator[str]:
    """One line per error: table, key, value, what is allowed."""
    for fault in error.errors():
        # pydantic adds the tags of unions to the location; no key of a spec has the name of a tag
        keys = [str(key) for key in fault["loc"]]
        place = where if isinstance(where, str) else _origin(keys, where)
        keys = [key for key in keys if key not in UNION_TAGS]
        key = ".".join(keys)
        value = fault.get("input")
        if fault["type"] == "extra_forbidden":
            allowed = tuple(_allowed(model, fault["loc"]))
            yield f"{unknown_key(place, key, allowed)} (its value: {value!r})"
        elif fault["type"] == "missing":
            yield f"{place}: {key!r} is missing"
        elif fault["type"] == "value_error" and isinstance(value, dict | tuple | Frozen):
            yield f"{place}: {key + ': ' if key else ''}{fault['ctx']['error']}"
        else:
            message = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else fault["msg"]
            subject = f"{place}: {key}" if key else place
            yield f"{subject} = {value!r} is not allowed: {message[0].lower()}{message[1:]}"


def _allowed(model: type[Frozen], location: "tuple[int | str, ...]") -> list[str]:
    """The keys of the table at `location`; at the top of a recipe also the keys of an arm."""
    models: dict[str, type[Frozen]] = {"schedule": Schedule, "warmup": Warmup, **UNION_TAGS}
    for part in location[:-1]:
        model = models.get(str(part), model)
    return [*model.model_fields, *(ARM_KEYS if model is StatedRecipe else ())]


def _origin(keys: list[str], layers: list[tuple[str, Table]]) -> str:
    """The name of the topmost layer that contains the invalid key."""
    for place, layer in reversed(layers):
        table: Any = layer
        for key in keys:
            if isinstance(table, dict) and key in table:
                table = table[key]
            elif key not in UNION_TAGS:
                break
        else:
            return place
    return layers[0][0]


def unknown_key(place: str, key: str, allowed: tuple[str, ...]) -> str:
    """The message about a key that `place` does not have."""
    return f"{place}: unknown key {key!r}{_nearest(key, allowed)}; allowed: {', '.join(allowed)}"


def _nearest(key: str, allowed: "list[str] | tuple[str, ...]") -> str:
    near = difflib.get_close_matches(key.rsplit(".", 1)[-1], allowed, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
