"""repro.claims.stats.gap: what other readings change, and what of a gap they leave. The oracle is scipy."""

import numpy as np
import pytest
import scipy.stats

from repro.claims import stats
from repro.claims.stats import Interval, Printed

STATED = {0: 8.1, 1: 8.4, 2: 7.9, 3: 8.6}
LESS = {0: 8.6, 1: 8.8, 2: 8.3, 3: 9.3}
SPLIT = {0: 8.0, 1: 8.6, 2: 7.8, 4: 9.9}
FAR = {7: 8.9, 8: 9.4, 9: 8.8}


def of(values: list[float], null: float = 0.0) -> tuple[float, float, float]:
    """(mean, low, high) of scipy's one-sample t-interval."""
    low, high = scipy.stats.ttest_1samp(values, null).confidence_interval(0.95)
    return float(np.mean(values)), float(low), float(high)


def shown(effect: stats.Effect | None) -> tuple[float, float, float]:
    assert effect and effect.interval and effect.interval.level == 0.95
    return effect.points, effect.interval.low, effect.interval.high


def test_an_effect_is_paired_by_seed() -> None:
    found = stats.effect(STATED, SPLIT)
    assert found and found.n == (3,)
    low, high = scipy.stats.ttest_rel([8.0, 8.6, 7.8], [8.1, 8.4, 7.9]).confidence_interval(0.95)
    assert shown(found) == pytest.approx((np.mean([-0.1, 0.2, -0.1]), low, high))


def test_arms_without_shared_seeds_are_compared_by_welch() -> None:
    found = stats.effect(STATED, FAR)
    assert found and found.n == (4, 3)
    oracle = scipy.stats.ttest_ind([*FAR.values()], [*STATED.values()], equal_var=False).confidence_interval(0.95)
    assert shown(found) == pytest.approx((np.mean([*FAR.values()]) - 8.25, oracle.low, oracle.high))
    one_shared = stats.effect(STATED, FAR | {3: 9.0})
    assert one_shared and one_shared.n == (4, 4)


@pytest.mark.parametrize(
    ("other", "points", "n"),
    [({2: 8.4}, 0.5, (1,)), ({9: 9.25}, 1.0, (4, 1)), ({0: 8.1, 1: 8.4}, 0.0, (2,))],
    ids=["one pair", "one run", "no spread"],
)
def test_too_few_runs_or_no_spread_give_no_interval(other: dict[int, float], points: float, n: tuple[int]) -> None:
    assert stats.effect(STATED, other) == stats.Effect(pytest.approx(points), None, n)


def test_no_runs_give_no_effect() -> None:
    assert stats.effect({}, STATED) is None and stats.effect(STATED, {}) is None
    assert stats.total(STATED, []) is None and stats.total(STATED, [LESS, FAR]) is None
    assert stats.gap({}, Printed(8.0, None, 1)) is None


def test_the_sum_is_over_the_seeds_that_have_all() -> None:
    """Not by adding variances: the changes share their stated run."""
    found = stats.total(STATED, [LESS, SPLIT])
    assert found and found.n == (3,)
    sums = [LESS[seed] + SPLIT[seed] - 2 * STATED[seed] for seed in (0, 1, 2)]
    assert shown(found) == pytest.approx(of(sums))
    assert stats.total(STATED, [LESS]) == stats.effect(STATED, LESS)


def test_a_gap_to_a_number_of_known_spread_is_welchs() -> None:
    found = stats.gap(STATED, Printed(8.75, 0.2, 5))
    oracle = scipy.stats.ttest_ind_from_stats(
        8.25, np.std([*STATED.values()], ddof=1), 4, 8.75, 0.2, 5, equal_var=False
    )
    se = -0.5 / oracle.statistic
    half = scipy.stats.t.ppf(0.975, welch_df(4, 5, 0.2)) * se
    assert shown(found) == pytest.approx((-0.5, -0.5 - half, -0.5 + half))


def welch_df(n: int, m: int, sd: float) -> float:
    a, b = np.var([*STATED.values()], ddof=1) / n, sd**2 / m
    return float((a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1)))


def test_a_gap_to_a_single_printed_run_allows_for_its_noise() -> None:
    """The interval is our prediction interval, seen from the printed number."""
    found = stats.gap(STATED, Printed(8.75, None, 1))
    predicted = stats.prediction_interval(stats.summarize([*STATED.values()]), runs=1)
    assert shown(found) == pytest.approx((-0.5, predicted.low - 8.75, predicted.high - 8.75))
    assert stats.gap({0: 8.25}, Printed(8.75, None, 1)) == stats.Effect(-0.5, None, (1,))


def test_what_is_unexplained_is_the_gap_with_all_changes_made() -> None:
    printed = Printed(8.75, None, 3)
    found = stats.gap(STATED, printed, [LESS, SPLIT])
    values = [STATED[s] + LESS[s] - STATED[s] + SPLIT[s] - STATED[s] for s in (0, 1, 2)]
    se = np.sqrt(np.var(values, ddof=1) / 3 + np.var([*STATED.values()], ddof=1) / 3)
    half = scipy.stats.t.ppf(0.975, 2) * se
    middle = np.mean(values) - 8.75
    assert found and found.n == (3,)
    assert shown(found) == pytest.approx((middle, middle - half, middle + half))
    gap = stats.gap({s: STATED[s] for s in (0, 1, 2)}, printed)
    total = stats.total(STATED, [LESS, SPLIT])
    assert gap and total and found.points == pytest.approx(gap.points + total.points)


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("mean_of", [1, 5])
def test_the_interval_of_what_is_unexplained_covers_0_where_all_is_explained(n: int, mean_of: int) -> None:
    """In at least 95 % of made-up experiments, as one sd stands for both the paper's noise and ours."""
    random, covered, times = np.random.default_rng(20261127), 0, 2000
    for _ in range(times):
        stated, one, other = random.normal(0, 0.2, (3, n)) + np.array([[8.0], [8.5], [7.7]])
        printed = Printed(float(random.normal(8.2, 0.2 / np.sqrt(mean_of))), None, mean_of)
        found = stats.gap(dict(enumerate(stated)), printed, [dict(enumerate(one)), dict(enumerate(other))])
        assert found and isinstance(found.interval, Interval)
        covered += found.interval.holds(0)
    assert 0.945 <= covered / times < 0.985
