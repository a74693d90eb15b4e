"""The figure of all verdicts: each row has the interval that decided it, and where the claim is true."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import REPO

from repro import spec
from repro.claims.judge import Judged, judge
from repro.records.results import Results, load_all
from repro.show.plots.verdicts import verdicts
from repro.show.verdicts import deciding_step

Rows = list[tuple[spec.Experiment, Judged]]
Record = Callable[..., Path]


def decided(results: Results) -> Rows:
    return [(results.experiment, judged) for judged in judge(results) if judged.verdict.outcome != "no verdict"]


@pytest.fixture(scope="module")
def committed() -> Rows:
    return [row for results in load_all(REPO, spec.names(REPO), [spec.FULL]) for row in decided(results.clean())]


def test_the_region_agrees_with_the_verdicts_that_are_committed(
    committed: Rows,
) -> None:
    """Reproduced: the estimate is where the claim is true. Refuted: it is not, or it is too small to matter."""
    assert {judged.verdict.outcome for _, judged in committed} >= {"reproduced", "not reproduced"}
    for experiment, judged in committed:
        step = deciding_step(judged.verdict)
        low, high = judged.claim.region(step)
        assert step.estimate is not None
        inside = low <= step.estimate <= high
        if judged.verdict.outcome == "reproduced":
            assert inside, (experiment.name, judged.claim.id)
        if judged.verdict.outcome == "not reproduced":
            assert not inside or step.estimate < (step.margin or 0), (experiment.name, judged.claim.id)


def test_each_row_has_its_claims_interval_and_estimate(committed: Rows) -> None:
    figure = verdicts(committed)
    assert len(figure.axes) == len(committed)
    for axes, (_, judged) in zip(figure.axes, committed, strict=True):
        step = deciding_step(judged.verdict)
        (estimate,) = [line for line in axes.lines if line.get_gid() == f"estimate:{judged.claim.id}"]
        (interval,) = [line for line in axes.lines if line.get_gid() == f"interval:{judged.claim.id}"]
        assert step.deciding and list(estimate.get_xdata()) == [step.estimate]
        assert list(interval.get_xdata()) == [step.deciding.low, step.deciding.high]
        low, high = axes.get_xlim()
        assert low < step.deciding.low and step.deciding.high < high and low < 0 < high


def test_a_difference_has_a_band_that_is_too_small_to_matter(small_root: Path, record: Record) -> None:
    for seed in range(3):
        record("original", seed, errors=[50.0 + seed / 10])
        record("bn-after-add", seed, errors=[60.0 + seed / 10])
    rows = decided(Results.load(small_root, "tiny"))
    margin = deciding_step(rows[0][1].verdict).margin
    figure = verdicts(rows)
    widths = [patch.get_width() for patch in figure.axes[0].patches]  # type: ignore[attr-defined]
    assert margin and pytest.approx(margin) in widths
    legend = figure.axes[0].get_legend()
    assert legend and "too small to matter" in [text.get_text() for text in legend.get_texts()]


def test_no_two_claims_share_an_axis_and_long_words_are_wrapped(
    committed: Rows,
) -> None:
    figure = verdicts(committed)
    figure.draw_without_rendering()
    for axes in figure.axes:
        (label,) = axes.get_yticklabels()
        assert label.get_window_extent().x0 >= 0, label.get_text()
