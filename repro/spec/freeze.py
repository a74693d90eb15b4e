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
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli_w

from repro import spec
from repro.claims.rules import KINDS
from repro.errors import UserError
from repro.files import write_atomically
from repro.spec import Claim, Experiment, Published
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
    """The entries of experiments/frozen.toml, oldest first. UserError if the file is damaged or was edited."""

    def __init__(self, root: Path) -> None:
        self.path = root / "experiments" / spec.REGISTRY

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        tables = read_toml(self.path).get("entry", []) if self.path.exists() else []
        try:
            entries = tuple(Entry(**table) for table in tables)
            edited = [e for e in entries if digest(e.experiment, e.claims, e.rules) != e.hash]
            order = [e.date for e in entries]
        except (TypeError, AttributeError) as error:
            raise UserError(f"{self.path}: invalid entry, not written by `repro freeze`: {error}") from error
        if edited:
            e = edited[0]
            raise UserError(
                f"{self.path}: the entry {e.hash} of {e.experiment} was edited: its content does not match its hash"
            )
        if order != sorted(order):
            raise UserError(f"{self.path}: the entries are not sorted by date; new entries must only be appended")
        return entries

    def of(self, experiment: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.experiment == experiment]

    def in_force(self, experiment: str, at: datetime | None = None) -> str | None:
        """The hash of the experiment's newest entry, now or at a given time; None if there was none."""
        found = [entry for entry in self.of(experiment) if at is None or entry.date <= at]
        return found[-1].hash if found else None

    def entry(self, hash: str | None) -> Entry | None:
        return next((entry for entry in self.entries if entry.hash == hash), None)

    def difference(self, experiment: Experiment) -> str:
        """How the experiment's claims differ from its newest entry, as text; "" if they do not."""
        entries = self.of(experiment.name)
        if not entries:
            return "not frozen yet" if experiment.claims else ""
        last, claims = entries[-1], claims_of(experiment)
        ids = sorted({*claims, *last.claims})
        changes = [f"{name} {text}" for name in ids if (text := _changes(last.claims.get(name), claims.get(name)))]
        if last.rules != RULES_VERSION:
            changes.insert(0, f"rules version {last.rules}, today {RULES_VERSION}")
        return "; ".join(changes)


def _changes(frozen: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    if frozen is None or now is None:
        return "is new" if frozen is None else "was removed"
    keys = [key for key in sorted({*frozen, *now}) if frozen.get(key) != now.get(key)]
    return ", ".join(f"{key} = {_text(now.get(key))}, frozen as {_text(frozen.get(key))}" for key in keys)


def _text(value: Any) -> str:
    return "none" if value is None else json.dumps(value, default=str)


def freeze(root: Path, names: list[str]) -> list[tuple[str, str]]:
    """Append an entry for each named experiment (empty = all) whose claims have changed; return (name, changes).

    In a git checkout the spec must be committed first, because the entry stores the commit that contains it.
    UserError if it is not, or if the clock shows a time before the last entry: the entries are sorted by date.
    """
    registry, added, text = Registry(root), [], ""
    now = datetime.now(UTC).replace(microsecond=0)
    for name in names or spec.names(root):
        experiment = spec.load(name, root)
        if changes := registry.difference(experiment):
            claims = claims_of(experiment)
            entry = {
                "experiment": name,
                "hash": digest(name, claims),
                "rules": RULES_VERSION,
                "date": now,
                "commit": _commit(root / "experiments" / f"{name}.toml"),
                "claims": claims,
            }
            text += "\n" + tomli_w.dumps({"entry": [entry]})
            added.append((name, changes))
    if added:
        if registry.entries and now < (last := registry.entries[-1].date):
            raise UserError(f"the clock shows {now}, before the last entry of {registry.path} ({last}): set the clock")
        before = registry.path.read_text(encoding="utf-8") if registry.path.exists() else HEADER
        write_atomically(registry.path, (before + text).encode())
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
