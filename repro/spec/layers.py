"""Lays the tables of a recipe over each other."""

from typing import Any

Table = dict[str, Any]


def without_other_unit(below: Table, above: Table) -> Table:
    """`below`; if `above` gives its schedule in the other unit, without the schedule's keys in the old unit."""
    old, new = below.get("schedule"), above.get("schedule")
    if isinstance(old, dict) and isinstance(new, dict):
        for unit, other in (("epochs", "iterations"), ("iterations", "epochs")):
            if unit in new and other not in new and other in old:
                counted = (other, "drops", "warmup", "pieces")
                return below | {"schedule": {k: v for k, v in old.items() if k not in counted}}
    return below


def overlay(below: Table, above: Table) -> Table:
    """`below` overridden by `above`, key by key; a table with a different `name` replaces the other."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and value.get("name", old.get("name")) == old.get("name"):
            merged[key] = overlay(old, value)
        else:
            merged[key] = value
    return merged
