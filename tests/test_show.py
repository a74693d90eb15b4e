"""repro.show: verdicts and numbers as people read them, from data alone."""

import math
from datetime import UTC, datetime

import pandas as pd
import pytest

from repro.claims.judge import Judged, PostHoc
from repro.claims.rules import (
    ArmErrors,
    Bound,
    Verdict,
    arm_text,
    judge_bound,
    judge_difference,
    judge_equivalence,
    judge_non_inferiority,
    judge_order,
    judge_value,
)
from repro.numbers import mean_sd, p_value, points, published
from repro.show.verdicts import comparison, difference, label, marks, post_hoc, sentence
from repro.spec.freeze import Entry
from repro.wording import plural


def arm(name: str, *errors: float, diverged: int = 0) -> ArmErrors:
    return ArmErrors(name, dict(enumerate(errors)), diverged)


LOW = arm("low", 6.6, 6.5, 6.75, 6.7, 6.55)  # 6.62 ± 0.10
HIGH = arm("high", 8.2, 8.0, 8.3, 8.25, 8.1)  # 8.17 ± 0.12
NEAR = arm("near", 6.75, 6.55, 6.8, 6.7, 6.65)  # 6.69 ± 0.10
LOST = arm("lost", diverged=4)


# --- numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ((7.51, None, None), "7.51"),
        ((6.61, 0.16, 5), "6.61 ± 0.16 (n = 5)"),
        ((8.17, None, 5, "median"), "8.17 (median of 5)"),
        ((6.61, None, 5, "mean"), "6.61 (n = 5)"),
        ((6.61, 0.16, None), "6.61 ± 0.16"),  # never "n = None"
        ((12.5, None, None, "median"), "12.50"),
    ],
)
def test_a_published_number_has_its_runs_where_they_are_known(number: tuple[float, ...], text: str) -> None:
    assert published(*number) == text  # type: ignore[arg-type]


def test_a_unit_stands_before_the_runs() -> None:
    assert published(6.61, 0.16, 5, unit=" %") == "6.61 ± 0.16 % (n = 5)"


def test_numbers() -> None:
    assert (mean_sd(6.612, 0.158, 5), mean_sd(12.0, None, 1)) == ("6.61 ± 0.16 (n = 5)", "12.00 (n = 1)")
    assert (points(1.556), points(-0.001)) == ("+1.56", "+0.00")  # nothing has no minus
    assert (p_value(0.0004), p_value(0.04)) == ("p < 0.001", "p = 0.040")
    assert [plural(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]


def test_an_arm_is_shown_with_its_runs() -> None:
    assert arm_text(LOW) == "low 6.62 ± 0.10 % (n = 5)"
    assert arm_text(arm("one", 6.6)) == "one 6.60 % (n = 1)"
    assert arm_text(arm("some", 6.6, diverged=1)) == "some 6.60 % (n = 1, 1 of 2 runs diverged)"
    assert (arm_text(LOST), arm_text(arm("none"))) == ("lost (4 of 4 runs diverged)", "none (n = 0)")


# --- sentences --------------------------------------------------------------------------------------------

WIDE = arm("wide", 6.4, 6.6, 6.9)
AGAINST = "high 8.17 ± 0.12 % (n = 5) against low 6.62 ± 0.10 % (n = 5)"
SENTENCES: dict[str, tuple[Verdict, str]] = {
    "value": (
        judge_value(LOW, 6.61, margin=0.3),
        "Reproduced: low 6.62 ± 0.10 % (n = 5) against 6.61 % published: +0.01 points, "
        "90% interval [-0.09, +0.11] inside ±0.30, equivalence p = 0.002. "
        "Also so if the printed number is one run: yes.",
    ),
    "value not reproduced": (
        judge_value(LOW, 6.2, margin=0.2, published_sd=0.16),
        "Not reproduced: low 6.62 ± 0.10 % (n = 5) against 6.20 % published: +0.42 points, 90% "
        "interval [+0.32, +0.52] outside ±0.20, and 6.20 is outside the 95% prediction interval of a further run, "
        "6.30 to 6.94 %. Also so if the printed number is one run: no.",
    ),
    "value off but predicted": (
        judge_value(LOW, 6.4, margin=0.1),
        "Inconclusive, leaning against: low 6.62 ± 0.10 % (n = 5) against 6.40 % published: +0.22 points, 90% interval "
        "[+0.12, +0.32] outside ±0.10, but 6.40 is inside the 95% prediction interval of a further run, "
        "6.30 to 6.94 %. At this spread 11 seeds would give 80% power to show a true match within ±0.10. "
        "Also so if the printed number is one run: yes.",
    ),
    "value against a summary": (
        judge_value(WIDE, 6.6, margin=0.3, published_sd=0.16, published_runs=5, further=5, different_protocol=True),
        "Inconclusive, consistent: wide 6.63 ± 0.25 % (n = 3) against 6.60 ± 0.16 % (n = 5) published: +0.03 points, "
        "90% interval [-0.39, +0.46] neither inside nor outside ±0.30. At this spread 8 seeds would give 80% power to "
        "show a true match within ±0.30. Different protocol: the published number was selected or obtained "
        "differently from ours. Also so if the printed number is one run: yes.",
    ),
    "value diverged": (
        judge_value(arm("most", 6.6, diverged=2), 6.61, margin=0.3, chance_error=50.0),
        "Inconclusive, leaning against: most 6.60 % (n = 1, 2 of 3 runs diverged) against 6.61 % published: with a "
        "mean error of at most 6.91 %, this many runs would diverge with p = 0.052 at most "
        "(a diverged run counts as 50 %).",
    ),
    "no run": (judge_value(arm("none"), 6.6, margin=0.3), "No verdict: none has no runs."),
    "one run": (
        judge_value(arm("one", 6.6), 6.6, margin=0.3),
        "No verdict: one has one run; a verdict needs at least two seeds.",
    ),
    "no spread": (
        judge_value(arm("stuck", 0.1, 0.1), 6.6, margin=0.3),
        "No verdict: stuck 0.10 ± 0.00 % (n = 2) against 6.60 % published: all seeds gave the same result, "
        "so there is no interval (does the seed have any effect?).",
    ),
    "bound": (
        judge_bound(LOW, 6.0),
        "Reproduced: low 6.62 ± 0.10 % (n = 5) against a bound of 6.00 %: +0.62 points, "
        "90% interval [+0.52, +0.72] above zero, p < 0.001.",
    ),
    "bound not reproduced": (
        judge_bound(LOW, 7.0),
        "Not reproduced: low 6.62 ± 0.10 % (n = 5) against a bound of 7.00 %: -0.38 points, "
        "90% interval [-0.48, -0.28] below zero.",
    ),
    "bound open": (
        judge_bound(LOW, 6.6),
        "Inconclusive, consistent: low 6.62 ± 0.10 % (n = 5) against a bound of 6.60 %: +0.02 points, "
        "90% interval [-0.08, +0.12] including zero.",
    ),
    "bound diverged": (
        judge_bound(LOST, 0.0, chance_error=None),
        "Inconclusive, leaning against: lost (4 of 4 runs diverged) against a bound of 0.00 %: runs diverged, so "
        "there is no interval.",
    ),
    "difference": (
        judge_difference(LOW, HIGH, margin=0.3),
        f"Reproduced: {AGAINST}: +1.55 points, 95% interval [+1.39, +1.71] above 0.30, larger than the margin; "
        "p < 0.001, Hedges' g +12.45, worse with probability 1.00.",
    ),
    "difference with its size": (
        judge_difference(LOW, HIGH, margin=1.4, size=1.56),
        f"Reproduced: {AGAINST}: +1.55 points, 95% interval [+1.39, +1.71] above zero, positive, the published +1.56 "
        "inside the 95% prediction interval [+1.15, +1.95]; p < 0.001, Hedges' g +12.45, worse with probability 1.00.",
    ),
    "difference negligible and seen": (
        judge_difference(LOW, HIGH, margin=5.0),
        f"Not reproduced: {AGAINST}: +1.55 points, 95% interval [+1.39, +1.71] inside ±5.00, negligible; "
        "equivalence p < 0.001, Hedges' g +12.45, worse with probability 1.00.",
    ),
    "difference by ranks": (
        judge_difference(arm("a", 7.0, 7.1, 7.2), arm("b", diverged=3), margin=0.3, size=2.0, paired=True),
        "Inconclusive, consistent: b (3 of 3 runs diverged) against a 7.10 ± 0.10 % (n = 3): with diverged runs ranked "
        "last, b is worse than a with probability 1.00, exact rank test p = 0.100 (with this few runs it cannot be "
        "below 0.100); the published size +2.00 cannot be compared, as runs diverged. Not paired, as runs diverged.",
    ),
    "too few pairs": (
        judge_difference(ArmErrors("a", {0: 6.0, 1: 7.0}), ArmErrors("b", {1: 7.3, 2: 8.0}), margin=0.1, paired=True),
        "No verdict: a and b share 1 seed; pairing needs at least two.",
    ),
    "equivalence": (
        judge_equivalence(LOW, NEAR, margin=0.3),
        "Reproduced: near 6.69 ± 0.10 % (n = 5) against low 6.62 ± 0.10 % (n = 5): +0.07 points, "
        "90% interval [-0.05, +0.19] inside ±0.30, equivalence p = 0.003.",
    ),
    "equivalence not reproduced": (
        judge_equivalence(LOW, HIGH, margin=0.3),
        f"Not reproduced: {AGAINST}: +1.55 points, 90% interval [+1.42, +1.68] outside ±0.30.",
    ),
    "equivalence diverged": (
        judge_equivalence(arm("fine", 7.0, 7.1, 7.2, 7.3), LOST, margin=0.3),
        "Not reproduced: lost (4 of 4 runs diverged) against fine 7.15 ± 0.13 % (n = 4): Fisher's exact test of equal "
        "divergence rates, p = 0.029.",
    ),
    "non-inferiority": (
        judge_non_inferiority(LOW, HIGH, margin=0.3),
        f"Reproduced: {AGAINST}: +1.55 points, 90% interval [+1.42, +1.68] above -0.30, non-inferiority p < 0.001.",
    ),
}


@pytest.mark.parametrize(("verdict", "text"), SENTENCES.values(), ids=SENTENCES)
def test_sentences(verdict: Verdict, text: str) -> None:
    assert sentence(verdict) == text


def test_a_comparison_is_the_sentence_without_the_outcome() -> None:
    """Even where a label holds what separates them."""
    v = judge_difference(arm("a: b", 6.0, 7.0, 8.0), arm("c: d", 9.0, 9.5, 9.9), margin=0.3)
    assert sentence(v) == f"Reproduced: {comparison(v)}"
    assert comparison(v).startswith("c: d 9.47 ± 0.45 % (n = 3) against a: b 7.00 ± 1.00 % (n = 3): +2.47 points")


def test_an_interval_that_is_refuted_at_its_own_level_only() -> None:
    high, low = arm("b", 7.00, 7.1, 7.2), arm("a", 6.72, 6.89, 6.92)
    v = judge_order([high, low, HIGH], margin=0.01)
    refuting = v.steps[0].refuting
    assert refuting is not None
    assert f"but not below zero at the 98.3% needed to refute, [{refuting.low:+.2f}, +" in sentence(v)
    assert "as one of several comparisons is tested at 98.3%; p = " in sentence(v.steps[0])


def test_an_order_is_told_by_its_steps_and_ends() -> None:
    v = judge_order([arm("a", 8.0, 8.4, 8.8), arm("b", 7.0, 7.5, 8.0), arm("c", 6.0, 6.4, 6.8)], margin=0.3)
    told = sentence(v)
    assert told.startswith(
        "Not reproduced: a 8.40 ± 0.40 % (n = 3) < b 7.50 ± 0.50 % (n = 3) < c 6.40 ± 0.40 % (n = 3)"
    )
    assert ": b - a -0.90 points, 95% interval [" in told and "; its ends, c - a -2.00 points, 98.3% interval [" in told
    assert told.endswith(" below zero, reversed, not reproduced.")


def test_the_seeds_of_an_order() -> None:
    v = judge_order([LOW, NEAR, WIDE], margin=0.2)
    assert (
        f"At this spread {v.seeds_needed} seeds per arm would give 80% power to detect a true step of 0.20."
        in sentence(v)
    )
    none = judge_order([LOW, NEAR, arm("wild", 1.0, 30.0)], margin=0.01)
    assert "not even 1000 seeds per arm would give 80% power to detect a true step of 0.01." in sentence(none)
    ranks = judge_order([arm("a", 5, 5.1, 5.2), arm("b", 6, 6.1, 6.2), arm("c", 6.5, 6.6, diverged=1)], margin=0.3)
    assert "80% power" not in sentence(ranks) and "c - b by ranks, p = " in sentence(ranks)


def test_a_step_shown_to_be_negligible() -> None:
    same = arm("same", 6.61, 6.5, 6.75, 6.7, 6.55)
    assert " inside ±0.50, negligible, not reproduced" in sentence(judge_order([LOW, same, HIGH], margin=0.5))


def test_pairs() -> None:
    first = ArmErrors("a", {0: 6.0, 1: 7.0, 2: 8.0, 5: 1.0})
    v = judge_difference(first, ArmErrors("b", {1: 7.31, 0: 6.3, 2: 8.29}), margin=0.1, paired=True)
    assert sentence(v).endswith(" Paired over 3 seeds, correlation +1.00; 1 run without a partner left out.")


def test_what_is_left_open_says_how_many_seeds_would_do() -> None:
    told = sentence(judge_non_inferiority(NEAR, LOW, margin=0.1))
    assert " neither above nor below -0.10. At this spread " in told and "to show true equality above -0.10." in told
    had = sentence(judge_value(LOW, 6.45, margin=0.2))
    assert "At this spread 5 seeds already had 80% power to show a true match within ±0.20." in had
    hopeless = sentence(judge_value(arm("wild", 1.0, 30.0), 6.6, margin=0.3))
    assert "At this spread not even 1000 seeds would give 80% power to show a true match within ±0.30." in hopeless


# --- beside a verdict -------------------------------------------------------------------------------------


def judged(verdict: Verdict, *found: PostHoc) -> Judged:
    claim = Bound(id="c", kind="bound", arms=("low",), says="s", origin="own", above=6.0)
    return Judged(claim, verdict, pd.DataFrame(columns=["arm", "hardware"]), found)


def test_a_label_holds_the_lean_and_the_marks() -> None:
    open_ = judge_value(LOW, 6.4, margin=0.1, different_protocol=True)
    assert label(judged(open_)) == "inconclusive, leaning against (different protocol)"
    assert label(judged(open_, PostHoc(5, None))) == "inconclusive, leaning against (different protocol, post hoc)"
    assert label(judged(judge_value(LOW, 6.61, margin=0.3))) == "reproduced"
    assert marks(judged(judge_value(arm("none"), 6.4, margin=0.1, different_protocol=True), PostHoc(5, None))) == []


def test_post_hoc() -> None:
    entry = Entry("tiny", "0" * 16, 1, datetime(2026, 12, 1, tzinfo=UTC), "", {})
    found = (PostHoc(3, None), PostHoc(1, entry, judge_value(LOW, 6.2, margin=0.2)), PostHoc(1, entry))
    assert post_hoc(found, 5) == (
        "3 of its 5 runs began before the claim was frozen; 1 of its 5 runs began under an earlier form of the claim "
        "(2026-12-01), which gives: not reproduced; 1 of its 5 runs began under version 1 of the rules"
    )
    assert post_hoc((), 5) == ""


def test_the_difference_with_the_interval_that_decides() -> None:
    assert difference(judge_difference(LOW, HIGH, margin=0.3)) == "+1.55 [+1.39, +1.71] 95%"
    assert difference(judge_difference(LOW, LOST, margin=0.3)) == ""
    v = judge_order([arm("a", 8.0, 8.4, 8.8), arm("b", 7.0, 7.5, 8.0), arm("c", 6.0, 6.4, 6.8)], margin=0.3)
    assert v.ends is not None and difference(v.ends).endswith("] 98.3%") and not math.isnan(v.ends.estimate or 0)
