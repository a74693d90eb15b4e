"""repro.claims.rules: the rules on chosen numbers, the edges, and how often each rule errs."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import scipy.stats

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
from repro.claims.rules.plan import seeds_needed
from repro.claims.rules.reasons import (
    ByDivergedRuns,
    ByDivergenceRates,
    ByRanks,
    DifferentProtocol,
    IfOneRun,
    IntervalLies,
    NoSpread,
    NotPaired,
    Paired,
    RefutesAlone,
    SeedsNeeded,
    TooFewPairs,
    TooFewRuns,
)
from repro.claims.stats import Summary


def arm(name: str, *errors: float, diverged: int = 0) -> ArmErrors:
    return ArmErrors(name, dict(enumerate(errors)), diverged)


LOW = arm("low", 6.6, 6.5, 6.75, 6.7, 6.55)  # 6.62 ± 0.10
HIGH = arm("high", 8.2, 8.0, 8.3, 8.25, 8.1)  # 8.17 ± 0.12
NEAR = arm("near", 6.75, 6.55, 6.8, 6.7, 6.65)  # 6.69 ± 0.10
TEN, TWO = 90.0, 50.0  # %, the error of guessing among ten classes, and among two


def outcome(v: Verdict) -> tuple[str, str | None]:
    return v.outcome, v.lean


# --- value ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "margin", "expected"),
    [
        (6.61, 0.3, ("reproduced", None)),  # 90% interval 6.52 to 6.72
        (6.20, 0.2, ("not reproduced", None)),  # outside ±0.2, and outside 6.30 to 6.94
        (6.40, 0.1, ("inconclusive", "leaning against")),  # outside ±0.1, yet inside 6.30 to 6.94
        (6.61, 0.1, ("inconclusive", "consistent")),  # reaches over 0.1
        (6.45, 0.15, ("inconclusive", "leaning against")),  # +0.17 is over the margin
    ],
)
def test_value_rule(published: float, margin: float, expected: tuple[str, str | None]) -> None:
    assert outcome(judge_value(LOW, published, margin=margin)) == expected


def test_value_figures() -> None:
    v = judge_value(LOW, 6.61, margin=0.3)
    assert v.interval is not None and v.prediction is not None
    assert v.estimate == pytest.approx(0.01)
    half = scipy.stats.t.ppf(0.95, 4) * np.std(LOW.values, ddof=1) / math.sqrt(5)
    assert (v.interval.low, v.interval.high, v.interval.level) == pytest.approx((0.01 - half, 0.01 + half, 0.9))
    assert (v.prediction.low, v.prediction.high) == pytest.approx((6.3046, 6.9354), abs=1e-4)
    assert v.p is not None and v.p < 0.05 and v.seeds_needed is None and v.runs == (5,)
    assert (v.kind, v.arms, v.margin, v.target, v.published) == ("value", (LOW,), 0.3, 6.61, None)
    assert (v.reason, v.notes) == (IntervalLies("inside", 0.3), (IfOneRun(True),))


def test_a_published_sd_does_not_decide() -> None:
    single = judge_value(LOW, 6.61, margin=0.3)
    summary = judge_value(LOW, 6.61, margin=0.3, published_sd=0.16, published_runs=5, further=5)
    assert (summary.outcome, summary.interval, summary.p) == (single.outcome, single.interval, single.p)
    assert single.prediction is not None and summary.prediction is not None
    assert summary.prediction.high < single.prediction.high, "of the mean of five further runs"
    assert (summary.published, single.published) == (Summary(5, 6.61, 0.16), None)


@pytest.mark.parametrize(("sd", "runs"), [(None, None), (0.16, None), (0.16, 1), (0.16, 5), (1.6, 5)])
def test_a_value_says_whether_it_is_also_so_if_the_printed_number_is_one_run(
    sd: float | None, runs: int | None
) -> None:
    """The variance of one run is added: the source's with its degrees of freedom, or else ours."""
    ours = LOW.values
    s, known = ours.std(ddof=1), sd is not None and runs == 5
    extra, df = (sd, 4) if known else (s, None)
    assert extra is not None
    se = math.sqrt(s**2 / 5 + extra**2)
    df = se**4 / ((s**2 / 5) ** 2 / 4 + extra**4 / 4) if known else 4
    for published in (6.61, 6.0, 6.3):
        v = judge_value(LOW, published, margin=0.3, published_sd=sd, published_runs=runs)
        far = abs(ours.mean() - published)
        inside = scipy.stats.t.sf((0.3 - far) / se, df) <= 0.05
        outside = scipy.stats.t.sf((far - 0.3) / se, df) + scipy.stats.t.sf((far + 0.3) / se, df) <= 0.05
        also = "reproduced" if inside else "not reproduced" if outside else "inconclusive"
        assert v.notes[-1] == IfOneRun(also == v.outcome), (published, also, v.outcome)


@pytest.mark.parametrize("sd", [0.2, 2.0])
def test_not_reproduced_counts_both_tails(sd: float) -> None:
    """The interval alone refutes a little more often where it is about as wide as the margin."""
    more = 0
    for x in np.random.default_rng(8).normal(0.3 + sd, sd, (400, 3)):
        v = judge_equivalence(arm("a", *(x * 0)), arm("b", *x), margin=0.3)
        gap = stats.one_sample(stats.summarize(x), 0.0)
        both = sum(scipy.stats.t.sf((abs(gap.points) + side * 0.3) / gap.se, gap.df) for side in (1, -1))
        assert (v.outcome == "not reproduced") == (both <= 0.05)
        if v.outcome == "not reproduced":
            assert v.p == pytest.approx(both) and v.interval is not None and v.interval.outside(0.3)
        elif v.interval is not None and v.interval.outside(0.3):
            more += 1
    assert more > 0


def test_seeds_needed_are_more_than_there_are_where_the_spread_is_the_trouble() -> None:
    v = judge_value(arm("wide", 6.4, 6.6, 6.9), 6.6, margin=0.3)
    assert outcome(v) == ("inconclusive", "consistent")
    assert v.seeds_needed is not None and v.seeds_needed > 3
    assert isinstance(v.notes[0], SeedsNeeded) and (v.notes[0].have, v.notes[0].effect) == (3, 0.3)
    assert v.reason == IntervalLies("across", 0.3)
    hopeless = judge_value(arm("wild", 1.0, 30.0), 6.6, margin=0.3)
    assert hopeless.seeds_needed is None and isinstance(hopeless.notes[0], SeedsNeeded)


# --- difference -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("better", "worse", "margin", "expected"),
    [
        (LOW, HIGH, 0.3, ("reproduced", None)),
        (HIGH, LOW, 0.3, ("not reproduced", None)),  # the other way round
        (LOW, NEAR, 0.3, ("not reproduced", None)),  # +0.07, 95% interval -0.08 to 0.22: negligible
        (LOW, NEAR, 0.2, ("inconclusive", "consistent")),
        (NEAR, LOW, 0.2, ("inconclusive", "leaning against")),
        (LOW, HIGH, 5.0, ("not reproduced", None)),  # above zero, and negligible by that margin
        (HIGH, LOW, 5.0, ("not reproduced", None)),
    ],
)
def test_difference_rule(better: ArmErrors, worse: ArmErrors, margin: float, expected: tuple[str, str | None]) -> None:
    assert outcome(judge_difference(better, worse, margin=margin)) == expected


def test_difference_is_worse_minus_better_with_all_its_figures() -> None:
    v = judge_difference(LOW, HIGH, margin=0.3)
    theirs = scipy.stats.ttest_ind(HIGH.values, LOW.values, equal_var=False)
    low, high = theirs.confidence_interval(0.95)
    assert v.interval is not None
    assert v.estimate == pytest.approx(1.55)
    assert (v.interval.low, v.interval.high, v.p) == pytest.approx((low, high, theirs.pvalue))
    assert (v.probability, v.correlation, v.runs) == (1.0, None, (5, 5))
    assert v.hedges_g is not None and v.hedges_g > 5
    assert (v.arms, v.reason, v.notes) == ((LOW, HIGH), IntervalLies("above", 0.3), ())


def test_a_large_p_is_never_reproduced() -> None:
    v = judge_difference(LOW, arm("same", 6.61, 6.5, 6.75, 6.7, 6.55), margin=0.01)
    assert v.p is not None and v.p > 0.9 and outcome(v) == ("inconclusive", "consistent")
    assert outcome(judge_equivalence(LOW, arm("same", 6.61, 6.5, 6.75, 6.7, 6.55), margin=0.01))[0] == "inconclusive"


@pytest.mark.parametrize(
    ("first", "second", "margin", "reading"),
    [
        (LOW, HIGH, 0.3, IntervalLies("above", 0.3)),  # larger than the margin
        (LOW, HIGH, 1.5, IntervalLies("above")),  # positive
        (LOW, HIGH, 5.0, IntervalLies("inside", 5.0)),  # negligible, although it excludes zero
        (HIGH, LOW, 5.0, IntervalLies("inside", 5.0)),  # negligible, and reversed
        (HIGH, LOW, 1.5, IntervalLies("below")),
    ],
)
def test_a_difference_has_a_reading(first: ArmErrors, second: ArmErrors, margin: float, reading: IntervalLies) -> None:
    v = judge_difference(first, second, margin=margin)
    assert v.reason == reading
    zero = scipy.stats.ttest_ind(first.values, second.values, equal_var=False).pvalue
    one = scipy.stats.ttest_ind(
        HIGH.values, LOW.values + margin, equal_var=False, alternative="less"
    ).pvalue  # the larger of the two one-sided p
    assert v.p == pytest.approx(2 * one if reading.where == "inside" else zero)
    assert v.p is not None and v.p <= 0.05


@pytest.mark.parametrize("size", [1.56, 3.0])
def test_a_named_size_is_shown_and_does_not_decide(size: float) -> None:
    v = judge_difference(LOW, HIGH, margin=0.3, size=size)
    assert outcome(v) == ("reproduced", None) and v.target == size
    assert v.prediction is not None and v.prediction.holds(size) == (size < 2)
    assert judge_difference(LOW, HIGH, margin=2.0, size=3.0).outcome == "not reproduced"  # negligible


def test_the_more_runs_a_published_size_comes_from_the_closer_it_is_predicted() -> None:
    found = [judge_difference(LOW, HIGH, margin=0.3, size=1.9, size_runs=n).prediction for n in (1, 5)]
    assert [each is not None and each.holds(1.9) for each in found] == [True, False]


def test_a_margin_as_large_as_the_size_is_refused() -> None:
    """With it a true difference of the published size, seen well enough, would be called negligible."""
    with pytest.raises(ValueError, match="below the claimed size"):
        judge_difference(LOW, HIGH, margin=0.3, size=0.3)


def test_pairing_uses_shared_seeds() -> None:
    first = ArmErrors("a", {0: 6.0, 1: 7.0, 2: 8.0, 5: 1.0})
    second = ArmErrors("b", {1: 7.31, 0: 6.3, 2: 8.29})
    v = judge_difference(first, second, margin=0.1, paired=True)
    assert v.outcome == "reproduced" and v.estimate == pytest.approx(0.3)
    assert v.correlation == pytest.approx(1.0, abs=1e-3)
    assert v.notes == (Paired(seeds=3, unpaired=1),)
    assert judge_difference(first, second, margin=0.1).outcome == "inconclusive"  # Welch sees the seeds' spread


def test_pairing_plans_and_predicts_by_the_paired_differences() -> None:
    first, second = arm("a", 6.0, 7.0, 8.0), arm("b", 6.3, 7.0, 8.2)
    changes = stats.summarize(second.values - first.values)
    v = judge_difference(first, second, margin=0.1, size=0.2, paired=True)
    assert v.outcome == "inconclusive" and v.prediction == stats.prediction_interval(changes)
    assert v.seeds_needed == seeds_needed(DifferencePlan((0.2,), (changes.sd,), 0.1), 0.05)  # to see the size


def test_pairing_with_too_few_shared_seeds_gives_no_verdict() -> None:
    first, second = ArmErrors("a", {0: 6.0, 1: 7.0}), ArmErrors("b", {1: 7.3, 2: 8.0})
    v = judge_difference(first, second, margin=0.1, paired=True)
    assert outcome(v) == ("no verdict", None) and v.reason == TooFewPairs(1)


# --- order ------------------------------------------------------------------------------------------------


def test_an_order_holds_by_every_step() -> None:
    top = arm("top", 9.1, 9.2, 9.0)
    v = judge_order([LOW, HIGH, top], margin=0.3)
    assert outcome(v) == ("reproduced", None) and [s.outcome for s in v.steps] == ["reproduced"] * 2
    assert v.p == max(s.p for s in v.steps if s.p is not None)
    assert outcome(judge_order([LOW, NEAR, HIGH], margin=0.2)) == ("inconclusive", "consistent")
    assert outcome(judge_order([NEAR, LOW, HIGH], margin=0.2)) == ("inconclusive", "leaning against")
    assert judge_order([NEAR, LOW, HIGH], margin=0.2).p == 1.0
    assert judge_order([HIGH, LOW, top], margin=0.3).outcome == "not reproduced"


def test_a_refuted_step_refutes_whatever_is_missing_elsewhere() -> None:
    one = arm("one", 9.0)
    assert outcome(judge_order([LOW, HIGH, one], margin=0.3)) == ("no verdict", None)
    assert judge_order([LOW, HIGH, one], margin=0.3).p is None
    assert judge_order([HIGH, LOW, one], margin=0.3).outcome == "not reproduced"


def test_an_order_needs_the_seeds_that_show_all_its_steps() -> None:
    wide = arm("wide", 6.3, 6.9, 7.2)
    v = judge_order([LOW, NEAR, wide], margin=0.2)
    needed = [s.seeds_needed for s in v.steps if s.seeds_needed]
    assert v.seeds_needed is not None and v.seeds_needed > max(needed)
    assert isinstance(v.notes[0], SeedsNeeded) and (v.notes[0].have, v.notes[0].effect) == (3, 0.2)
    unknown = judge_order([LOW, NEAR, arm("some", 6.6, 6.9, diverged=1)], margin=0.2)
    assert [s.seeds_needed is None for s in unknown.steps] == [False, True] and unknown.seeds_needed is None


def test_the_p_of_an_order() -> None:
    """The largest of its steps if reproduced; if not, the smallest that refutes a pair times the number of pairs."""
    top = arm("top", 9.1, 9.2, 9.0)
    v = judge_order([HIGH, LOW, top], margin=0.3)
    p = scipy.stats.ttest_ind(HIGH.values, LOW.values, equal_var=False).pvalue
    assert v.outcome == "not reproduced" and v.p == pytest.approx(3 * p)
    levels = Levels(0.05, (3, 5, 10))
    looked = judge_order([HIGH, LOW, top], margin=0.3, levels=levels)
    assert looked.p_looks == pytest.approx(3 * stats.over_looks(p, levels.looks))


def test_the_steps_of_an_order_share_alpha_for_not_reproduced() -> None:
    """The second arm is better at p = 0.04: enough against one claim, not against one of two steps and the ends."""
    high, low = arm("b", 7.00, 7.1, 7.2), arm("a", 6.72, 6.89, 6.92)
    p = scipy.stats.ttest_ind(high.values, low.values, equal_var=False).pvalue
    assert 0.025 < p < 0.05
    assert judge_difference(high, low, margin=0.01).outcome == "not reproduced"
    v = judge_order([high, low, HIGH], margin=0.01)
    assert outcome(v) == ("inconclusive", "leaning against")
    assert v.steps[0].refuting is not None and v.steps[0].refuting.level == pytest.approx(1 - 0.05 / 3)
    assert v.steps[0].reason == RefutesAlone(v.steps[0].refuting.level)
    assert v.steps[0].interval is not None and v.steps[0].interval.high < 0 < v.steps[0].refuting.high


def test_the_ends_alone_can_refute_an_order() -> None:
    """Each step is undecided; over all of them the last arm is clearly the better."""
    arms = [arm("a", 8.0, 8.4, 8.8), arm("b", 7.0, 7.5, 8.0), arm("c", 6.0, 6.4, 6.8)]
    v = judge_order(arms, margin=0.3)
    assert [outcome(s)[0] for s in v.steps] == ["inconclusive"] * 2
    assert v.ends is not None and v.ends.outcome == "not reproduced" and v.outcome == "not reproduced"
    assert v.ends.deciding is not None and v.ends.deciding.level == pytest.approx(1 - 0.05 / 3)
    assert v.ends.reason == IntervalLies("below") and v.seeds_needed is None and v.notes == ()
    assert (
        judge_order([arms[2], arm("one", 7.0), arms[0]], margin=0.3).outcome == "no verdict"
    )  # never shown by its ends
    assert judge_order([LOW, HIGH], margin=0.3).ends is None


def test_a_step_of_an_order_shown_to_be_negligible_refutes_it() -> None:
    same = arm("same", 6.61, 6.5, 6.75, 6.7, 6.55)
    v = judge_order([LOW, same, HIGH], margin=0.5)
    assert v.outcome == "not reproduced" and v.steps[0].reason == IntervalLies("inside", 0.5)


def test_a_step_by_ranks_has_no_count_of_seeds() -> None:
    v = judge_order([arm("a", 5, 5.1, 5.2), arm("b", 6, 6.1, 6.2), arm("c", 6.5, 6.6, diverged=1)], margin=0.3)
    assert v.outcome == "inconclusive" and v.notes == ()
    assert v.steps[1].reason == ByRanks(floor=pytest.approx(0.1)) and v.steps[1].p is not None


def test_an_undecided_order_says_so_where_no_number_of_seeds_would_do() -> None:
    v = judge_order([LOW, NEAR, arm("wild", 1.0, 30.0)], margin=0.01)
    assert v.outcome == "inconclusive" and v.seeds_needed is None
    assert [(note.have, note.effect) for note in v.notes if isinstance(note, SeedsNeeded)] == [(2, 0.01)]


def test_an_order_needs_two_arms() -> None:
    with pytest.raises(ValueError, match="two arms"):
        judge_order([LOW], margin=0.3)


# --- equivalence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "margin", "expected"),
    [
        (NEAR, 0.3, ("reproduced", None)),
        (NEAR, 0.1, ("inconclusive", "consistent")),
        (HIGH, 0.3, ("not reproduced", None)),
        (
            HIGH,
            1.5,
            ("inconclusive", "leaning against"),
        ),  # 95% interval 1.39 to 1.71 excludes zero: not enough
        (HIGH, 2.0, ("reproduced", None)),
    ],
)
def test_equivalence_rule(second: ArmErrors, margin: float, expected: tuple[str, str | None]) -> None:
    v = judge_equivalence(LOW, second, margin=margin)
    assert outcome(v) == expected
    assert v.interval is not None and v.interval.level == pytest.approx(0.9)
    mirrored = judge_equivalence(second, LOW, margin=margin)
    assert outcome(mirrored) == expected and mirrored.p == pytest.approx(v.p)


@pytest.mark.parametrize(
    ("first", "second", "margin", "expected"),
    [
        (LOW, NEAR, 0.3, ("reproduced", None)),
        (LOW, HIGH, 0.3, ("reproduced", None)),  # the second may be far worse
        (HIGH, LOW, 0.3, ("not reproduced", None)),
        (HIGH, LOW, 1.5, ("inconclusive", "leaning against")),
        (HIGH, LOW, 1.6, ("inconclusive", "consistent")),
        (HIGH, LOW, 2.0, ("reproduced", None)),
        (NEAR, LOW, 0.1, ("inconclusive", "consistent")),
    ],
)
def test_non_inferiority_rule(
    first: ArmErrors, second: ArmErrors, margin: float, expected: tuple[str, str | None]
) -> None:
    v = judge_non_inferiority(first, second, margin=margin)
    assert outcome(v) == expected
    theirs = scipy.stats.ttest_ind(second.values, first.values - margin, equal_var=False, alternative="greater")
    assert v.p == pytest.approx(1 - theirs.pvalue if v.outcome == "not reproduced" else theirs.pvalue)
    assert (v.outcome == "reproduced") == (theirs.pvalue < 0.05)
    assert v.interval == judge_equivalence(first, second, margin=margin).interval


def test_where_the_interval_of_a_non_inferiority_lies() -> None:
    assert judge_non_inferiority(LOW, HIGH, margin=0.3).reason == IntervalLies("above", -0.3)
    assert judge_non_inferiority(HIGH, LOW, margin=0.3).reason == IntervalLies("below", -0.3)
    open_ = judge_non_inferiority(NEAR, LOW, margin=0.1)
    assert open_.reason == IntervalLies("across", -0.1)
    assert [(note.have, note.effect) for note in open_.notes if isinstance(note, SeedsNeeded)] == [(5, 0.1)]


# --- the edges --------------------------------------------------------------------------------------------

Judge = Callable[[ArmErrors], Verdict]
JUDGES: dict[str, Judge] = {
    "value": lambda a: judge_value(a, 6.6, margin=0.3),
    "better": lambda a: judge_difference(a, HIGH, margin=0.3),
    "worse": lambda a: judge_difference(LOW, a, margin=0.3),
    "paired": lambda a: judge_difference(LOW, a, margin=0.3, paired=True),
    "order": lambda a: judge_order([LOW, a, HIGH], margin=0.3),
    "equivalence": lambda a: judge_equivalence(LOW, a, margin=0.3),
    "non-inferiority": lambda a: judge_non_inferiority(LOW, a, margin=0.3),
}


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
@pytest.mark.parametrize(
    ("few", "runs"),
    [(arm("few"), 0), (arm("few", 7.0), 1), (arm("few", diverged=1), 1)],
)
def test_no_run_or_one_gives_no_verdict(judge: Judge, few: ArmErrors, runs: int) -> None:
    v = judge(few)
    assert outcome(v) == ("no verdict", None) and v.p is None and v.interval is None
    assert TooFewRuns("few", runs) in [each.reason for each in (v, *v.steps)]


@pytest.mark.parametrize("judge", [JUDGES["value"], lambda a: judge_difference(a, replace(a, name="b"), margin=0.3)])
def test_no_spread_gives_no_verdict(judge: Judge) -> None:
    v = judge(arm("stuck", 0.1, 0.1, 0.1))
    assert outcome(v) == ("no verdict", None) and v.seeds_needed is None
    assert v.reason == NoSpread()


def test_equal_pairs_up_to_rounding_have_no_spread() -> None:
    base, shifted = arm("base", 0.1, 0.3, 0.7), arm("shifted", 0.1 + 0.2, 0.3 + 0.2, 0.7 + 0.2)
    assert np.ptp(shifted.values - base.values) > 0  # by rounding alone
    assert judge_difference(base, shifted, margin=0.3, paired=True).outcome == "no verdict"
    assert judge_difference(base, shifted, margin=0.3).outcome != "no verdict"


def test_one_arm_stuck_at_chance_is_judged_by_the_other_ones_spread() -> None:
    v = judge_difference(LOW, arm("stuck", 90.0, 90.0, 90.0), margin=0.3)
    assert v.outcome == "reproduced" and v.estimate == pytest.approx(83.38)


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan])
def test_a_margin_must_be_able_to_decide(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        judge_value(LOW, 6.6, margin=margin)
    with pytest.raises(ValueError, match="alpha"):
        Levels(0.5)


def test_alpha_sets_the_levels() -> None:
    value, difference = (
        judge_value(LOW, 6.6, margin=0.3, levels=Levels(0.01)),
        judge_difference(LOW, HIGH, margin=0.3, levels=Levels(0.01)),
    )
    assert value.interval is not None and value.interval.level == pytest.approx(0.98)
    assert difference.interval is not None and difference.interval.level == pytest.approx(0.99)


def test_another_protocol_stands_beside_the_verdict() -> None:
    for v in (
        judge_value(LOW, 6.61, margin=0.3, different_protocol=True),
        judge_difference(LOW, HIGH, margin=0.3, different_protocol=True),
        judge_order([LOW, HIGH], margin=0.3, different_protocol=True),
        judge_equivalence(LOW, NEAR, margin=0.3, different_protocol=True),
        judge_value(arm("one", 6.0), 6.61, margin=0.3, different_protocol=True),
    ):
        assert v.different_protocol and DifferentProtocol() in v.notes
    assert not judge_value(LOW, 6.61, margin=0.3).different_protocol


# --- diverged runs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (arm("all", diverged=3), ("not reproduced", None)),
        (arm("most", 6.6, diverged=2), ("not reproduced", None)),  # at 6.9% each: P(2 of 3 or more) = 0.016
        (arm("one", 6.6, 6.6, 6.61, 6.62, diverged=1), ("inconclusive", "leaning against")),
    ],
)
def test_value_with_diverged_runs_is_never_reproduced(ours: ArmErrors, expected: tuple[str, str | None]) -> None:
    v = judge_value(ours, 6.61, margin=0.3, chance_error=TEN)
    assert outcome(v) == expected
    assert isinstance(v.reason, ByDivergedRuns) and (v.reason.limit, v.reason.counted_as) == (6.61 + 0.3, TEN)
    assert v.estimate is None and v.p == v.reason.p  # leaving diverged runs out would be a selection


def test_a_wider_margin_lets_more_runs_diverge() -> None:
    """Two of three: at (6.61 + 0.3) / 90 with p = 0.017, at (6.61 + 10) / 90 with p = 0.09."""
    ours = arm("most", 6.6, diverged=2)
    assert judge_value(ours, 6.61, margin=10, chance_error=TEN).outcome == "inconclusive"


def test_the_fewer_classes_the_more_runs_may_diverge() -> None:
    """Two of three: at (8 + 0.3) / 90 with p = 0.024, at (8 + 0.3) / 50 with p = 0.073."""
    ours = arm("most", 8.0, diverged=2)
    ten, two = (judge_value(ours, 8.0, margin=0.3, chance_error=chance) for chance in (TEN, TWO))
    assert (outcome(ten), outcome(two)) == (("not reproduced", None), ("inconclusive", "leaning against"))
    for v, rate in ((ten, 8.3 / 90), (two, 8.3 / 50)):
        assert isinstance(v.reason, ByDivergedRuns)
        assert v.reason.p == pytest.approx(scipy.stats.binom.sf(1, 3, rate))


def test_diverged_runs_of_a_value_need_the_error_of_chance() -> None:
    with pytest.raises(ValueError, match="chance_error"):
        judge_value(arm("most", 6.6, diverged=2), 6.61, margin=0.3)


def test_difference_with_diverged_runs_goes_by_ranks() -> None:
    v = judge_difference(LOW, arm("plain", diverged=4), margin=0.3)
    assert outcome(v) == ("reproduced", None) and v.p == pytest.approx(2 / 126) and v.probability == 1.0
    assert judge_difference(arm("plain", diverged=4), LOW, margin=0.3).outcome == "not reproduced"
    three = judge_difference(arm("a", 7.0, 7.1, 7.2), arm("plain", diverged=3), margin=0.3)
    assert outcome(three) == ("inconclusive", "consistent") and three.reason == ByRanks(floor=pytest.approx(0.1))
    assert outcome(judge_difference(arm("a", diverged=4), arm("b", diverged=4), margin=0.3))[0] == "inconclusive"


def test_diverged_runs_are_not_paired_and_decide_whatever_the_size() -> None:
    v = judge_difference(LOW, arm("plain", diverged=4), margin=0.3, paired=True, size=2.0)
    assert outcome(v) == ("reproduced", None)
    assert v.notes == (NotPaired(),) and (v.target, v.prediction) == (2.0, None)


def test_exact_tests_use_p_times_the_number_of_looks() -> None:
    looked = judge_difference(LOW, arm("plain", diverged=4), margin=0.3, levels=Levels(0.05, (3, 5, 10)))
    assert looked.p == pytest.approx(2 / 126) and looked.p_looks == pytest.approx(6 / 126)
    assert looked.outcome == "reproduced"
    four = judge_difference(LOW, arm("plain", diverged=4), margin=0.3, levels=Levels(0.05, (3, 5, 10, 20)))
    assert outcome(four) == ("inconclusive", "consistent")


def test_order_with_diverged_runs() -> None:
    v = judge_order([LOW, HIGH, arm("plain", diverged=4)], margin=0.3)
    assert v.outcome == "reproduced" and v.p == pytest.approx(2 / 126)


def test_non_inferiority_with_diverged_runs_is_refuted_by_the_firsts_alone() -> None:
    fine, lost = arm("fine", *[7.0, 7.1, 7.2, 7.3, 7.4]), arm("lost", diverged=5)
    assert outcome(judge_non_inferiority(fine, lost, margin=0.3)) == ("inconclusive", "consistent")
    assert outcome(judge_non_inferiority(lost, fine, margin=0.3)) == ("not reproduced", None)
    assert outcome(judge_equivalence(fine, lost, margin=0.3)) == ("not reproduced", None)


def test_equivalence_with_diverged_runs_is_never_reproduced() -> None:
    v = judge_equivalence(LOW, arm("plain", 6.6, diverged=4), margin=9.0)
    assert v.outcome == "not reproduced" and isinstance(v.reason, ByDivergenceRates) and v.reason.p <= 0.05
    even = judge_equivalence(replace(LOW, diverged=1), replace(NEAR, diverged=1), margin=9.0)
    assert outcome(even) == ("inconclusive", "consistent")
    assert outcome(judge_equivalence(LOW, replace(NEAR, diverged=1), margin=9.0)) == (
        "inconclusive",
        "leaning against",
    )


# --- how often the rules err: exactly, for diverged runs ----------------------------------------------------


@pytest.mark.parametrize("n", [3, 5])
def test_value_with_diverged_runs_errs_at_most_5_in_100(n: int) -> None:
    """The hardest truth within the claim: mean error = published + margin, and other runs free of error."""
    chances = []
    for published in (5.0, 8.0, 20.0, 40.0):
        rate = (published + 0.5) / 90
        wrong = sum(
            scipy.stats.binom.pmf(d, n, rate)
            for d in range(1, n + 1)
            if judge_value(arm("a", *[0.0] * (n - d), diverged=d), published, margin=0.5, chance_error=TEN).outcome
            == "not reproduced"
        )
        chances.append(wrong)
    assert 0.01 < max(chances) <= 0.05


def test_ranks_err_at_most_5_in_100_over_all_splits() -> None:
    pool = [7.0, 7.1, 7.2, 7.3, 7.4, 7.5, 7.6, math.inf, math.inf, math.inf]
    verdicts = []
    for chosen in combinations(range(10), 5):
        sides = [[pool[i] for i in chosen], [pool[i] for i in range(10) if i not in chosen]]
        arms = [arm("x", *[e for e in s if e < 90], diverged=s.count(math.inf)) for s in sides]
        verdicts.append(judge_difference(*arms, margin=0.3).outcome)
    assert 0 < verdicts.count("reproduced") / len(verdicts) <= 0.025
    assert 0 < verdicts.count("not reproduced") / len(verdicts) <= 0.025


def test_equal_rates_of_diverging_are_refuted_at_most_5_in_100() -> None:
    refuted = {
        (a, b): judge_equivalence(
            arm("a", *[7.0] * (5 - a), diverged=a), arm("b", *[7.0] * (5 - b), diverged=b), margin=1
        ).outcome
        == "not reproduced"
        for a in range(6)
        for b in range(6)
        if a + b
    }
    assert any(refuted.values())
    for rate in np.linspace(0.05, 0.95, 10):
        pmf = np.asarray(scipy.stats.binom.pmf(np.arange(6), 5, rate))
        assert sum(pmf[a] * pmf[b] for (a, b), wrong in refuted.items() if wrong) <= 0.05
