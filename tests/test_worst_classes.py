"""Claims about an arm's worst classes: the rule, how often it errs, and what it says of records."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from repro import records, spec
from repro.claims.judge import Judged, judge
from repro.claims.rules import ArmErrors, Verdict, judge_worst_classes
from repro.claims.rules.reasons import NoInterval, NotMeasured, TooFewRuns
from repro.errors import UserError
from repro.records.results import Results
from repro.show.verdicts import difference, sentence

Record = Callable[..., Path]
Edit = Callable[..., Path]

CLASSES = ("cat", "dog", "bird", "ship")
CLAIM = """
[[claim]]
id = "worst"
kind = "worst-classes"
arms = ["original"]
classes = ["8", "9"]
says = "eights and nines are the hardest"
origin = "own"
"""


def verdict(errors: list[list[float]], named: tuple[str, ...] = ("cat", "dog"), diverged: int = 0) -> Verdict:
    """`errors`: per seed, those of CLASSES."""
    by_class = {name: dict(enumerate(column)) for name, column in zip(CLASSES, zip(*errors, strict=True), strict=True)}
    ours = ArmErrors("net", {seed: sum(row) / len(row) for seed, row in enumerate(errors)}, diverged)
    return judge_worst_classes(ours, by_class, named)


ERRORS = [[12.0, 10.0, 8.0, 3.0], [13.0, 9.5, 8.5, 2.0], [12.5, 10.5, 7.5, 2.5]]  # gaps of 2, 1 and 3


def test_the_gap_is_taken_per_seed() -> None:
    v = verdict(ERRORS)
    low = scipy.stats.ttest_1samp([2.0, 1.0, 3.0], 0, alternative="greater")
    assert v.outcome == "reproduced" and v.p == pytest.approx(low.pvalue) and v.interval is not None
    assert (v.interval.low, v.interval.high) == pytest.approx(
        scipy.stats.ttest_1samp([2.0, 1.0, 3.0], 0).confidence_interval(0.9)
    )
    assert v.arms[0].values.tolist() == [2.0, 1.0, 3.0]
    assert sentence(v) == (
        "Reproduced: net 12.50 % on cat and 10.00 % on dog against 8.00 % on bird, the worst other class (n = 3); "
        "per seed, lowest of the named - highest other +2.00 points, "
        "90% interval [+0.31, +3.69] above zero, p = 0.037."
    )
    assert difference(v) == "+2.00 [+0.31, +3.69] 90%"


def test_the_other_outcomes() -> None:
    against = verdict(ERRORS, ("cat", "ship"))
    assert against.outcome == "not reproduced" and sentence(against).endswith(" below zero.")
    changing = verdict([[12.0, 10.0, 8.0, 3.0], [12.0, 8.0, 10.0, 3.0], [12.0, 9.5, 9.0, 3.0]])
    assert (changing.outcome, changing.lean) == ("inconclusive", "consistent")
    assert sentence(changing).endswith(" including zero.")
    lost = verdict(ERRORS, diverged=1)
    assert (lost.outcome, lost.lean, lost.reason) == ("inconclusive", "leaning against", NoInterval())
    assert sentence(lost) == (
        "Inconclusive, leaning against: net, lowest of cat and dog - highest other class 2.00 ± 1.00 points "
        "(n = 3, 1 of 4 runs diverged): runs diverged, so there is no interval."
    )
    assert isinstance(verdict(ERRORS[:1]).reason, TooFewRuns)
    assert verdict(ERRORS, ("cat", "frog")).reason == NotMeasured("class 'frog'")


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 5])
def test_it_errs_in_5_of_100_where_the_mean_gap_is_zero(n: int) -> None:
    """Two named and two other classes whose true errors differ by just so much that the mean gap is zero."""
    draws, random = 4000, np.random.default_rng(30)
    noise = random.normal(0, 1, (draws, n, 4))
    shift = random.normal(0, 1, (10**6, 4))
    offset = -float((shift[:, :2].min(1) - shift[:, 2:].max(1)).mean())
    errors = 20 + noise + np.array([offset, offset, 0, 0])
    found = [verdict(each.tolist()).outcome for each in errors]
    most = 0.05 + 4 * math.sqrt(0.05 * 0.95 / draws)
    for outcome in ("reproduced", "not reproduced"):
        assert 0.03 < found.count(outcome) / draws <= most


# --- on records ------------------------------------------------------------------------------------------------------


@pytest.fixture
def judged(record: Record, small_root: Path, edit: Edit) -> Judged:
    """36 images of each digit, of which twice as many as it says are wrong, and two more per seed of 8 and 9."""
    edit({}, more=CLAIM)
    for seed in range(3):
        label = np.repeat(np.arange(10, dtype=np.uint8), 36)
        top1 = label.copy()
        for digit in range(10):
            wrong = 2 * (digit + (seed if digit >= 8 else 0))
            top1[36 * digit : 36 * digit + wrong] = (digit + 1) % 10
        error = 100 * float((top1 != label).mean())
        records.write_predictions(record("original", seed, errors=[50.0, error]), top1, label)
    return {each.claim.id: each for each in judge(Results.load(small_root, "tiny"))}["worst"]


def test_classes_are_read_from_the_predictions(judged: Judged) -> None:
    assert judged.verdict.arms[0].values.tolist() == pytest.approx([100 / 18, 100 / 9, 100 / 6])
    assert ": Original 55.56 % on 9 and 50.00 % on 8 against 38.89 % on 7, the worst" in sentence(judged.verdict)
    assert judged.claim.statement(["Original"], [None]) == (
        "the test error of Original on the best of 8 and 9 is above that on every other class, in the mean over seeds"
    )


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ('["8", "ten"]', "claim 'worst': class 'ten' is not one of digits; its classes are: 0, 1, 2"),
        ('["8", "8"]', "lists a class twice"),
        ("[]", "classes = [] is not allowed"),
        (str([str(digit) for digit in range(10)]).replace("'", '"'), "classes names every class"),
    ],
)
def test_what_a_spec_may_not_say(small_root: Path, edit: Edit, classes: str, message: str) -> None:
    edit({}, more=CLAIM.replace('["8", "9"]', classes))
    with pytest.raises(UserError) as caught:
        spec.load("tiny", small_root)
    assert message in str(caught.value)
