"""The messages about an invalid spec or queue: table, key, value, what is allowed."""

import difflib
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from repro.fields import FORMS, Frozen
from repro.models import FAMILIES
from repro.spec.augmentations import AUGMENTATIONS, TEXT
from repro.spec.optimization import OPTIMIZERS
from repro.spec.recipe import Constants, Ema, StatedRecipe
from repro.spec.schedules import EpochSchedule, EpochWarmup, Schedule, Warmup

ARM_KEYS = ("name", "label", "published", "demo")
UNION_TAGS: dict[str, type[Frozen]] = {  # what pydantic adds to an error's location for a member of a union
    **FAMILIES,
    **OPTIMIZERS,
    **AUGMENTATIONS,
    **{model.__name__: model for model in (Schedule, EpochSchedule, Warmup, EpochWarmup, Constants)},
}
RULES = {  # pydantic's type of an error -> what is allowed
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text, in quotes",
    "string_too_short": "text of at least {min_length} character",
    "string_too_long": "text of up to {max_length} characters",
    "tuple_type": "a list, in brackets",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of up to {max_length}",
    "dict_type": "a table, in braces",
    "model_type": "a table, in braces",
    "model_attributes_type": "a table, in braces",
    "literal_error": "{expected}",
    "greater_than": "above {gt:,.15g}",
    "greater_than_equal": "{ge:,.15g} or more",
    "less_than": "below {lt:,.15g}",
    "less_than_equal": "{le:,.15g} or less",
}
Table = dict[str, Any]


def explain(error: ValidationError, model: type[Frozen], where: "str | list[tuple[str, Table]]") -> Iterator[str]:
    """One line per error: table, key, value, what is allowed."""
    for fault in error.errors():
        # pydantic adds the tags of unions to the location; no key of a spec has the name of a tag
        keys = [str(key) for key in fault["loc"]]
        place = where if isinstance(where, str) else _origin(keys, where)
        keys = [key for key in keys if key not in (*UNION_TAGS, TEXT)]
        key = ".".join(keys)
        value = fault.get("input")
        if fault["type"] == "extra_forbidden":
            allowed = tuple(_allowed(model, fault["loc"]))
            yield f"{unknown_key(place, key, allowed)} (its value: {value!r})"
        elif fault["type"] == "missing":
            yield f"{place}: {key!r} is missing"
        elif fault["type"] == "value_error" and isinstance(value, dict | tuple | Frozen):
            for line in str(fault["ctx"]["error"]).splitlines():
                yield f"{place}: {key + ': ' if key else ''}{line}"
        elif fault["type"] == "union_tag_not_found":
            yield f"{place}: {key + '.name'!r} is missing; allowed: {', '.join(_tags(model, fault['loc']))}"
        elif fault["type"] == "union_tag_invalid":
            tag = fault["ctx"]["tag"]
            allowed_names = fault["ctx"]["expected_tags"].removeprefix(f"'{TEXT}', ")
            yield f"{place}: {key}.name = {tag!r} is not allowed; allowed: {allowed_names}"
        else:
            subject = f"{place}: {key}" if key else place
            yield f"{subject} = {shown(value)} is not allowed{_rule(fault)}"


def shown(value: Any) -> str:
    """A value as a spec has it, where that differs from Python."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _rule(fault: ErrorDetails) -> str:
    """What is allowed, with the words that precede it."""
    context = fault.get("ctx", {})
    if fault["type"] == "value_error":
        message = str(context["error"])
        return f": {message[0].lower()}{message[1:]}"
    if fault["type"] == "string_pattern_mismatch":
        return f"; allowed: {FORMS.get(context['pattern'], context['pattern'])}"
    rule = RULES.get(fault["type"])
    return f"; allowed: {rule.format(**context)}" if rule else f": {fault['msg']}"


def _tags(model: type[Frozen], location: "tuple[int | str, ...]") -> list[str]:
    """The names that a table at `location` may have, such as those of networks."""
    if location[-1] == "model":
        return [*FAMILIES]
    return [*map(repr, AUGMENTATIONS if "augment" in location else OPTIMIZERS)]


def _allowed(model: type[Frozen], location: "tuple[int | str, ...]") -> list[str]:
    """The keys of the table at `location`; at the top of a recipe also the keys of an arm."""
    models: dict[str, type[Frozen]] = {"schedule": Schedule, "warmup": Warmup, "ema": Ema, **UNION_TAGS}
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
