"""Bounds: either side, and the metrics that are not an arm's final test error."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from repro import records, spec
from repro.claims.judge import Judged, judge
from repro.claims.rules import ArmErrors, Levels, judge_bound
from repro.claims.rules.bound import Side
from repro.claims.rules.reasons import NotMeasured
from repro.errors import UserError
from repro.records.results import Results
from repro.show.verdicts import difference, sentence

Record = Callable[..., Path]
Edit = Callable[..., Path]

LOW = ArmErrors("low", dict(enumerate([6.6, 6.5, 6.75, 6.7, 6.55])))  # 6.62 ± 0.10
BOUND = '\n[[claim]]\nid = "b"\nkind = "bound"\narms = ["original"]\nsays = "s"\norigin = "own"\n'
DRAWS = 20_000


def judged(root: Path) -> Judged:
    return {each.claim.id: each for each in judge(Results.load(root, "tiny"))}["b"]


@pytest.mark.parametrize(
    ("bound", "side", "expected"),
    [
        (7.0, "below", "reproduced"),
        (6.0, "below", "not reproduced"),
        (6.6, "below", "inconclusive"),
        (6.0, "above", "reproduced"),
        (7.0, "above", "not reproduced"),
    ],
)
def test_the_rule_on_both_sides(bound: float, side: Side, expected: str) -> None:
    v = judge_bound(LOW, bound, side=side)
    alternative = {"above": "greater", "below": "less"}[side]
    theirs = scipy.stats.ttest_1samp(LOW.values, bound, alternative=alternative)
    p = 1 - theirs.pvalue if expected == "not reproduced" else theirs.pvalue
    assert v.outcome == expected and v.p == pytest.approx(p, rel=1e-4)
    assert (v.outcome == "reproduced") == (theirs.pvalue < 0.05)


def test_an_upper_bound_in_words() -> None:
    assert sentence(judge_bound(LOW, 7.0, side="below")) == (
        "Reproduced: low 6.62 ± 0.10 % (n = 5) against a bound of 7.00 %: -0.38 points, "
        "90% interval [-0.48, -0.28] below zero, p < 0.001."
    )
    assert " above zero." in sentence(judge_bound(LOW, 6.0, side="below"))


@pytest.mark.parametrize(("side", "lean"), [("above", "consistent"), ("below", "leaning against")])
@pytest.mark.parametrize("chance", [90.0, None])
def test_a_diverged_run_leans_to_the_side_it_lies_on(side: Side, lean: str, chance: float | None) -> None:
    v = judge_bound(ArmErrors("a", {0: 5.0, 1: 5.1}, diverged=1), 5.0, side=side, chance_error=chance)
    assert v.outcome == "inconclusive" and (v.lean == lean) == (chance is not None)


@pytest.mark.parametrize(("side", "outcome"), [("above", "reproduced"), ("below", "not reproduced")])
def test_so_many_diverged_runs_that_the_mean_is_above_the_bound(side: Side, outcome: str) -> None:
    """Three of four, at 20 / 90 each: p = 0.036, which three looks do not allow."""
    lost = ArmErrors("a", {0: 5.0}, diverged=3)
    v = judge_bound(lost, 20.0, side=side, chance_error=90.0)
    assert v.outcome == outcome and v.p == pytest.approx(scipy.stats.binom.sf(2, 4, 20 / 90))
    looked = judge_bound(lost, 20.0, side=side, chance_error=90.0, levels=Levels(0.05, (4, 6, 8)))
    assert looked.outcome == "inconclusive"
    assert judge_bound(lost, 60.0, side=side, chance_error=90.0).outcome == "inconclusive"


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("side", ["above", "below"])
def test_a_bound_errs_in_5_of_100_at_the_bound(n: int, side: Side) -> None:
    draws = np.random.default_rng(20).normal(7, 0.2, (DRAWS, n))
    found = [judge_bound(ArmErrors("a", dict(enumerate(row))), 7.0, side=side).outcome for row in draws[:4000]]
    most = 0.05 + 4 * math.sqrt(0.05 * 0.95 / len(found))
    for outcome in ("reproduced", "not reproduced"):
        assert 0.035 < found.count(outcome) / len(found) <= most


def test_a_gap_is_test_minus_training_error_in_points(record: Record, small_root: Path, edit: Edit) -> None:
    """The training error of every made-up record is 40 %."""
    edit({}, more=BOUND + 'metric = "gap"\nabove = 0.0\n')
    for seed, error in enumerate([42.0, 43.0, 42.5]):
        record("original", seed, errors=[60.0, error])
    found = judged(small_root)
    assert found.claim.statement(["Original"], [None]) == (
        "the gap between test and training error of Original is above 0 points"
    )
    assert sentence(found.verdict) == (
        "Reproduced: Original's gap 2.50 ± 0.50 points (n = 3) against a bound of 0.00 points: +2.50 points, "
        "90% interval [+1.66, +3.34] above zero, p = 0.007."
    )
    assert difference(found.verdict) == "+2.50 [+1.66, +3.34] 90%"


def test_the_network_selected_on_the_validation_split(record: Record, small_root: Path, edit: Edit) -> None:
    edit({'where = "Table 1" }': 'where = "Table 1", selection = "best-validation" }'})
    edit({}, more=BOUND + 'metric = "best-validation"\nabove = 30.0\n')
    for seed, error in enumerate([41.0, 43.0]):
        record("original", seed, errors=[error, 20.0], metrics={"validation_error": [41.0, 45.0]})
    found = judged(small_root)
    assert found.verdict.arms[0].values.tolist() == [41.0, 43.0] and not found.verdict.different_protocol
    assert "Original (selected on validation) 42.00 ± 1.41 % (n = 2) against" in sentence(found.verdict)
    record("original", 2, errors=[60.0, 42.0])
    verdict = judged(small_root).verdict
    assert isinstance(verdict.reason, NotMeasured)
    assert sentence(verdict) == "No verdict: some records have no test error of Original (selected on validation)."


@pytest.mark.parametrize("sides", ["", "above = 1.0\nbelow = 2.0\n"])
def test_a_bound_has_exactly_one_side(small_root: Path, edit: Edit, sides: str) -> None:
    edit({}, more=BOUND + sides)
    with pytest.raises(UserError, match="'b': kind 'bound' takes either above or below"):
        spec.load("tiny", small_root)


def test_the_frame_holds_the_gap(record: Record, small_root: Path) -> None:
    record("original", 0, errors=[60.0, 42.0])
    frame, _ = records.load(small_root, spec.load("tiny", small_root))
    assert frame.gap.tolist() == [2.0]
