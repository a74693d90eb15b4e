"""Claims about a curve: the rule, how often it errs, and what it says of records."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray
from statsmodels.stats.weightstats import DescrStatsW

from repro import spec
from repro.claims.judge import Judged, judge
from repro.claims.rules import ArmErrors, Verdict, judge_curve, judge_value
from repro.claims.rules.curve import MeasuredPoint, WorstPoint
from repro.claims.rules.reasons import NoInterval, NoSpread, NotMeasured, SeedsNeeded, TooFewRuns
from repro.data import catalog
from repro.errors import UserError
from repro.numbers import NATS
from repro.records.results import Results
from repro.show.verdicts import difference, sentence
from repro.spec import epochs

Record = Callable[..., Path]
Edit = Callable[..., Path]
Floats = NDArray[np.float64]

DRAWS, AGREE, MARGIN, POINTS = 20_000, 100, 0.05, 4


def ours(*values: float, diverged: int = 0, name: str = "curve") -> ArmErrors:
    return ArmErrors(name, dict(enumerate(values)), diverged, unit=NATS)


def at(values: list[float], published: float, margin: float = MARGIN, name: str = "curve") -> MeasuredPoint:
    return MeasuredPoint(ours(*values, name=name), published, margin)


NEAR = at([0.94, 0.95, 0.96], 0.950629)
FAR = at([0.54, 0.55, 0.56], 0.75, name="far")
EDGE = at([0.14, 0.15, 0.16], 0.105, name="edge")  # 0.045 off: the interval reaches over the margin


# --- the rule --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "expected", "worst"),
    [
        ([NEAR, NEAR], ("reproduced", None), "curve"),
        ([NEAR, FAR], ("not reproduced", None), "far"),
        ([EDGE, FAR, NEAR], ("not reproduced", None), "far"),
        ([NEAR, EDGE], ("inconclusive", "consistent"), "edge"),
        ([NEAR, at([0.1, 0.3, 0.2], 0.28)], ("inconclusive", "leaning against"), "curve"),
    ],
)
def test_the_rule(points: list[MeasuredPoint], expected: tuple[str, str | None], worst: str) -> None:
    v = judge_curve(points)
    assert (v.outcome, v.lean) == expected and v.arms[0].name == worst


def test_each_point_is_tested_at_alpha_for_and_at_alpha_over_their_number_against() -> None:
    v = judge_curve([NEAR, FAR])
    assert isinstance(v.reason, WorstPoint) and v.interval and v.refuting and v.prediction
    assert (v.interval.level, v.refuting.level, v.prediction.level) == pytest.approx((0.9, 0.95, 0.975))
    assert v.deciding == v.refuting
    oracle = DescrStatsW(FAR.ours.values - FAR.published)
    assert (v.interval.low, v.interval.high) == pytest.approx(oracle.tconfint_mean(0.1))
    assert (v.refuting.low, v.refuting.high) == pytest.approx(oracle.tconfint_mean(0.05))
    near = DescrStatsW(NEAR.ours.values).ttost_mean(NEAR.published - MARGIN, NEAR.published + MARGIN)[0]
    assert judge_curve([NEAR]).p == pytest.approx(near)
    assert judge_curve([NEAR, EDGE]).p == judge_curve([EDGE]).p, "the largest"


def test_a_point_that_one_comparison_would_refute_is_not_enough_of_many() -> None:
    point = at([0.2, 0.21, 0.22], 0.28)  # -0.07, and outside ±0.05 at 90%
    alone, many = judge_curve([point]), judge_curve([point] + [NEAR] * 9)
    assert alone.outcome == "not reproduced" and alone.refuting is None
    assert (many.outcome, many.lean) == ("inconclusive", "leaning against")
    assert (
        ", the worst of 10 points: -0.0700 nats, 90% interval [-0.0869, -0.0531] outside ±0.0500, but not at the 99% "
        in (sentence(many))
    )


def test_a_published_value_within_reach_of_further_runs_refutes_nothing() -> None:
    v = judge_curve([at([0.20, 0.24, 0.28, 0.21, 0.26], 0.14, margin=0.02)])
    assert v.outcome == "inconclusive" and "but 0.1400 is inside the 95% prediction interval" in sentence(v)


def test_one_point_without_spread_blocks_a_verdict_but_not_a_refutation() -> None:
    flat = at([0.3, 0.3, 0.3], 0.3, name="flat")
    v = judge_curve([NEAR, flat])
    assert (v.outcome, v.reason, v.arms[0].name) == ("no verdict", NoSpread(), "flat")
    assert judge_curve([flat, FAR]).outcome == "not reproduced"


def test_diverged_runs_are_never_reproduced() -> None:
    v = judge_curve([MeasuredPoint(ours(0.94, 0.95, 0.96, diverged=1), 0.95, MARGIN)])
    assert (v.outcome, v.lean, v.reason) == ("inconclusive", "leaning against", NoInterval())
    assert sentence(v).endswith(
        "curve 0.9500 ± 0.0100 nats (n = 3, 1 of 4 runs diverged) against 0.95 nats published: "
        "runs diverged, so there is no interval."
    )


def test_one_run_gives_no_verdict() -> None:
    assert judge_curve([at([0.95], 0.95)]).reason == TooFewRuns("curve", 1)


def test_the_sentence_names_the_worst_point() -> None:
    assert sentence(judge_curve([NEAR, FAR])) == (
        "Not reproduced: far 0.5500 ± 0.0100 nats (n = 3) against 0.75 nats published, the worst of 2 points: "
        "-0.2000 nats, 95% interval [-0.2248, -0.1752] outside ±0.0500, and 0.7500 is outside the 97.5% "
        "prediction interval of a further run, 0.4783 to 0.6217 nats."
    )
    edge = judge_curve([NEAR, EDGE])
    assert [(note.have, note.effect) for note in edge.notes if isinstance(note, SeedsNeeded)] == [(3, MARGIN)]
    assert "to show a true match within ±0.0500 at this point." in sentence(edge)
    assert difference(edge) == "+0.0450 [+0.0281, +0.0619] nats 90%"


# --- how often it errs -----------------------------------------------------------------------------------------------


def curves(seed: int, offsets: list[float], sd: float, n: int) -> Floats:
    """(DRAWS, POINTS, n) differences from the published values; the points of a run are correlated by 0.5."""
    random = np.random.default_rng(seed)
    shared, own = random.normal(size=(DRAWS, 1, n)), random.normal(size=(DRAWS, POINTS, n))
    found: Floats = np.array(offsets)[:, None] + sd * (shared + own) / math.sqrt(2)
    return found


def rates(draws: Floats) -> tuple[float, float]:
    """Rates of reproduced and not reproduced, by the rule written again; the first draws agree with the judge."""
    n = draws.shape[2]
    mean, sd = draws.mean(2), draws.std(2, ddof=1)

    def half(level: float) -> Floats:
        found: Floats = scipy.stats.t.ppf(1 - level, n - 1) * sd / math.sqrt(n)
        return found

    yes = (np.abs(mean) + half(0.05) < MARGIN).all(1)
    reach = scipy.stats.t.ppf(1 - 0.025 / POINTS, n - 1) * sd * math.sqrt(1 + 1 / n)
    far, se = np.abs(mean), sd / math.sqrt(n)
    both = sum(scipy.stats.t.sf((far + side * MARGIN) / se, n - 1) for side in (1, -1))
    no = ((both <= 0.05 / POINTS) & (far > reach)).any(1)
    names = np.where(yes, "reproduced", np.where(no, "not reproduced", "inconclusive"))
    found = [judge_curve([at([7 + x for x in row], 7.0) for row in draw]).outcome for draw in draws[:AGREE]]
    assert found == names[:AGREE].tolist()
    return float(yes.mean()), float(no.mean())


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("sd", [0.01, 0.03, 0.5])
def test_a_curve_errs_at_most_5_in_100(n: int, sd: float) -> None:
    most = 0.05 + 4 * math.sqrt(0.05 * 0.95 / DRAWS)
    off_at_one, _ = rates(curves(1, [0.0, MARGIN, 0.0, 0.0], sd, n))
    assert off_at_one <= most, "reproduced, with the truth at the margin of one point"
    _, at_the_margin = rates(curves(2, [MARGIN] * POINTS, sd, n))
    assert at_the_margin <= most, "not reproduced, with the truth within the margin of each"
    if sd == 0.01:
        assert at_the_margin > 0.025, "the level is used"
    if sd == 0.01 and n > 2:
        assert off_at_one > 0.04, "the level is used"


def test_the_rule_does_decide_where_five_seeds_can_tell() -> None:
    assert rates(curves(3, [0.0] * POINTS, 0.01, 5))[0] > 0.99
    assert rates(curves(4, [0.0, 0.0, 0.2, 0.0], 0.01, 5))[1] > 0.99


# --- on records ------------------------------------------------------------------------------------------------------

CURVE = """
[[claim]]
id = "curve"
kind = "curve"
arms = ["original"]
metric = "train_loss"
points = [{ iteration = 3, published = 2.1 }, { iteration = 12, published = 0.5 }]
margin_relative = 0.1
why_margin = "w"
says = "the curve passes through two points"
origin = "own"
"""
EVERY_3 = {"evaluate_every = 6": "evaluate_every = 3"}
IN_EPOCHS = CURVE.replace("iteration = 12", "epoch = 3").replace("iteration = 3", "epoch = 1")


def judged(root: Path) -> Judged:
    return {each.claim.id: each for each in judge(Results.load(root, "tiny"))}["curve"]


@pytest.fixture
def trained(record: Record, small_root: Path) -> Callable[..., None]:
    """trained([2.1, 0.5], ...): a run per list of training losses, at evenly spread evaluations."""

    def write(*losses: list[float], **changes: Any) -> None:
        for seed, curve in enumerate(losses):
            metrics = {"train_loss": curve, "train_accuracy": [90.0 + seed / 10] * len(curve)}
            record("original", seed, errors=[50.0] * len(curve), metrics=metrics, **changes)

    return write


def test_a_curve_is_read_from_the_records(trained: Callable[..., None], small_root: Path, edit: Edit) -> None:
    edit(EVERY_3, more=CURVE)
    trained([2.1, 1.5, 0.9, 0.50], [2.12, 1.5, 0.9, 0.51], [2.09, 1.5, 0.9, 0.505])
    found = judged(small_root)
    assert found.claim.statement(["Original"], [None]) == (
        "the training loss of Original is within 10 % of the published value at each of 2 points from iteration 3 to 12"
    )
    assert sentence(found.verdict) == (
        "Reproduced: training loss of Original at iteration 12 0.5050 ± 0.0050 nats (n = 3) against 0.5 nats "
        "published, the worst of 2 points: +0.0050 nats, 90% interval [-0.0034, +0.0134] inside ±0.0500, "
        "equivalence p = 0.002."
    )
    assert found.verdict.p == pytest.approx(DescrStatsW([0.5, 0.51, 0.505]).ttost_mean(0.45, 0.55)[0]), (
        "of the worst point"
    )


def test_epochs_are_those_of_the_recipe(trained: Callable[..., None], small_root: Path, edit: Edit) -> None:
    """360 images to a batch and the 1437 digits make 4 iterations to an epoch."""
    edit({"batch_size = 16": "batch_size = 360", "evaluate_every = 6": "evaluate_every = 4"}, more=IN_EPOCHS)
    trained([2.1, 1.5, 0.50], [2.12, 1.5, 0.51])
    assert judged(small_root).verdict.outcome == "reproduced"


def test_a_record_without_the_evaluation_gives_no_verdict(
    trained: Callable[..., None], small_root: Path, edit: Edit
) -> None:
    edit(EVERY_3 | {"batch_size = 16": "batch_size = 480"}, more=IN_EPOCHS)
    trained([2.1, 0.50], [2.12, 0.51])  # evaluated after 6 and 12 iterations
    verdict = judged(small_root).verdict
    assert isinstance(verdict.reason, NotMeasured)
    assert sentence(verdict) == ("No verdict: some records have no training loss of Original at epoch 1 (iteration 3).")


@pytest.mark.parametrize(
    ("metric", "published", "unit"),
    [("train_error", 9.9, "% (n = 3) against 9.9 % published"), ("test_error", 50.0, "")],
)
def test_errors_are_in_percent_and_points(
    trained: Callable[..., None], small_root: Path, edit: Edit, metric: str, published: float, unit: str
) -> None:
    points = f"points = [{{ iteration = 12, published = {published} }}]"
    claim = CURVE.replace('"train_loss"', f'"{metric}"').replace("margin_relative = 0.1", "margin = 0.5")
    start, end = claim.index("points"), claim.index("margin")
    edit({}, more=f"{claim[:start]}{points}\n{claim[end:]}")
    trained([1.0], [1.0], [1.0])
    found = judged(small_root)
    if metric == "test_error":
        assert isinstance(found.verdict.reason, NoSpread)
    else:
        assert unit in sentence(found.verdict) and "+0.00 points, 90% interval [-0.17, +0.17]" in sentence(
            found.verdict
        )
    assert found.claim.tolerance == "0.5 points: w"


def test_it_is_frozen_and_restored(trained: Callable[..., None], small_root: Path, edit: Edit) -> None:
    experiment = spec.parse(edit(EVERY_3, more=CURVE))
    claim = experiment.claims[-1]
    fields = spec.freeze.frozen_fields(experiment, claim)
    assert fields["points"] == [{"iteration": 3, "published": 2.1}, {"iteration": 12, "published": 0.5}]
    spec.freeze.freeze(small_root, [])
    assert spec.freeze.Registry(small_root).difference(experiment) == ""
    old, _ = spec.freeze.restore(experiment, claim, fields | {"margin_relative": 0.2})
    assert old == claim.model_copy(update={"margin_relative": 0.2})


WRONG = {
    "both margins": ({"why_margin": "margin = 0.1\nwhy_margin"}, "takes either margin"),
    "no margin": ({"margin_relative = 0.1\n": ""}, "takes either margin"),
    "epoch and iteration": ({"iteration = 12": "epoch = 2, iteration = 12"}, "a point takes either epoch or iteration"),
    "two units": ({"iteration = 12": "epoch = 2"}, "points must all be at epochs or all at iterations"),
    "order": ({"iteration = 12": "iteration = 3"}, "points must be in strictly increasing order, not at [3, 3]"),
    "relative to zero": ({"published = 0.5": "published = 0.0"}, "margin_relative needs published points above 0"),
    "metric": ({'"train_loss"': '"final"'}, "kind 'curve' takes train_loss, train_error, test_error"),
    "no metric": ({'metric = "train_loss"\n': ""}, "'metric' is missing"),
    "no evaluation": ({"iteration = 3": "iteration = 4"}, "not evaluated at iteration 4: evaluate_every must divide"),
    "beyond the end": ({"iteration = 12": "iteration = 15"}, "divide iteration 15, and the schedule ends at 12"),
    "key": ({"published = 0.5": "publishd = 0.5"}, "'points.1.publishd'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_spec_may_not_say(small_root: Path, edit: Edit, case: str) -> None:
    changes, message = WRONG[case]
    text = CURVE
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    edit(EVERY_3, more=text)
    with pytest.raises(UserError) as caught:
        spec.load("tiny", small_root)
    assert "claim" in str(caught.value) and "'curve'" in str(caught.value) and message in str(caught.value)


def test_a_verdict_of_one_point_is_that_of_a_value() -> None:
    for published in (0.93, 0.97, 1.0, 1.1):
        one: Verdict = judge_curve([at([0.94, 0.95, 0.96], published)])
        value = judge_value(ours(0.94, 0.95, 0.96), published, margin=MARGIN)
        assert (one.outcome, one.lean, one.interval, one.prediction, one.p, one.seeds_needed) == (
            value.outcome, value.lean, value.interval, value.prediction, value.p, value.seeds_needed
        )  # fmt: skip


def test_epochs_of_a_folder_that_is_not_there_are_not_judged(
    trained: Callable[..., None], small_root: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit({"batch_size = 16": "batch_size = 480"} | EVERY_3, more=IN_EPOCHS)
    trained([2.1, 1.5, 0.9, 0.50], [2.12, 1.5, 0.9, 0.51])

    def absent(*_: object) -> int:
        raise catalog.Absent("away")

    monkeypatch.setattr(epochs, "train_images", absent)
    assert sentence(judged(small_root).verdict) == (
        "No verdict: some records have no training loss of Original at epoch 1."
    )
