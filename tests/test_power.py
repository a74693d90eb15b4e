"""Power and error rates: the rules, simulated by their own p values, against the judge and other implementations.

`python tests/test_power.py` prints the table of error rates in docs/statistics.md from more draws.
"""

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from click.testing import Result
from helpers import REPO
from numpy.typing import NDArray

from repro import spec
from repro.claims import stats
from repro.claims.rules import (
    ArmErrors,
    Levels,
    Verdict,
    judge_difference,
    judge_equivalence,
    judge_non_inferiority,
    judge_order,
    judge_value,
)
from repro.claims.rules.difference import DifferencePlan
from repro.claims.rules.equality import EquivalencePlan, NonInferiorityPlan
from repro.claims.rules.order import OrderPlan
from repro.claims.rules.plan import DRAWS, Plan, chances, seeds_needed
from repro.claims.rules.value import ValuePlan

MARGIN = 0.3
LOOKS = (3, 5, 10)
Arms = list[ArmErrors]
Floats = NDArray[np.float64]


# --- what is simulated is the rule -----------------------------------------------------------------------------------

PAIRS: dict[str, tuple[Plan, Callable[[Arms, Levels], Verdict]]] = {
    "value": (
        ValuePlan((0.25,), (0.2,), MARGIN, 5),
        lambda arms, levels: judge_value(arms[0], 0.0, margin=MARGIN, further=5, levels=levels),
    ),
    "difference": (
        DifferencePlan((0.0, 0.3), (0.2, 0.3), MARGIN),
        lambda arms, levels: judge_difference(*arms, margin=MARGIN, levels=levels),
    ),
    "order": (
        OrderPlan((0.0, 0.3, 0.6), (0.2, 0.1, 0.2), 0.1),
        lambda arms, levels: judge_order(arms, margin=0.1, levels=levels),
    ),
    "equivalence": (
        EquivalencePlan((0.0, 0.3), (0.2, 0.1), MARGIN),
        lambda arms, levels: judge_equivalence(*arms, margin=MARGIN, levels=levels),
    ),
    "non-inferiority": (
        NonInferiorityPlan((0.0, -0.3), (0.2, 0.1), MARGIN),
        lambda arms, levels: judge_non_inferiority(*arms, margin=MARGIN, levels=levels),
    ),
}


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("levels", [Levels(), Levels(0.05, LOOKS)])
def test_the_simulated_rule_is_the_judge(kind: str, levels: Levels) -> None:
    plan, rule = PAIRS[kind]
    rng, found = np.random.default_rng(3), []
    for n in (2, 3, 5, 10, 20) * 12:
        x = rng.normal(plan.means, plan.sds, (n, len(plan.means)))
        sample = stats.Sample(n, x.mean(0)[None], x.std(0, ddof=1)[None])
        yes, no = (bool(each[0]) for each in plan.decide(sample, levels))
        found.append("reproduced" if yes else "not reproduced" if no else "inconclusive")
        arms = [ArmErrors(f"arm {i}", dict(enumerate(column))) for i, column in enumerate(x.T)]
        assert rule(arms, levels).outcome == found[-1]
    assert len(set(found)) > 1


def test_samples_grow_as_those_of_single_values_do() -> None:
    """The means and sds at 3, 5 and 10 values, and how those at 10 go with those at 3."""
    rng = np.random.default_rng(5)
    drawn = list(stats.samples((1.0,), (2.0,), LOOKS, 40_000, rng))
    values = rng.normal(1.0, 2.0, (40_000, 10))
    for sample, n in zip(drawn, LOOKS, strict=True):
        assert sample.means.mean() == pytest.approx(1.0, abs=0.03)
        assert sample.means.std() == pytest.approx(2 / math.sqrt(n), rel=0.02)
        assert (sample.sds**2).mean() == pytest.approx(4.0, rel=0.02)
    for ours, theirs in (
        ([s.means[:, 0] for s in drawn], [values[:, :n].mean(1) for n in LOOKS]),
        ([s.sds[:, 0] for s in drawn], [values[:, :n].std(1, ddof=1) for n in LOOKS]),
    ):
        assert np.corrcoef(ours) == pytest.approx(np.corrcoef(theirs), abs=0.02)


# --- seeds needed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "n"), [(0.5, 64), (0.8, 26)])
def test_seeds_for_a_difference_as_cohen_tabulates(d: float, n: int) -> None:
    """Cohen 1992, Psychol. Bull. 112:155-159, table 2: medium and large effects, alpha = .05, power = .80."""
    found = seeds_needed(DifferencePlan((0.0, d), (1.0, 1.0), 1e-9), 0.05)
    assert found is not None and abs(found - n) <= 1


@pytest.mark.parametrize("d", [0.4, 0.9, 1.7, 3.0, 6.0])
def test_seeds_for_a_difference_are_statsmodels_and_never_promise_too_much(d: float) -> None:
    power = pytest.importorskip("statsmodels.stats.power")
    for plan, theirs in (
        (DifferencePlan((0.0, d), (1.0, 1.0), 1e-9), power.TTestIndPower()),
        (DifferencePlan((d,), (1.0,), 1e-9), power.TTestPower()),
    ):
        n = seeds_needed(plan, 0.05)
        assert n is not None and theirs.power(d, n, 0.05) >= 0.79
        assert n <= 3 or theirs.power(d, n - 1, 0.05) < 0.81  # at n = 2 theirs, which pools the spread, is not Welch's


@pytest.mark.parametrize("margin", [0.7, 1.2, 4.0])
def test_seeds_for_equivalence_give_the_power_and_one_less_does_not(margin: float) -> None:
    """By scipy's one-sided tests on new draws."""
    n = seeds_needed(EquivalencePlan((0.0,), (1.0,), margin), 0.05)
    assert n is not None

    def power(n: int) -> float:
        x = np.random.default_rng(23).normal(0, 1, (20_000, n))
        low = scipy.stats.ttest_1samp(x, -margin, axis=1, alternative="greater").pvalue
        high = scipy.stats.ttest_1samp(x, margin, axis=1, alternative="less").pvalue
        return float((np.maximum(low, high) < 0.05).mean())

    assert power(n) > 0.785 and (n == 2 or power(n - 1) < 0.815)


def test_no_number_of_seeds_mends_an_impossible_margin_or_no_spread() -> None:
    assert seeds_needed(DifferencePlan((0.0, 0.01), (1.0, 1.0), 0.001), 0.05) is None
    assert seeds_needed(EquivalencePlan((0.0,), (1.0,), 0.01), 0.05) is None
    assert seeds_needed(DifferencePlan((0.0, 0.3), (0.0, 0.0), 0.1), 0.05) is None
    assert seeds_needed(DifferencePlan((0.0, 0.3), (1e-9, 0.0), 0.1), 0.05) == 2  # some spread, however small


PAGE: dict[str, tuple[Plan, list[float], list[float], int]] = {  # docs/statistics.md: in %, one look; looks 3, 5, 10
    "value": (ValuePlan((0.0,), (0.2,), 0.4, 1), [56, 95, 100], [26, 77, 100], 4),
    "difference, 0.3": (DifferencePlan((0.0, 1.23), (0.2, 0.2), 0.3), [99, 100, 100], [92, 100, 100], 3),
    "difference, 0.1": (DifferencePlan((0.0, 0.24), (0.2, 0.2), 0.1), [16, 36, 71], [6, 22, 57], 12),
    "order": (OrderPlan((0.0, 0.2, 0.54, 1.78), (0.2,) * 4, 0.1), [3, 13, 51], [0.5, 4, 32], 17),
    "equivalence": (EquivalencePlan((0.0, 0.0), (0.2, 0.2), 0.3), [12, 39, 88], [3, 16, 73], 9),
    "non-inferiority": (NonInferiorityPlan((0.0, 0.0), (0.2, 0.2), 0.5), [74, 97, 100], [45, 90, 100], 4),
}


@pytest.mark.parametrize("kind", PAGE)
def test_the_power_that_the_page_tabulates(kind: str) -> None:
    plan, single, looked, seeds = PAGE[kind]
    alone = [100 * chances(plan, Levels(), (n,))[0].reproduced for n in LOOKS]
    assert alone == pytest.approx(single, abs=1.7)
    assert [100 * c.reproduced for c in chances(plan, Levels(0.05, LOOKS), LOOKS)] == pytest.approx(looked, abs=1.7)
    assert seeds_needed(plan, 0.05) == seeds


# --- before any run --------------------------------------------------------------------------------------------------

VALUE = """
[[claim]]
id = "original-value"
kind = "value"
arms = ["original"]
margin = 0.4
why_margin = "w"
says = "s"
origin = "own"
looks = [3, 5, 10]

[[claim]]
id = "above"
kind = "bound"
arms = ["original"]
above = 30.0
says = "s"
origin = "own"
"""


def test_the_command_prints_chances_seeds_and_what_cannot_be_decided(
    cli: Callable[..., Result], edit: Callable[..., Path], record: Callable[..., Path]
) -> None:
    edit({}, more=VALUE)
    record("original", 0, errors=[40.0])
    printed = " ".join(cli("power", "tiny").stdout.split())
    assert "claim n = 3 n = 5 n = 10 sd seeds for 80%" in printed
    assert "original-value 26% 78% 100% 0.20 4" in printed
    assert "bn-after-add-is-worse 53% 0.20 9" in printed, "a claim without looks: at 5 seeds"
    assert "not planned, as the kind states no true value to plan by: above (bound)" in printed
    assert "10 seeds of all arms: 1 done, 19 left: about " in printed
    few = cli("power", "tiny", "--seeds", "3").stdout
    assert "not decidable at the planned n (below 50%): bn-after-add-is-worse, original-value" in few
    assert "n = 5" not in few


def test_the_power_of_a_claim_as_json(cli: Callable[..., Result], edit: Callable[..., Path]) -> None:
    edit({'where = "Table 1"': 'where = "Table 1", sd = 0.1, runs = 5'}, more=VALUE)
    found = json.loads(cli("power", "tiny", "--json").stdout)
    rows = {row["id"]: row for row in found["claims"]}
    assert rows["original-value"]["sds"] == [0.1] and rows["original-value"]["seeds_needed"] == 3
    assert [look["n"] for look in rows["original-value"]["looks"]] == [3, 5, 10]
    assert rows["above"]["planned"] is False and rows["above"]["decidable"] is None
    assert rows["bn-after-add-is-worse"]["true_means"] == [0.0, 0.3]


def test_every_shipped_claim_can_be_planned_or_says_that_it_is_not() -> None:
    """A claim that states a margin is planned, but for curves."""
    for name in spec.names(REPO):
        experiment = spec.load(name, REPO)
        for claim in experiment.claims:
            plan = claim.plan(experiment.design(claim))
            assert (plan is None) == (claim.kind in ("bound", "curve", "worst-classes")), claim.id


# --- how often the rules err -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A truth under which one outcome is wrong, and how often it may be given, in %."""

    kind: str
    truth: str
    wrong: str
    most: float
    plan: Callable[[float, float], Plan]  # of the sds of the first arm and of the others


CASES = [
    Case("value", "at δ", "reproduced", 5, lambda a, b: ValuePlan((MARGIN,), (a,), MARGIN, 1)),
    Case("value", "at δ", "not reproduced", 5, lambda a, b: ValuePlan((MARGIN,), (a,), MARGIN, 1)),
    Case("difference", "0", "reproduced", 2.5, lambda a, b: DifferencePlan((0.0, 0.0), (a, b), MARGIN)),
    Case("difference", "δ", "not reproduced", 2.5, lambda a, b: DifferencePlan((0.0, MARGIN), (a, b), MARGIN)),
    Case("order", "last step 0", "reproduced", 2.5, lambda a, b: OrderPlan((0.0, 3.0, 3.0), (a, b, b), MARGIN)),
    Case("order", "steps δ", "not reproduced", 5, lambda a, b: OrderPlan((0.0, 0.3, 0.6), (a, b, b), MARGIN)),
    Case("equivalence", "δ", "reproduced", 5, lambda a, b: EquivalencePlan((0.0, MARGIN), (a, b), MARGIN)),
    Case("equivalence", "δ", "not reproduced", 5, lambda a, b: EquivalencePlan((0.0, MARGIN), (a, b), MARGIN)),
    Case("non-inferiority", "-δ", "reproduced", 5, lambda a, b: NonInferiorityPlan((0.0, -MARGIN), (a, b), MARGIN)),
    Case("non-inferiority", "-δ", "not reproduced", 5, lambda a, b: NonInferiorityPlan((0.0, -MARGIN), (a, b), MARGIN)),
    # a bound, and worst-classes, are this rule about one sample
    Case("bound", "0", "reproduced", 5, lambda a, b: NonInferiorityPlan((-MARGIN,), (a,), MARGIN)),
    Case("bound", "0", "not reproduced", 5, lambda a, b: NonInferiorityPlan((-MARGIN,), (a,), MARGIN)),
]
PLANNED = [(2,), (3,), (5,), (3, 5), LOOKS]
SPREADS = [(0.05, 0.05), (0.2, 0.2), (0.2, 0.4), (2.0, 2.0)]


def wrong(case: Case, looks: tuple[int, ...], spread: tuple[float, float], draws: int, seed: int = 1) -> float:
    """How often the wrong verdict stands after the last look, in %."""
    last = chances(case.plan(*spread), Levels(0.05, looks), looks, draws, seed)[-1]
    return 100 * (last.reproduced if case.wrong == "reproduced" else last.not_reproduced)


@pytest.mark.parametrize("looks", PLANNED, ids=str)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}, {case.wrong}")
def test_a_rule_errs_no_more_often_than_it_says(case: Case, looks: tuple[int, ...]) -> None:
    draws = 5_000
    share = case.most / 100
    most = case.most + 100 * 4 * math.sqrt(share * (1 - share) / draws)
    found = [wrong(case, looks, spread, draws) for spread in SPREADS]
    assert max(found) <= most, dict(zip(SPREADS, found, strict=True))
    if case.kind != "order":
        assert max(found) > 0.4 * case.most, "the level is used"


def test_holm_over_claims_that_share_an_arm_errs_at_most_5_in_100() -> None:
    """Three equivalences of one arm with others that are δ away, so that each "reproduced" is wrong; three looks."""
    draws, levels = 10_000, Levels(0.05, LOOKS)
    open_, any_wrong = np.ones((3, draws), bool), np.zeros(draws, bool)
    means, sds, rng = (0.0, MARGIN, MARGIN, -MARGIN), (0.1,) * 4, np.random.default_rng(9)
    settled_p = np.ones((3, draws))
    for sample in stats.samples(means, sds, LOOKS, draws, rng):
        raw = np.array([stats.inside_p(sample.difference(0, i), MARGIN) for i in (1, 2, 3)])
        over = np.interp(raw, *_curve(levels))
        p = np.where(open_, np.where(over <= 0.05, over, 1.0), settled_p)
        order = np.argsort(p, axis=0)
        ranked = np.maximum.accumulate(np.take_along_axis(p, order, 0) * np.array([[3], [2], [1]]), axis=0)
        corrected = np.empty_like(p)
        np.put_along_axis(corrected, order, ranked, 0)
        settles = open_ & (corrected <= 0.05)
        settled_p, open_ = np.where(settles, p, settled_p), open_ & ~settles
        any_wrong |= settles.any(0)
    assert any_wrong.mean() <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / draws)
    assert any_wrong.mean() > 0.02, "the level is used"


def _curve(levels: Levels) -> tuple[Floats, Floats]:
    """p, and the p over the looks, to interpolate between."""
    p = np.geomspace(1e-6, 1, 400)
    return p, np.array([levels.p_of_t(each) for each in p])


# --- more seeds ------------------------------------------------------------------------------------------------------


@cache
def grown(effect: float) -> tuple[list[float], list[float]]:
    """The chances of reproduced and of not reproduced of a difference, at one look of 5 to 80 seeds."""
    plan = DifferencePlan((0.0, effect), (0.2, 0.2), MARGIN)
    found = [chances(plan, Levels(), (n,), 4_000)[0] for n in (5, 10, 20, 40, 80)]
    return [c.reproduced for c in found], [c.not_reproduced for c in found]


@pytest.mark.parametrize("effect", [-0.6, -0.3, -0.1, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6])
def test_more_seeds_do_not_move_a_true_difference_back_to_reproduced(effect: float) -> None:
    """Below the margin they end at "not reproduced", at the margin and above they are never that, at any number."""
    yes, no = grown(effect)
    noise = 4 * math.sqrt(0.025 * 0.975 / 4_000)
    if effect >= MARGIN:
        assert max(no) <= 0.025 + noise and yes == pytest.approx(sorted(yes), abs=0.03)
        assert yes[-1] > 0.95
    else:
        assert no == pytest.approx(sorted(no), abs=0.03), "once negligible or reversed, it stays so"
        assert no[-1] > 0.5
    if effect <= 0:
        assert max(yes) <= 0.025 + noise


if __name__ == "__main__":
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 10 * DRAWS
    print(f"The most in {draws:,} draws, in %, over sds {SPREADS}, δ = {MARGIN}\n")
    print("| claim | truth | wrong verdict | allowed | " + " | ".join(f"n = {', '.join(map(str, n))}" for n in PLANNED))
    print("|---" * (4 + len(PLANNED)) + "|")
    for case in CASES:
        found = [max(wrong(case, looks, spread, draws) for spread in SPREADS) for looks in PLANNED]
        print(
            f"| {case.kind} | {case.truth} | {case.wrong} | {case.most:g} | {' | '.join(f'{x:.1f}' for x in found)} |"
        )
