"""Claims are fixed before the runs: what is frozen, what counts as a change, and verdicts that rest on older claims."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from helpers import REPO

from repro import records, spec
from repro.claims.judge import judge
from repro.errors import UserError
from repro.records.results import Results
from repro.run.launch import Ending, Task
from repro.run.launch.in_process import in_process
from repro.show.verdicts import post_hoc
from repro.spec import freeze
from repro.spec.freeze import Registry
from repro.train.control import Settings, Stop

Cli = Callable[..., Result]
Edit = Callable[..., Path]


def in_force(root: Path) -> str | None:
    return Registry(root).in_force("tiny")


def test_the_shipped_claims_are_as_they_were_frozen() -> None:
    """A claim changed without an entry of its own fails here, and in CI."""
    registry = Registry(REPO)
    assert {name: registry.difference(spec.load(name, REPO)) for name in spec.names(REPO)} == dict.fromkeys(
        spec.names(REPO), ""
    )
    assert all(entry.commit for entry in registry.entries)


def test_an_unfrozen_claim_fails_the_check_and_freezing_mends_it(small_root: Path, cli: Cli, edit: Edit) -> None:
    assert cli("freeze", "--check").exit_code == 3
    assert in_force(small_root) is None
    assert "tiny frozen" in cli("freeze").stdout
    first = in_force(small_root)
    assert cli("freeze", "--check").exit_code == 0
    assert cli("freeze").stdout == "", "nothing has changed, so nothing is appended"
    edit({"margin = 0.3": "margin = 0.4"})
    failed = cli("freeze", "--check", "tiny")
    assert failed.exit_code == 3
    assert "bn-after-add-is-worse" in failed.stderr and "margin = 0.4, frozen as 0.3" in failed.stderr
    before = (small_root / "experiments" / "frozen.toml").read_text()
    cli("freeze")
    after = (small_root / "experiments" / "frozen.toml").read_text()
    assert after.startswith(before), "append-only"
    assert in_force(small_root) != first
    assert [entry.experiment for entry in Registry(small_root).entries] == ["tiny", "tiny"]


@pytest.mark.parametrize(
    "change",
    [
        {"margin = 0.3": "margin = 0.2"},
        {"less would not matter": "another reason"},
        {'["original", "bn-after-add"]': '["bn-after-add", "original"]'},
        {"test_error = 40.0": "test_error = 41.0"},
        {"primary = true": "primary = false"},
        {"primary = true": "primary = true\nlooks = [3, 5]"},
        {"primary = true": "primary = true\npaired = true"},
        {"primary = true": "primary = true\nalpha = 0.01"},
        {"primary = true": 'primary = true\nmetric = "train_error"'},
    ],
    ids=lambda change: next(iter(change.values())).replace("\n", " "),
)
def test_all_that_decides_a_verdict_is_frozen(small_root: Path, edit: Edit, change: dict[str, str]) -> None:
    freeze.freeze(small_root, [])
    edit(change)
    assert "bn-after-add-is-worse" in Registry(small_root).difference(spec.load("tiny", small_root))


def test_words_labels_and_recipes_are_not_frozen(small_root: Path, edit: Edit) -> None:
    """The recipe has its own identity, the fingerprint; words may be put better at any time."""
    freeze.freeze(small_root, [])
    edit(
        {
            "batch norm after the addition is worse": "it is worse after the addition",
            'label = "Original"': 'label = "The original"',
            'where = "Table 1"': 'where = "Table 2"',
            "lr = 0.05": "lr = 0.06",
        }
    )
    assert Registry(small_root).difference(spec.load("tiny", small_root)) == ""


def test_another_primary_claim_changes_the_primary_ones(small_root: Path, edit: Edit) -> None:
    """They share alpha; a secondary claim has its own."""
    freeze.freeze(small_root, [])
    claim = '[[claim]]\nid = "{}"\nkind = "value"\narms = ["original"]\nmargin = 0.5\nwhy_margin = "w"\nsays = "s"\n'
    path = edit({}, claim.format("second") + 'origin = "own"\n')
    assert Registry(small_root).difference(spec.load("tiny", small_root)) == "second is new"
    path.write_text(path.read_text() + "primary = true\n")
    assert "bn-after-add-is-worse primary" in Registry(small_root).difference(spec.load("tiny", small_root))


@pytest.mark.parametrize(
    "old, new", [("margin = 0.3", "margin = 0.2"), ("rules = 2", "rules = 1"), ("claims", "claim")]
)
def test_an_edited_registry_is_refused(small_root: Path, cli: Cli, old: str, new: str) -> None:
    freeze.freeze(small_root, [])
    path = small_root / "experiments" / "frozen.toml"
    path.write_text(path.read_text().replace(old, new))
    done = cli("freeze", "--check")
    assert done.exit_code == 2
    assert "frozen.toml" in done.stderr


def test_in_a_checkout_the_spec_must_be_committed_first(small_root: Path, edit: Edit) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        return subprocess.run(
            ["git", *identity, *words], cwd=small_root, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "spec")
    freeze.freeze(small_root, [])
    assert Registry(small_root).entries[0].commit == git("rev-parse", "HEAD")
    edit({"margin = 0.3": "margin = 0.4"})
    with pytest.raises(UserError, match="uncommitted"):
        freeze.freeze(small_root, [])


def test_a_run_stores_the_claims_in_force_when_it_began(small_root: Path, edit: Edit) -> None:
    def train(seed: int) -> str | None:
        run = spec.resolve(spec.load("tiny", small_root), [seed], arms=["original"])[0]
        folder = records.run_folder(small_root, run)
        *_, (_, end) = in_process([Task(run, folder)], Settings(threads=1, root=small_root), Stop())
        assert isinstance(end, Ending) and end.status == "done"
        record = records.read_run(folder)
        assert record
        frozen: str | None = record.frozen
        return frozen

    assert train(0) is None
    freeze.freeze(small_root, [])
    assert train(1) == in_force(small_root) != None  # noqa: E711
    edit({"margin = 0.3": "margin = 0.4"})
    assert train(2) == in_force(small_root), "a changed claim is not in force until it is frozen"


def test_in_force_at_a_time(small_root: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    days = iter((2, 4))

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Clock":
            return cls(2026, 1, next(days), tzinfo=UTC)

    monkeypatch.setattr(freeze, "datetime", Clock)
    freeze.freeze(small_root, [])
    edit({"margin = 0.3": "margin = 0.4"})
    freeze.freeze(small_root, [])
    registry = Registry(small_root)
    first, second = (entry.hash for entry in registry.entries)
    then = datetime(2026, 1, 1, tzinfo=UTC)
    found = [registry.in_force("tiny", then + timedelta(days=later)) for later in range(4)]
    assert found == [None, first, first, second]


def test_a_clock_before_the_last_entry_is_refused(
    small_root: Path, cli: Cli, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entry would make the registry invalid for good, since entries are sorted by date."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Clock":
            return cls(2001, 1, 1, tzinfo=UTC)

    cli("freeze")
    before = (small_root / "experiments" / "frozen.toml").read_text()
    monkeypatch.setattr(freeze, "datetime", Clock)
    assert cli("freeze").exit_code == 0, "nothing has changed, so no entry needs a date"
    edit({"margin = 0.3": "margin = 0.4"})
    refused = cli("freeze")
    assert refused.exit_code == 2 and "the clock shows 2001-01-01 00:00:00+00:00, before the last" in refused.stderr
    assert (small_root / "experiments" / "frozen.toml").read_text() == before


def test_a_verdict_on_runs_begun_under_other_claims_is_post_hoc(
    small_root: Path, record: Callable[..., Path], edit: Edit, cli: Cli
) -> None:
    def told() -> str:
        (judged,) = judge(Results.load(small_root, "tiny"))
        return post_hoc(judged.post_hoc, len(judged.runs))

    freeze.freeze(small_root, [])
    for seed in range(3):
        for arm, error in (("original", 30.0), ("bn-after-add", 40.0)):
            record(arm, seed, errors=[error + seed])
    assert told() == ""
    assert "post hoc" not in cli("table", "tiny").stdout
    record("original", 3, errors=[31.0], frozen=None)
    record("bn-after-add", 3, errors=[41.0])
    assert told() == "1 of its 8 runs began before the claim was frozen"
    edit({'["original", "bn-after-add"]': '["bn-after-add", "original"]'})
    both = "7 of its 8 runs began under an earlier form of the claim ({}), which gives: reproduced; "
    both = both.format(datetime.now(UTC).strftime("%Y-%m-%d")) + "1 of its 8 runs began before the claim was frozen"
    assert sorted(told().split("; ")) == sorted(both.split("; "))
    freeze.freeze(small_root, [])
    assert "which gives: reproduced" in told(), "freezing afterwards does not help"
    printed = " ".join(cli("table", "tiny").stdout.split())
    assert "Not reproduced: " in printed and "Post hoc: " in printed
    edit({'["bn-after-add", "original"]': '["original", "bn-after-add"]'})
    freeze.freeze(small_root, [])
    assert told() == "1 of its 8 runs began before the claim was frozen", "what was frozen then holds again"


def test_show_says_when_the_claims_were_frozen_or_how_they_differ(cli: Cli, small_root: Path, edit: Edit) -> None:
    assert "(repro freeze): not frozen yet" in cli("show", "tiny").stdout
    freeze.freeze(small_root, [])
    assert f"as {in_force(small_root)}, version 2 of the rules" in cli("show", "tiny").stdout
    edit({"margin = 0.3": "margin = 0.4"})
    assert "margin = 0.4, frozen as 0.3" in cli("show", "tiny").stdout
