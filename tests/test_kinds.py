"""A kind of claim is one file: what a stranger's file brings is validated, judged, tabulated and reported."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import REPO, TINY

STEADY = '''
from typing import Annotated, Literal

from pydantic import Field

from repro.claims import stats
from repro.claims.rules import KINDS, Claim
from repro.claims.rules.model import conclude, open_verdict
from repro.claims.rules.reasons import IntervalLies, TooFewRuns
from repro.claims.rules.words import arm_text


class Steady(Claim):
    """Every seed of the arm is within `reach` points of the mean."""

    takes_arms = (1, 1)
    metrics = ("final", "best")

    kind: Literal["steady"]
    reach: Annotated[float, Field(gt=0)]

    def judge(self, evidence):
        (ours,) = evidence.arms
        base = open_verdict("steady", [ours], evidence.different_protocol, target=self.reach)
        if ours.runs < 2:
            return conclude(base, "no verdict", TooFewRuns(ours.name, ours.runs))
        inside = abs(ours.values - ours.values.mean()).max() < self.reach
        return conclude(base, "reproduced" if inside else "not reproduced", None)

    @property
    def limit(self):
        return f"within {self.reach:g} points"

    def statement(self, labels, published):
        return f"every seed of {labels[0]} is within {self.reach:g} points of the mean"

    @classmethod
    def explain(cls, verdict):
        return f"{arm_text(verdict.arms[0])}, the farthest seed compared with {verdict.target:g} points"


KINDS["steady"] = Steady  # the line in the dict
'''
COMMANDS = """
import json, sys, steady
from click.testing import CliRunner
from repro.cli import main
done = [CliRunner().invoke(main, words) for words in json.loads(sys.argv[1])]
print(json.dumps([[one.exit_code, one.stdout, one.stderr] for one in done]))
"""
CLAIM = """
[[claim]]
id = "steady"
kind = "steady"
arms = ["original"]
reach = 0.5
says = "the seeds agree"
origin = "own"
"""


@pytest.fixture
def root(tmp_path: Path, small_root: Path) -> Path:
    (tmp_path / "steady.py").write_text(STEADY)
    (small_root / "experiments" / "tiny.toml").write_text(TINY + CLAIM)
    return small_root


def repro(root: Path, *commands: str) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each command, in one process: the kind must be there before any spec is."""
    asked = json.dumps([["--root", str(root), *command.split()] for command in commands])
    environment = os.environ | {"PYTHONPATH": f"{root}:{REPO}", "OMP_NUM_THREADS": "1"}
    process = [sys.executable, "-c", COMMANDS, asked]
    done = subprocess.run(process, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [tuple(one) for one in json.loads(done.stdout)]


@pytest.mark.slow
def test_a_kind_of_one_file_is_frozen_judged_tabulated_and_reported(root: Path, record: Callable[..., Path]) -> None:
    (root / "experiments" / "tiny.toml").write_text(TINY)
    for seed, error in enumerate([8.0, 8.4, 7.9]):
        record("original", seed, errors=[50.0, error])
    (root / "experiments" / "tiny.toml").write_text(TINY + CLAIM)
    freeze, show, as_json, table, report = repro(
        root, "freeze", "show tiny", "show tiny --json", "table tiny --format json", "report"
    )
    for code, _, errors in (freeze, show, as_json, table, report):
        assert code == 0, errors
    assert "reach = 0.5" in (root / "experiments" / "frozen.toml").read_text()
    assert "steady within 0.5 points" in show[1]
    assert json.loads(as_json[1])["claims"][1]["reach"] == 0.5
    found = {row["id"]: row for row in json.loads(table[1])[0]["sheets"]["claims"]}["steady"]
    assert found["verdict"] == "reproduced"
    assert found["sentence"].startswith(
        "Reproduced: Original 8.10 ± 0.26 % (n = 3), the farthest seed compared with 0.5 points."
    )
    assert "every seed of Original is within 0.5 points of the mean" in (root / "REPORT.md").read_text()


def test_its_fields_are_validated_as_those_of_every_kind(root: Path) -> None:
    wrong = {
        "reach = 0": "[[claim]] 'steady': reach = 0 is not allowed; allowed: above 0",
        "reech = 0.5": "[[claim]] 'steady': unknown key 'reech'; did you mean 'reach'?",
        "reach = 0.5\nmargin = 0.1": "margin is allowed only for kinds 'value', 'difference'",
        'reach = 0.5\nmetric = "train_error"': "metric = 'train_error' is not allowed: kind 'steady' takes final, best",
        "": "[[claim]] 'steady': 'reach' is missing",
    }
    names = [f"wrong-{number}" for number in range(len(wrong))]
    for name, line in zip(names, wrong, strict=True):
        spec = (TINY + CLAIM).replace('name = "tiny"', f'name = "{name}"').replace("reach = 0.5", line)
        (root / "experiments" / f"{name}.toml").write_text(spec)
    unknown = (TINY + CLAIM).replace('name = "tiny"', 'name = "unknown"').replace('"steady"\narms', '"stead"\narms')
    (root / "experiments" / "unknown.toml").write_text(unknown)
    *done, (code, _, errors) = repro(root, *(f"show {name}" for name in [*names, "unknown"]))
    assert code == 2 and "kind = 'stead' is not allowed; allowed: 'value', 'difference'" in errors
    for (code, _, errors), told in zip(done, wrong.values(), strict=True):
        assert code == 2 and told in errors, errors
