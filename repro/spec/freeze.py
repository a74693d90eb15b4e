"""Claims fixed before the runs that test them: an append-only registry, and lookups in it.

Whenever `repro freeze` finds an experiment's claims changed, it adds an entry to experiments/frozen.toml: the fields
that the claims' verdicts depend on, their hash, the version of the rules, date and commit. Every record stores the hash
in force when its run started. Imports no torch; judges nothing.
"""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import tomli_w

from repro import spec
from repro.claims.rules import KINDS
from repro.errors import UserError
from repro.files import write_atomically
from repro.spec import Claim, Experiment, Published, places
from repro.spec.load import read_toml

RULES_VERSION = 2  # of docs/statistics.md
DESCRIPTIVE_KEYS = ("id", "says", "origin", "reference", "where", "same_as", "primary")  # no verdict depends on these
HEADER = """\
# The claims as they were frozen, by `repro freeze`: append-only, never edited by hand. A verdict that rests on a run
# which began under another entry is marked post hoc. See docs/statistics.md.
"""


@dataclass(frozen=True)
class Entry:
    """An experiment's claims, frozen on `date`. `claims`: id -> the fields its verdict depends on (`frozen_fields`)."""

    experiment: str
    hash: str
    rules: int
    date: datetime
    commit: str  # "" = frozen outside a git checkout
    claims: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Change:
    """How one claim differs from what was frozen. `fields`: of a changed claim, name -> (now, frozen)."""

    claim: str
    kind: Literal["new", "removed", "changed"]
    fields: Mapping[str, tuple[Any, Any]]

    def __str__(self) -> str:
        if self.kind != "changed":
            return f"{self.claim} {'is new' if self.kind == 'new' else 'was removed'}"
        fields = [f"{key} = {_text(now)}, frozen as {_text(then)}" for key, (now, then) in self.fields.items()]
        return f"{self.claim} {', '.join(fields)}"


@dataclass(frozen=True)
class Difference:
    """How an experiment's claims differ from its newest entry. `rules`: of that entry; None if there is no entry."""

    rules: int | None
    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes) or self.rules not in (None, RULES_VERSION)

    def __str__(self) -> str:
        """ "" if they do not differ."""
        if self.rules is None:
            return "not frozen yet" if self.changes else ""
        rules = [] if self.rules == RULES_VERSION else [f"rules version {self.rules}, today {RULES_VERSION}"]
        return "; ".join([*rules, *map(str, self.changes)])


def frozen_fields(experiment: Experiment, claim: Claim) -> dict[str, Any]:
    """All that a claim's verdict depends on except the runs, ready for TOML; None and empty values are left out."""
    content = claim.model_dump(mode="json", exclude=set(DESCRIPTIVE_KEYS), exclude_none=True)
    if claim.primary:  # they share alpha
        content["primary"] = [other.id for other in experiment.primary]
    arms = {name: experiment.arm(name).published for name in claim.arms}
    descriptive = {"reference", "where", "quote"}
    content["published"] = {
        name: _without_empty(number.model_dump(mode="json", exclude=descriptive))
        for name, number in arms.items()
        if number
    }
    return _without_empty(content)


def _without_empty(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value not in (None, "", [], {})}


def claims_of(experiment: Experiment) -> dict[str, dict[str, Any]]:
    return {claim.id: frozen_fields(experiment, claim) for claim in experiment.claims}


def restore(experiment: Experiment, claim: Claim, then: Mapping[str, Any]) -> tuple[Claim, Experiment]:
    """The claim and its experiment as they were frozen in `then`. Descriptive keys and recipes are today's."""
    fields = {key: value for key, value in then.items() if key not in ("primary", "published")}
    old = KINDS[fields["kind"]].model_validate(claim.model_dump(include=set(DESCRIPTIVE_KEYS)) | fields)
    numbers = then.get("published", {})
    arms = tuple(
        arm.model_copy(update={"published": Published(reference="frozen", where="", **numbers[arm.name])})
        if arm.name in numbers
        else arm.model_copy(update={"published": None})
        for arm in experiment.arms
    )
    return old, experiment.model_copy(update={"arms": arms})


def digest(experiment: str, claims: Mapping[str, Mapping[str, Any]], rules: int = RULES_VERSION) -> str:
    """The hash of an entry: sixteen hex digits."""
    content = json.dumps({"experiment": experiment, "rules": rules, "claims": claims}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


class Registry:
    """The entries of the project's experiments/frozen.toml, oldest first, and those of the built-in experiments.

    UserError if a file is damaged or was edited.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.path = root, root / places.FOLDER / places.REGISTRY

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The project's own."""
        return _read(self.path)

    def of(self, experiment: str) -> list[Entry]:
        found = [entry for entry in self.entries if entry.experiment == experiment]
        if found or experiment in places.own(self.root):
            return found
        return [entry for entry in _built_in() if entry.experiment == experiment]

    def in_force(self, experiment: str, at: datetime | None = None) -> str | None:
        """The hash of the experiment's newest entry, now or at a given time; None if there was none."""
        found = [entry for entry in self.of(experiment) if at is None or entry.date <= at]
        return found[-1].hash if found else None

    def entry(self, hash: str | None) -> Entry | None:
        if hash is None:
            return None
        return next((entry for entry in chain(self.entries, _built_in()) if entry.hash == hash), None)

    def compare(self, experiment: Experiment) -> Difference:
        """How the experiment's claims differ from its newest entry."""
        entries = self.of(experiment.name)
        last = entries[-1] if entries else None
        then, now = last.claims if last else {}, claims_of(experiment)
        changes = (_change(name, then.get(name), now.get(name)) for name in sorted({*now, *then}))
        return Difference(last.rules if last else None, tuple(filter(None, changes)))

    def difference(self, experiment: Experiment) -> str:
        """The same as text; "" if they do not differ."""
        return str(self.compare(experiment))


@cache
def _built_in() -> tuple[Entry, ...]:
    return _read(places.built_in() / places.REGISTRY)


def _read(path: Path) -> tuple[Entry, ...]:
    tables = read_toml(path).get("entry", []) if path.exists() else []
    try:
        entries = tuple(Entry(**table) for table in tables)
        edited = [e for e in entries if digest(e.experiment, e.claims, e.rules) != e.hash]
        order = [e.date for e in entries]
    except (TypeError, AttributeError) as error:
        raise UserError(f"{path}: invalid entry, not written by `repro freeze`: {error}") from error
    if edited:
        e = edited[0]
        raise UserError(f"{path}: the entry {e.hash} of {e.experiment} was edited: its content does not match its hash")
    if order != sorted(order):
        raise UserError(f"{path}: the entries are not sorted by date; new entries must only be appended")
    return entries


def _change(claim: str, then: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Change | None:
    if then is None or now is None:
        return Change(claim, "new" if then is None else "removed", {})
    keys = [key for key in sorted({*then, *now}) if then.get(key) != now.get(key)]
    return Change(claim, "changed", {key: (now.get(key), then.get(key)) for key in keys}) if keys else None


def _text(value: Any) -> str:
    return "none" if value is None else json.dumps(value, default=str)


def freeze(root: Path, names: list[str]) -> list[tuple[str, str]]:
    """Append an entry for each named experiment whose claims have changed; return (name, changes).

    `names`: names or paths; empty = all of the project's own.

    In a git checkout the spec must be committed first, because the entry stores the commit that contains it.
    UserError if it is not, or if the clock shows a time before the last entry: the entries are sorted by date.
    """
    registry, added, entries = Registry(root), [], ""
    now = datetime.now(UTC).replace(microsecond=0)
    for text in names or places.own(root):
        experiment = spec.load(text, root)
        name = experiment.name
        if changes := registry.difference(experiment):
            claims = claims_of(experiment)
            entry = {
                "experiment": name,
                "hash": digest(name, claims),
                "rules": RULES_VERSION,
                "date": now,
                "commit": _commit(experiment.file),
                "claims": claims,
            }
            entries += "\n" + tomli_w.dumps({"entry": [entry]})
            added.append((name, changes))
    if added:
        if registry.entries and now < (last := registry.entries[-1].date):
            raise UserError(f"the clock shows {now}, before the last entry of {registry.path} ({last}): set the clock")
        before = registry.path.read_text(encoding="utf-8") if registry.path.exists() else HEADER
        registry.path.parent.mkdir(exist_ok=True)
        write_atomically(registry.path, (before + entries).encode())
    return added


def _commit(path: Path) -> str:
    """The commit that contains `path` in its present state; "" outside a checkout. UserError if it is uncommitted."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *words], cwd=path.parent, capture_output=True, text=True, check=True, timeout=30
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    if (head := git("rev-parse", "HEAD")) is None:
        return ""
    if git("status", "--porcelain", "--", path.name) != "":
        raise UserError(f"{path} has uncommitted changes: commit it, then freeze it")
    return head
