"""The text of a new experiment: a commented template that runs as it is, or a copy of another under its own name."""

import re
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from repro.errors import UserError
from repro.fields import Name
from repro.spec import places
from repro.spec.load import parse_text

TEMPLATE = Path(__file__).with_name("template.toml")
OWN_NAME = re.compile(r'^name = "[^"]*"', re.MULTILINE)


def new(name: str, root: Path, source: str | None = None) -> Path:
    """Write experiments/NAME.toml, from the template or from the experiment `source`; return its path.

    UserError, and nothing is written, for a name that is not allowed or taken.
    """
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise UserError(
            f"NAME = {name!r} is not allowed; allowed: lower-case letters, digits, '-' and '.', up to 64 characters"
        ) from None
    if taken := places.known(root).get(name):
        where = "it is built in" if taken.parent == places.built_in() else str(taken)
        raise UserError(
            f"there is an experiment {name!r} already ({where}), and it is left as it is: choose another name"
        )
    text, path = _text(name, root, source), root / places.FOLDER / f"{name}.toml"
    parse_text(text, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:  # never over another's file
        file.write(text)
    return path


def _text(name: str, root: Path, source: str | None) -> str:
    if source is None:
        return OWN_NAME.sub(f'name = "{name}"', TEMPLATE.read_text(encoding="utf-8"), count=1)
    path = places.find(source, root)
    text = OWN_NAME.sub(f'name = "{name}"', path.read_text(encoding="utf-8-sig"), count=1)
    return text.replace(f'source = "{path.stem}/', f'source = "{name}/')  # weights of its own runs
