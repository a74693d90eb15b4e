"""repro schema and docs/spec.md: every committed spec is accepted, every key is described, and mistakes are found."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import Result
from helpers import REPO, TINY

from repro.spec import reference, template
from repro.spec.meanings import MEANINGS

Cli = Callable[..., Result]
SPECS = [path for path in sorted((REPO / "experiments").glob("*.toml")) if path.name != "frozen.toml"]


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = reference.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", [*SPECS, template.TEMPLATE], ids=lambda path: path.stem)
def test_every_committed_spec_is_accepted(path: Path, validator: Any) -> None:
    assert [error.message for error in validator.iter_errors(tomllib.loads(path.read_text()))] == []


MISTAKES = {
    "an unknown key": ("batch_size", "batch_sise"),
    "an unknown family": ('"resnet-cifar"', '"alexnet"'),
    "text for a number": ("batch_size = 16", 'batch_size = "16"'),
    "a key of no network": ("width = 4", "widht = 4"),
    "an unknown kind": ('kind = "difference"', 'kind = "better"'),
    "a negative rate": ("lr = 0.05", "lr = -1.0"),
    "no title": ('title = "Two tiny networks"\n', ""),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_found(case: str, validator: Any) -> None:
    old, new = MISTAKES[case]
    assert validator.is_valid(tomllib.loads(TINY)) and old in TINY
    assert not validator.is_valid(tomllib.loads(TINY.replace(old, new, 1)))


def test_docs_spec_is_what_the_command_prints(cli: Cli) -> None:
    """To update it: repro schema --markdown > docs/spec.md"""
    assert cli("schema", "--markdown").stdout == (REPO / "docs" / "spec.md").read_text()
    assert json.loads(cli("schema").stdout) == json.loads(json.dumps(reference.schema()))


def test_every_key_of_every_table_has_a_meaning_and_no_meaning_is_of_none() -> None:
    keys = {key for models in reference.SECTIONS.values() for model in models for key in model.model_fields}
    assert keys == MEANINGS.keys()
    assert all(meaning.endswith(".") for meaning in MEANINGS.values())
