"""What a spec may contain, for editors and readers: a JSON schema, and docs/spec.md, from the models and MEANINGS.

`repro schema` prints them. The schema accepts every valid spec; what depends on several keys only `repro show` checks.
"""

from typing import Any

from pydantic.json_schema import models_json_schema

from repro.claims.rules import KINDS, Published
from repro.fields import FORMS, Frozen
from repro.models import FAMILIES
from repro.spec.augmentations import AUGMENTATIONS
from repro.spec.meanings import MEANINGS
from repro.spec.optimization import OPTIMIZERS
from repro.spec.recipe import Constants, Ema, StatedRecipe
from repro.spec.schedules import EpochSchedule, EpochWarmup, Schedule, Warmup
from repro.spec.schema import Cost, Deviation, Experiment, Lesson, Reference
from repro.spec.weights import Weights

Schema = dict[str, Any]
REF = "#/$defs/"
TABLES: dict[str, type[Frozen]] = {  # arrays of tables, of one model each
    "reference": Reference,
    "lesson": Lesson,
    "deviation": Deviation,
    "cost": Cost,
}
TOP = ("name", "title", "source", "paper")
ARM = ("name", "label")
SECTIONS: dict[str, tuple[type[Frozen], ...]] = {  # of docs/spec.md: heading -> its tables
    "`[base]`, and what differs in `[[arm]]` and `[demo]`": (StatedRecipe,),
    "`optimizer`": tuple(OPTIMIZERS.values()),
    "`schedule`": (Schedule, EpochSchedule),
    "`schedule.warmup`": (Warmup, EpochWarmup),
    "`ema`": (Ema,),
    "`augment`, beyond crops and flips": tuple(AUGMENTATIONS.values()),
    "`normalise`, as constants": (Constants,),
    "`weights`": (Weights,),
    "`model`": tuple(FAMILIES.values()),
    "`published`, in `[[arm]]`": (Published,),
    "`[[claim]]`": tuple(KINDS.values()),
    "Other tables": tuple(TABLES.values()),
}


def schema() -> Schema:
    """The JSON schema (draft 2020-12) of an experiment's file."""
    models: list[type[Frozen]] = [StatedRecipe, Published, Experiment, *TABLES.values(), *KINDS.values()]
    _, found = models_json_schema([(model, "validation") for model in models])
    definitions: Schema = found["$defs"]
    for table in definitions.values():
        for key, field in table.get("properties", {}).items():
            field.setdefault("description", MEANINGS.get(key, ""))
    recipe = {f"Partial{name}": _partial(table) for name, table in definitions.items()}
    part = recipe["PartialStatedRecipe"]
    experiment: Schema = definitions["Experiment"]["properties"]
    arm: Schema = definitions["Arm"]["properties"]
    extra = {
        **{key: arm[key] for key in ARM},
        "published": {"$ref": f"{REF}Published"},
        "demo": {"$ref": f"{REF}PartialStatedRecipe"},
    }
    recipe["OtherReading"] = part | {"properties": part["properties"] | {"demo": extra["demo"]}}
    definitions["Deviation"]["properties"]["instead"] = {"$ref": f"{REF}OtherReading"}
    own = {**part, "title": "arm", "properties": part["properties"] | extra, "required": ["name"]}
    tables = {key: _array({"$ref": f"{REF}{model.__name__}"}) for key, model in TABLES.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An experiment of repro",
        "type": "object",
        "additionalProperties": False,
        "required": [*TOP, "base", "arm"],
        "properties": {
            **{key: experiment[key] for key in TOP},
            "base": {"$ref": f"{REF}PartialStatedRecipe"},
            "demo": {"$ref": f"{REF}PartialStatedRecipe"},
            "arm": _array(own) | {"minItems": 1},
            "claim": _array({"anyOf": [{"$ref": f"{REF}{kind.__name__}"} for kind in KINDS.values()]}),
            **tables,
        },
        "$defs": {name: table for name, table in definitions.items() if name not in ("Experiment", "Arm")} | recipe,
    }


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _partial(node: Any) -> Any:
    """The schema of a table that another completes: nothing is required, at any depth."""
    if isinstance(node, list):
        return [_partial(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: _partial(value) for key, value in node.items() if key not in ("required", "discriminator", "oneOf")}
    if "oneOf" in node:
        found["anyOf"] = _partial(node["oneOf"])
    if isinstance(reference := node.get("$ref"), str):
        found["$ref"] = reference.replace(REF, f"{REF}Partial")
    return found


def markdown() -> str:
    """The text of docs/spec.md."""
    lines = [
        "# What a spec may contain",
        "",
        "Every key of an experiment's file, from the models that validate it. Written by `repro schema --markdown`,",
        "never by hand. [experiments.md](experiments.md) has an example; `repro schema` prints a schema for editors.",
        "",
        "Top level: `name` (the file's), `title`, `source`, `paper` (a short name), and the tables below. `[[arm]]`",
        "has `name`, `label`, `published`, `demo`, and the keys of a recipe that differ from `[base]`.",
    ]
    for heading, models in SECTIONS.items():
        lines += ["", f"## {heading}"]
        for model in models:
            lines += ["", f"### {_name(model)}", "", *(model.__doc__ or "").strip().splitlines(), "", *_rows(model)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _name(model: type[Frozen]) -> str:
    for tag in ("name", "kind"):
        field = model.model_fields.get(tag)
        if field and (names := getattr(field.annotation, "__args__", ())):
            return f"`{tag} = {_value(names[0])}`"
    return next((f"`[[{key}]]`" for key, table in TABLES.items() if table is model), model.__name__)


def _rows(model: type[Frozen]) -> list[str]:
    """A table of the model's keys: type, default and what else is allowed."""
    _, found = models_json_schema([(model, "validation")])
    table: Schema = found["$defs"][model.__name__]
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    required = table.get("required", [])
    for key, field in table["properties"].items():
        default = "required" if key in required else _value(field.get("default"))
        rows.append(f"| `{key}` | {_type(field)} | {default} | {MEANINGS[key]} |")
    return rows


def _type(field: Schema) -> str:
    """A type in words, with its limits."""
    if "const" in field:
        return _value(field["const"])
    if "enum" in field:
        return ", ".join(map(_value, field["enum"]))
    if "$ref" in field:
        return f"table: {field['$ref'].removeprefix(REF)}"
    if options := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(each) for each in options if each.get("type") != "null"))
    if field.get("type") == "array":
        items: Schema = field.get("items") or next(iter(field.get("prefixItems", [])), {})
        return f"list of: {_type(items)}" if items else "list"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    limits = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "up to", "exclusiveMaximum": "below"}
    text = words.get(field.get("type", ""), "table")
    text += "".join(f", {word} {field[key]:g}" for key, word in limits.items() if key in field)
    return f"{text}: {FORMS[field['pattern']]}" if field.get("pattern") in FORMS else text


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value}"
