"""`repro run --until-decided`: which looks are trained, and when it stops. Runs are recorded instead of trained."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import Result as Invoked

from repro.records.states import Planned
from repro.run import start
from repro.run.result import Ending, Options, Result
from repro.train.control import Stop

Cli = Callable[..., Invoked]
Edit = Callable[..., Path]
LOOKS = {"margin = 0.3": "margin = 0.3\nlooks = [2, 3, 5]"}
SPREAD = [0.0, 0.2, -0.2, 0.1, -0.1]  # of the errors, by seed


@dataclass
class Trainer:
    """Stands in for `start.run`: records every run it is asked for. `gap` is how much worse the second arm is."""

    record: Callable[..., Path]
    gap: float = 0.8
    status: str = "done"
    calls: list[list[str]] = field(default_factory=list)
    limits: list[str | None] = field(default_factory=list)

    def __call__(self, root: Path, planned: list[Planned], options: Options) -> Result:
        result = Result(Stop(), "repro run")
        for p in planned:
            result.outcomes[p.run.name] = Ending(self.status, "")
            if p.state.kind == "new" and self.status == "done":
                error = 10.0 + (self.gap if p.run.arm == "bn-after-add" else 0.0) + SPREAD[p.run.seed]
                self.record(p.run.arm, p.run.seed, errors=[50.0, error])
        if planned:
            self.calls.append([p.run.name for p in planned if p.state.kind == "new"])
            self.limits.append(options.time_limit)
        return result


@pytest.fixture
def trainer(record: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Trainer:
    trainer = Trainer(record)
    monkeypatch.setattr(start, "run", trainer)
    return trainer


def test_it_stops_once_every_primary_claim_is_decided(trainer: Trainer, edit: Edit, cli: Cli) -> None:
    edit(LOOKS)
    assert "tiny/original/seed-1" in cli("run", "tiny", "--until-decided", "--dry-run").stdout and not trainer.calls
    assert "reproduced" in cli("run", "tiny", "--until-decided").stdout
    assert [len(call) for call in trainer.calls] == [4, 2], "decided at the second look, 3 seeds"
    assert cli("run", "tiny", "--until-decided").exit_code == 0 and len(trainer.calls) == 2
    assert "no run is needed" in cli("run", "tiny", "--until-decided", "--dry-run").stdout


def test_a_claim_that_stays_open_is_trained_to_its_last_look(trainer: Trainer, edit: Edit, cli: Cli) -> None:
    edit(LOOKS)
    trainer.gap = 0.2
    assert cli("run", "tiny", "--until-decided", "--time-limit", "1h").exit_code == 0
    assert [len(call) for call in trainer.calls] == [4, 2, 4]
    assert set(trainer.limits) <= {"3600s", "3599s", "3598s", "3597s", "3596s", "3595s"}, "of all rounds together"


def test_a_round_that_fails_ends_it(trainer: Trainer, edit: Edit, cli: Cli) -> None:
    edit(LOOKS)
    trainer.status = "failed"
    assert cli("run", "tiny", "--until-decided").exit_code == 1 and len(trainer.calls) == 1


def test_what_it_chooses_itself_cannot_be_given(trainer: Trainer, edit: Edit, cli: Cli) -> None:
    done = cli("run", "tiny", "--until-decided")
    assert done.exit_code == 2 and "no primary claim of 'tiny' lists looks" in done.stderr
    edit(LOOKS)
    for words in (["--seeds", "3"], ["--arm", "original"], ["--scale", "1/2"], ["--demo"]):
        done = cli("run", "tiny", "--until-decided", *words)
        assert done.exit_code == 2 and f"leave out --until-decided or {words[0]}" in done.stderr
