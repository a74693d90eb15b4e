"""Quick tries: settings given on the command line, `KEY=VALUE`, laid over an arm's recipe.

A try is named after its arm and its settings, `ARM,KEY=VALUE,...`, which is also the name of its folder of records; the
recipe can be found again from the name.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

from repro.errors import UserError
from repro.spec.layers import Table, overlay

KEY = r"[a-z0-9_]+(?:\.[a-z0-9_]+)*"
BARE = re.compile(r"[A-Za-z][\w./%-]*")  # a string that needs no quotation marks
SAFE = " []{}='\"._-"  # kept in a folder's name, beside letters and digits
LONGEST = 200  # characters of a name; file systems allow 255 bytes


def is_try(name: str) -> bool:
    """Whether `name` is that of a try, not of an arm."""
    return "," in name


def name_of(arm: str, settings: Iterable[str]) -> str:
    """The name of the try of an arm with these settings, each `KEY=VALUE`. UserError for what is none."""
    found: dict[str, Any] = {}
    for text in settings:
        key, value = _parse(text)
        if key in found:
            raise UserError(f"--set {text}: {key} is set twice")
        found[key] = value
    name = ",".join([arm, *(f"{key}={_encoded(_text(value))}" for key, value in sorted(found.items()))])
    if len(name) > LONGEST:
        raise UserError(
            f"--set: the settings take {len(name)} characters; allowed: {LONGEST}. A spec of your own has room"
        )
    return name


def split(name: str) -> tuple[str, Table]:
    """The arm of a try, and its settings as tables of a recipe. UserError if it is no name of a try."""
    arm, *settings = re.split(rf",(?={KEY}=)", name)
    table: Table = {}
    for setting in settings:
        key, value = _parse(unquote(setting))
        for part in reversed(key.split(".")):
            value = {part: value}
        table = overlay(table, value)
    return arm, table


def label_of(arm_label: str, name: str) -> str:
    """Such as "ResNet-20, optimizer.lr=0.05"."""
    _, *settings = re.split(rf",(?={KEY}=)", name)
    return ", ".join([arm_label, *map(unquote, settings)])


def _parse(text: str) -> tuple[str, Any]:
    """The key and the value, which is TOML, or a word without quotation marks."""
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not (equals and value and re.fullmatch(KEY, key)):
        raise UserError(f"--set {text}: allowed: KEY=VALUE, such as optimizer.lr=0.05 or schedule.iterations=2000")
    if BARE.fullmatch(value) and value not in ("true", "false", "inf", "nan"):
        return key, value
    try:
        (parsed,) = tomllib.loads(f"value = {value}").values()
        json.dumps(parsed)  # neither dates nor times: no setting is one
    except (ValueError, TypeError) as error:
        raise UserError(f'--set {text}: {value} is not a value of TOML, such as 0.05, [1, 2] or "text"') from error
    return key, parsed


def _text(value: Any) -> str:
    """The value as `_parse` reads it; the same for every way to write it."""
    if isinstance(value, str) and BARE.fullmatch(value):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_quoted, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_quoted(each)}' for key, each in value.items())}}}"
    return json.dumps(value)


def _quoted(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else _text(value)


def _encoded(text: str) -> str:
    """The text without what a folder's name cannot hold, and without a comma before a key."""
    return quote(text, safe=SAFE).replace("%2C ", ", ")
