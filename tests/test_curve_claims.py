"""The figure of curve claims: our curve and the published points with their margins, at full scale only."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from helpers import TINY

from repro.records.results import Results
from repro.show import plots
from repro.spec import DEMO, FULL

CLAIM = """
[[claim]]
id = "loss"
kind = "curve"
arms = ["original"]
metric = "train_loss"
points = [{ iteration = 6, published = 2.5 }, { iteration = 12, published = 0.2 }]
margin_relative = 0.5
why_margin = "half of each"
says = "the loss falls"
origin = "own"
"""


@pytest.fixture
def trained(small_root: Path, cli: Callable[..., Result]) -> Path:
    (small_root / "experiments" / "tiny.toml").write_text(TINY + CLAIM)
    for scale in ((), ("--demo",)):
        done = cli("run", "tiny", "--arm", "original", "--seeds", "2", "--device", "cpu", "--wandb", "off", *scale)
        assert done.exit_code == 0, done.output
    return small_root


def test_it_draws_our_mean_and_the_published_points(trained: Path) -> None:
    results = Results.load(trained, "tiny", FULL)
    figure = plots.figure(results, "curve-claims")
    assert figure
    (axes,) = figure.axes
    lines = {line.get_gid(): line for line in axes.lines}
    at, mean = lines["ours:loss"].get_data()
    metrics = [results.metrics(run).set_index("iteration").train_loss for run in results.done()]
    assert list(at) == [6, 12] and list(mean) == pytest.approx(list((metrics[0] + metrics[1]) / 2))
    assert (axes.get_yscale(), axes.get_xlabel(), axes.get_ylabel()) == ("log", "iteration", "training loss (nats)")
    (bars,) = [bar for container in axes.containers for bar in container.lines[2]]
    ends = [sorted(y for _, y in segment) for segment in bars.get_segments()]
    assert ends == [pytest.approx([1.25, 3.75]), pytest.approx([0.1, 0.3])], "the margin of each point"


def test_without_a_completed_run_or_at_another_scale_there_is_none(trained: Path) -> None:
    assert plots.figure(Results.load(trained, "tiny", DEMO), "curve-claims") is None
    assert plots.figure(Results.load(trained, "tiny", FULL), "curve-claims", arms=["bn-after-add"]) is None
