"""repro.claims.stats against other implementations, worked examples in print, and simulation."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from repro.claims import stats

settings.register_profile("repro-stats", deadline=None, derandomize=True, max_examples=30)
checked = settings(settings.get_profile("repro-stats"))

# Test errors in %, in steps of 0.01 as on 10,000 images; ties are common on purpose.
errors = st.lists(st.integers(600, 900).map(lambda i: i / 100), min_size=2, max_size=9)
margins = st.floats(0.05, 3.0)
close: Callable[..., Any] = pytest.approx


def spread(*samples: list[float]) -> None:
    for sample in samples:
        assume(len(set(sample)) > 1)


# --- one sample -----------------------------------------------------------------------------------------


@checked
@given(errors, st.floats(0.5, 0.99))
def test_estimate_is_scipys(x: list[float], level: float) -> None:
    spread(x)
    ours = stats.estimate(x, level)
    low, high = scipy.stats.t.interval(level, len(x) - 1, np.mean(x), scipy.stats.sem(x))
    assert ours.interval is not None
    assert (ours.n, ours.mean, ours.sd) == (len(x), close(np.mean(x)), close(np.std(x, ddof=1)))
    assert (ours.interval.low, ours.interval.high) == (close(low), close(high))


@checked
@given(errors, st.floats(5.0, 10.0), margins)
def test_one_sample_tost_is_scipys(x: list[float], published: float, margin: float) -> None:
    spread(x)
    gap = stats.one_sample(stats.summarize(x), published)
    low = scipy.stats.ttest_1samp(x, published - margin, alternative="greater").pvalue
    high = scipy.stats.ttest_1samp(x, published + margin, alternative="less").pvalue
    assert (stats.above_p(gap, -margin), stats.below_p(gap, margin)) == (close(low, abs=1e-12), close(high, abs=1e-12))
    assert stats.inside_p(gap, margin) == close(max(low, high), abs=1e-12)
    assert stats.zero_p(gap) == close(scipy.stats.ttest_1samp(x, published).pvalue, abs=1e-12)


@checked
@given(errors, st.floats(5.0, 10.0), margins)
def test_one_sample_tost_is_pingouins(x: list[float], published: float, margin: float) -> None:
    pingouin = pytest.importorskip("pingouin")
    spread(x)
    theirs = pingouin.tost(x, published, bound=margin).loc["TOST", "pval"]
    assert stats.inside_p(stats.one_sample(stats.summarize(x), published), margin) == close(theirs, abs=1e-10)


@checked
@given(errors, errors, margins)
def test_tost_rejects_exactly_where_the_90_interval_is_inside(x: list[float], y: list[float], margin: float) -> None:
    spread(x, y)
    gap = stats.welch(stats.summarize(x), stats.summarize(y))
    assert (stats.inside_p(gap, margin) < 0.05) == gap.interval(0.90).inside(margin)


@pytest.mark.parametrize("runs", [1, 5])
@pytest.mark.parametrize("n", [3, 5])
def test_a_95_prediction_interval_holds_95_in_100_further_means(n: int, runs: int) -> None:
    rng = np.random.default_rng(20)
    hits = [
        stats.prediction_interval(stats.summarize(x), 0.95, runs).holds(further)
        for x, further in zip(rng.normal(7, 0.2, (4000, n)), rng.normal(7, 0.2, (4000, runs)).mean(1), strict=True)
    ]
    assert np.mean(hits) == close(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 4000))


def test_prediction_interval_by_hand() -> None:
    """n = 3, s = 1: 7 ± 4.3027 sqrt(4/3), with t(.975, 2) = 4.3027 from any table."""
    interval = stats.prediction_interval(stats.summarize([6.0, 7.0, 8.0]))
    assert (interval.low, interval.high) == (close(7 - 4.96833, abs=1e-4), close(7 + 4.96833, abs=1e-4))


# --- two samples ----------------------------------------------------------------------------------------


@checked
@given(errors, errors, st.floats(0.5, 0.99))
def test_welch_is_scipys(x: list[float], y: list[float], level: float) -> None:
    spread(x, y)
    gap = stats.welch(stats.summarize(x), stats.summarize(y))
    theirs = scipy.stats.ttest_ind(y, x, equal_var=False)
    low, high = theirs.confidence_interval(level)
    assert (stats.zero_p(gap), gap.df) == (close(theirs.pvalue, abs=1e-12), close(theirs.df))
    assert (gap.interval(level).low, gap.interval(level).high) == (close(low), close(high))


@checked
@given(errors, st.floats(5, 10), st.floats(0.01, 2), st.integers(2, 20))
def test_welch_takes_a_published_summary(x: list[float], mean: float, sd: float, n: int) -> None:
    spread(x)
    ours = stats.summarize(x)
    theirs = scipy.stats.ttest_ind_from_stats(ours.mean, ours.sd, ours.n, mean, sd, n, equal_var=False)
    assert stats.zero_p(stats.welch(stats.Summary(n, mean, sd), ours)) == close(theirs.pvalue, abs=1e-12)


@checked
@given(errors, errors, margins)
def test_welch_tost_is_statsmodels_and_pingouins(x: list[float], y: list[float], margin: float) -> None:
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    pingouin = pytest.importorskip("pingouin")
    spread(x, y)
    gap = stats.welch(stats.summarize(x), stats.summarize(y))
    tost = stats.inside_p(gap, margin)
    p, (_, p_low, _), (_, p_high, _) = weightstats.ttost_ind(y, x, -margin, margin, usevar="unequal")
    assert (tost, stats.above_p(gap, -margin), stats.below_p(gap, margin)) == (close(p), close(p_low), close(p_high))
    theirs = pingouin.tost(y, x, bound=margin, correction=True).loc["TOST", "pval"]
    assert tost == close(theirs, abs=1e-10)


@checked
@given(st.lists(st.tuples(st.integers(600, 900), st.integers(600, 900)), min_size=2, max_size=9))
def test_paired_is_scipys(pairs: list[tuple[int, int]]) -> None:
    x, y = [a / 100 for a, _ in pairs], [b / 100 for _, b in pairs]
    assume(len({b - a for a, b in pairs}) > 1)
    gap = stats.paired(dict(enumerate(x)), dict(enumerate(y)))
    theirs = scipy.stats.ttest_rel(y, x)
    low, high = theirs.confidence_interval(0.95)
    assert (stats.zero_p(gap), gap.df) == (close(theirs.pvalue, abs=1e-12), theirs.df)
    assert (gap.interval().low, gap.interval().high) == (close(low), close(high))
    if len(set(x)) > 1 and len(set(y)) > 1 and len(x) > 2:
        assert gap.correlation == close(scipy.stats.pearsonr(x, y).statistic)


def test_pairs_are_matched_by_seed_not_by_position() -> None:
    first, second = {0: 7.0, 1: 8.0, 2: 9.0, 7: 50.0}, {2: 9.5, 1: 8.3, 0: 7.1, 9: 1.0}
    assert stats.paired_values(first, second) == close([0.1, 0.3, 0.5])
    gap = stats.paired(first, second)
    assert (gap.points, gap.df) == (close(0.3), 2)


def test_student_1908_sleep() -> None:
    """Student 1908, Biometrika 6:1-25: hours of sleep gained with two drugs; figures as R's t.test prints.

    Welch: t = -1.8608, df = 17.776, p = 0.07939, interval -3.3655 to 0.2055. Paired: df = 9, p = 0.002833,
    interval -2.4599 to -0.7001.
    """
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    gap = stats.welch(stats.summarize(second), stats.summarize(first))
    assert (gap.points / gap.se, gap.df) == (close(-1.8608, abs=5e-5), close(17.776, abs=5e-4))
    assert stats.zero_p(gap) == close(0.07939, abs=5e-6)
    assert (gap.interval().low, gap.interval().high) == (close(-3.3654832), close(0.2054832, abs=1e-6))
    change = stats.paired(dict(enumerate(second)), dict(enumerate(first)))
    assert (change.df, stats.zero_p(change)) == (9, close(0.002833, abs=5e-7))
    assert (change.interval().low, change.interval().high) == (close(-2.4598858), close(-0.7001142))


@checked
@given(errors, errors)
def test_welch_prediction_interval_of_endless_runs_is_the_confidence_interval(x: list[float], y: list[float]) -> None:
    spread(x, y)
    a, b = stats.summarize(x), stats.summarize(y)
    endless = stats.welch_prediction_interval(a, b, 0.95, runs=10**12)
    assert endless.low == close(stats.welch(a, b).interval(0.95).low, abs=1e-6)


def test_welch_prediction_interval_holds_95_in_100_further_differences() -> None:
    rng = np.random.default_rng(21)
    a, b = rng.normal(7, 0.2, (4000, 5)), rng.normal(8, 0.2, (4000, 5))
    further = rng.normal(8, 0.2, 4000) - rng.normal(7, 0.2, 4000)
    hits = [
        stats.welch_prediction_interval(stats.summarize(x), stats.summarize(y)).holds(d)
        for x, y, d in zip(a, b, further, strict=True)
    ]
    assert np.mean(hits) == close(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 4000) + 0.005)  # Welch's df is not exact


# --- effect sizes ---------------------------------------------------------------------------------------


@checked
@given(errors, errors)
def test_hedges_g_is_pingouins(x: list[float], y: list[float]) -> None:
    pingouin = pytest.importorskip("pingouin")
    spread(x, y)
    theirs = pingouin.compute_effsize(y, x, eftype="hedges")  # with the approximate 1 - 3/(4N - 9)
    assert stats.hedges_g(x, y) == close(theirs, rel=0.02)


def test_hedges_g_is_unbiased_at_three_seeds() -> None:
    """The raw d is not: its mean is 1.253 times the truth (Hedges 1981)."""
    rng = np.random.default_rng(22)
    pairs = zip(rng.normal(0, 1, (6000, 3)), rng.normal(1, 1, (6000, 3)), strict=True)
    g = [stats.hedges_g(a, b) for a, b in pairs]
    values = np.array([v for v in g if v is not None])
    assert values.mean() == close(1.0, abs=4 * values.std() / math.sqrt(len(values)))
    assert 4 * values.std() / math.sqrt(len(values)) < 0.1  # tight enough to tell 1 from 1.253


@checked
@given(errors, errors, st.integers(0, 2), st.integers(0, 2))
def test_probability_greater_is_mann_whitneys_u(x: list[float], y: list[float], dx: int, dy: int) -> None:
    a, b = [*x, *[np.inf] * dx], [*y, *[np.inf] * dy]
    ranked = scipy.stats.rankdata([*a, *b])
    u = ranked[len(a) :].sum() - len(b) * (len(b) + 1) / 2
    assert stats.probability_greater(a, b) == close(u / (len(a) * len(b)))
    assert stats.probability_greater(a, b) + stats.probability_greater(b, a) == close(1.0)


# --- exact tests ----------------------------------------------------------------------------------------


@checked
@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=16, unique=True), st.integers(1, 3))
def test_rank_test_without_ties_is_mann_whitneys(values: list[int], n: int) -> None:
    first, second = values[:n], values[n:]
    theirs = scipy.stats.mannwhitneyu(first, second, method="exact").pvalue
    assert stats.rank_test(first, second) == close(theirs)


@settings(checked, max_examples=15)
@given(st.lists(st.integers(1, 4), min_size=5, max_size=8), st.integers(2, 3))
def test_rank_test_with_ties_is_the_permutation_test(values: list[int], n: int) -> None:
    ranks = scipy.stats.rankdata(values)
    theirs = scipy.stats.permutation_test(
        (ranks[:n], ranks[n:]), lambda a, b: a.sum(), vectorized=False, n_resamples=10**6
    )
    assert stats.rank_test(values[:n], values[n:]) == close(min(1.0, theirs.pvalue))


def test_rank_test_places_diverged_runs_last() -> None:
    finite, diverged = [7.0, 7.1, 7.2, 7.3], [np.inf] * 4
    assert stats.rank_test(finite, diverged) == close(2 / 70) == stats.rank_test_floor(4, 4)
    assert stats.rank_test(finite, [9.0, 9.1, 9.2, np.inf]) == close(2 / 70)
    assert stats.rank_test(diverged, diverged) == 1.0
    assert stats.rank_test_floor(3, 3) == close(0.1)


@checked
@given(st.integers(1, 12), st.data(), st.floats(0.5, 60))
def test_divergence_p_is_the_binomial_test(runs: int, data: st.DataObject, mean: float) -> None:
    diverged = data.draw(st.integers(1, runs))
    theirs = scipy.stats.binomtest(diverged, runs, mean / 90, alternative="greater").pvalue
    assert stats.divergence_p(diverged, runs, mean, 90) == close(theirs)


def test_divergence_p_where_any_rate_is_possible() -> None:
    assert stats.divergence_p(3, 3, 95.0, 90.0) == 1.0


def test_fishers_tea() -> None:
    """Fisher 1935, The Design of Experiments: three of four cups right on each side; two-sided p = 0.486."""
    assert stats.divergence_rates_p((3, 1), (4, 4)) == close(34 / 70)


def test_mcnemar_worked_example() -> None:
    """Vignette of R's exact2x2 (Fay 2010), table 21 9 / 2 12: exact McNemar p = 0.06543."""
    first = np.repeat([True, True, False, False], [21, 2, 9, 12])
    second = np.repeat([True, False, True, False], [21, 2, 9, 12])
    result = stats.mcnemar(first, second)
    assert (result.only_first, result.only_second) == (2, 9)
    assert result.p == close(0.06543, abs=5e-6)


@checked
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_is_statsmodels(images: list[tuple[bool, bool]]) -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    a, b = np.array(images).T
    counts = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert stats.mcnemar(a, b).p == close(tables.mcnemar(counts, exact=True).pvalue)


@pytest.mark.parametrize("second", [np.zeros(3, bool), np.zeros(4)])
def test_mcnemar_refuses_other_images_and_classes(second: np.ndarray) -> None:
    with pytest.raises(ValueError, match="two boolean arrays"):
        stats.mcnemar(np.zeros(4, bool), second)


# --- several tests --------------------------------------------------------------------------------------


def test_holm_worked_example() -> None:
    """Wikipedia, "Holm-Bonferroni method", example: 0.01, 0.04, 0.03, 0.005."""
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == close((0.03, 0.06, 0.06, 0.02))


@pytest.mark.slow
@settings(checked, max_examples=8)  # each call of theirs collects garbage
@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_holm_is_statsmodels(p: list[float]) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    assert stats.holm(p) == close(tuple(multitest.multipletests(p, method="holm")[1]))


def test_holm_of_nothing_and_of_no_probability() -> None:
    assert stats.holm([]) == ()
    with pytest.raises(ValueError, match="lie in"):
        stats.holm([0.1, math.nan])


# --- the edges ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [stats.estimate, lambda x: stats.probability_greater(x, [1.0]), lambda x: stats.rank_test([1.0], x)],
)
def test_no_values_is_an_error(call: Callable[[list[float]], object]) -> None:
    with pytest.raises(ValueError, match=r"no values|each arm"):
        call([])


@pytest.mark.parametrize("bad", [[7.0, math.nan], [7.0, math.inf], [[7.0, 8.0]]])
def test_values_are_flat_and_finite(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        stats.summarize(bad)


def test_one_value_has_a_mean_and_no_spread() -> None:
    assert stats.estimate([7.0]) == stats.Estimate(1, 7.0, None, None)
    with pytest.raises(ValueError, match="two values"):
        stats.summarize([7.0])


def test_equal_values_have_spread_zero_exactly() -> None:
    """numpy gives 1.7e-17 for three times 0.1."""
    assert np.std([0.1] * 3, ddof=1) > 0
    assert stats.summarize([0.1] * 3).sd == 0.0


def test_without_spread_the_limit() -> None:
    gap = stats.welch(stats.Summary(3, 7.0, 0.0), stats.Summary(3, 7.5, 0.0))
    assert (gap.interval().low, gap.interval().high, stats.zero_p(gap), gap.df) == (0.5, 0.5, 0.0, 4)
    assert tuple(stats.inside_p(gap, margin) for margin in (0.6, 0.4, 0.5)) == (0.0, 1.0, 0.5)
    assert stats.zero_p(stats.one_sample(stats.Summary(3, 7.0, 0.0), 7.0)) == 1.0
    assert stats.hedges_g([7.0, 7.0], [8.0, 8.0]) is None
    assert stats.paired({0: 7.0, 1: 7.0}, {0: 7.1, 1: 7.2}).correlation is None


def test_one_arm_without_spread_leaves_the_others_degrees_of_freedom() -> None:
    gap = stats.welch(stats.Summary(9, 90.0, 0.0), stats.Summary(3, 7.0, 0.2))
    assert (gap.df, gap.se) == (close(2.0), close(0.2 / math.sqrt(3)))


def test_interval_boundaries() -> None:
    interval = stats.Interval(-0.3, 0.3, 0.9)
    assert not interval.inside(0.3) and interval.inside(0.31)
    assert not stats.Interval(-0.3, 0.2, 0.9).inside(0.3)
    assert not stats.Interval(-0.2, 0.3, 0.9).inside(0.3)
    assert stats.Interval(0.3, 0.5, 0.9).outside(0.3) and not stats.Interval(0.29, 0.5, 0.9).outside(0.3)
    assert stats.Interval(-0.5, -0.3, 0.9).outside(0.3)
    assert interval.holds(0.3) and not interval.holds(0.301)
