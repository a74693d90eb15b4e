"""Claims on records: verdicts in the table, arms compared, errors by class, learning curves, `table --check`."""

import csv
import io
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from rich.table import Table
from rich.text import Text
from scipy import stats as scipy_stats

from repro import records, spec
from repro.claims import evidence, judge, stats
from repro.claims.rules.reasons import ByDivergedRuns
from repro.errors import UserError
from repro.records.results import Results
from repro.show import tables
from repro.show.tables import formats, sheets
from repro.show.verdicts import sentence

Cli = Callable[..., Result]
Record = Callable[..., Path]
Edit = Callable[..., Path]

GOOD, WORSE = [8.0, 8.2, 8.1], [9.9, 10.1, 10.3]


def verdicts(root: Path) -> dict[str, judge.Judged]:
    found = judge.judge(Results.load(root, "tiny"))
    return {judged.claim.id: judged for judged in found}


@pytest.fixture
def two_arms(record: Record) -> None:
    for seed, (good, worse) in enumerate(zip(GOOD, WORSE, strict=True)):
        record("original", seed, errors=[50.0, good])
        record("bn-after-add", seed, errors=[60.0, worse])


VALUE = """
[[claim]]
id = "original-value"
kind = "value"
arms = ["original"]
margin = 0.5
why_margin = "less would not matter"
says = "the original reaches 40 %"
origin = "own"
"""


def test_a_claimed_difference_is_judged_on_the_runs_that_count(
    two_arms: None, record: Record, small_root: Path
) -> None:
    record("bn-after-add", 3, errors=[1.0], fingerprint="0" * 16)  # stale: would overturn the claim
    verdict = verdicts(small_root)["bn-after-add-is-worse"].verdict
    assert verdict.outcome == "reproduced" and verdict.runs == (3, 3)
    assert verdict.estimate == pytest.approx(np.mean(WORSE) - np.mean(GOOD))
    welch = scipy_stats.ttest_ind(WORSE, GOOD, equal_var=False)
    low, high = welch.confidence_interval(0.95)
    assert verdict.interval is not None
    assert (verdict.interval.low, verdict.interval.high) == pytest.approx((low, high))
    assert verdict.p == pytest.approx(welch.pvalue)


def test_a_claimed_size_is_held_against_as_many_runs_as_it_was_published_from(
    two_arms: None, small_root: Path, edit: Edit
) -> None:
    """A median of nine is as sure as a mean of five; the fewer of both arms, one where it is not said."""
    edit({"margin = 0.3": "margin = 0.3\nsize = 2.0"})
    assert reach(small_root) == reach_of(1)
    edit({'where = "Table 1"': 'where = "Table 1", runs = 9, statistic = "median"'})
    assert reach(small_root) == reach_of(1)  # the other arm has no published number
    other = 'published = { test_error = 42.0, reference = "nobody", where = "Table 1", runs = 7 }'
    edit({'label = "BN after addition"': f'label = "BN after addition"\n{other}'})
    assert reach(small_root) == reach_of(5)
    edit({"runs = 7": "runs = 3"})
    assert reach(small_root) == reach_of(3)


def reach(root: Path) -> Any:
    prediction = verdicts(root)["bn-after-add-is-worse"].verdict.prediction
    assert prediction is not None
    return pytest.approx((prediction.low, prediction.high))


def reach_of(runs: int) -> tuple[float, float]:
    interval = stats.welch_prediction_interval(stats.summarize(GOOD), stats.summarize(WORSE), 0.95, runs)
    return interval.low, interval.high


def test_holm_counts_the_primary_claims_alone(two_arms: None, small_root: Path, edit: Edit) -> None:
    edit({}, more=VALUE)
    first, second = (judged.verdict for judged in verdicts(small_root).values())
    assert first.p_adjusted == first.p_looks == first.p and second.p_adjusted is None
    edit({'says = "the original reaches': 'primary = true\nsays = "the original reaches'})
    both = [judged.verdict for judged in verdicts(small_root).values()]
    smaller = min(v.p for v in both if v.p is not None)
    assert min(v.p_adjusted for v in both if v.p_adjusted is not None) == pytest.approx(2 * smaller)


def test_a_value_is_held_against_the_published_number(two_arms: None, small_root: Path, edit: Edit) -> None:
    edit({}, more=VALUE)
    assert verdicts(small_root)["original-value"].verdict.outcome == "not reproduced"  # 8.1 against 40
    edit({"test_error = 40.0": "test_error = 8.1"})
    assert verdicts(small_root)["original-value"].verdict.outcome == "reproduced"


def test_another_protocol_is_said_beside_the_verdict(two_arms: None, small_root: Path, edit: Edit, cli: Cli) -> None:
    assert "different protocol" not in cli("table", "tiny").stdout
    edit({'where = "Table 1" }': 'where = "Table 1", selection = "best-test" }'})
    assert verdicts(small_root)["bn-after-add-is-worse"].verdict.different_protocol
    assert "Different protocol" in cli("table", "tiny").stdout


@pytest.mark.parametrize("scale", ["1/2", "demo"])
def test_away_from_full_scale_no_claim_is_judged(record: Record, small_root: Path, scale: str) -> None:
    for seed, (good, worse) in enumerate(zip(GOOD, WORSE, strict=True)):
        record("original", seed, errors=[good], scale=scale)
        record("bn-after-add", seed, errors=[worse], scale=scale)
    summary = tables.summarise(Results.load(small_root, "tiny", spec.Scale.parse(scale)))
    assert summary.claims == summary.judged == []
    assert [row.n for row in summary.rows] == [3, 3]


def test_runs_of_different_precision_are_never_pooled(record: Record, small_root: Path, cli: Cli) -> None:
    """A claim's arms are compared in one precision: the one in which the arm with fewest seeds has most."""
    for seed, (good, worse) in enumerate(zip(GOOD, WORSE, strict=True)):
        record("original", seed, errors=[good])
        record("bn-after-add", seed, errors=[worse])
    for seed in (3, 4, 5, 6):
        record("original", seed, errors=[99.0 + seed / 10], session={"precision": "bf16"})
    record("bn-after-add", 3, errors=[1.0], session={"precision": "bf16"})
    judged = verdicts(small_root)["bn-after-add-is-worse"]
    assert judged.verdict.runs == (3, 3) and set(judged.runs.precision) == {"fp32"}
    assert judged.verdict.estimate == pytest.approx(np.mean(WORSE) - np.mean(GOOD))
    rows = {row.arm: row for row in tables.summarise(Results.load(small_root, "tiny")).rows}
    assert rows["original"].n == 4, "an arm's own row rests on the precision with most seeds"
    printed = " ".join(cli("table", "tiny").stdout.split())
    assert "Original: 3 further runs in fp32, not pooled: 8.10 ± 0.10 (n = 3)" in printed


def test_arms_that_fix_their_precision_are_compared_across_it(record: Record, small_root: Path, edit: Edit) -> None:
    edit(
        {
            'label = "Original"': 'label = "Original"\nprecision = "bf16"',
            'label = "BN': 'precision = "fp32"\nlabel = "BN',
        }
    )
    for seed, (good, worse) in enumerate(zip(GOOD, WORSE, strict=True)):
        record("original", seed, errors=[good], session={"precision": "bf16"})
        record("bn-after-add", seed, errors=[worse])
    assert verdicts(small_root)["bn-after-add-is-worse"].verdict.runs == (3, 3)


def test_a_claim_about_training_error(record: Record, small_root: Path, edit: Edit) -> None:
    edit({"primary = true": 'metric = "train_error"'})
    for seed, (good, worse) in enumerate(zip(GOOD, WORSE, strict=True)):
        for arm, test_error, train_error in (("original", worse, good), ("bn-after-add", good, worse)):
            record(arm, seed, errors=[test_error], metrics={"train_accuracy": [100 - train_error]})
    verdict = verdicts(small_root)["bn-after-add-is-worse"].verdict
    assert verdict.outcome == "reproduced" and "Original in training 8.10" in sentence(verdict)


def test_a_bound(two_arms: None, record: Record, small_root: Path, edit: Edit) -> None:
    bound = '[[claim]]\nid = "b"\nkind = "bound"\narms = ["original"]\nabove = 7.0\nsays = "s"\norigin = "own"\n'
    path = edit({}, more=bound)
    found = verdicts(small_root)["b"].verdict
    assert found.outcome == "reproduced"
    assert found.p == pytest.approx(scipy_stats.ttest_1samp(GOOD, 7.0, alternative="greater").pvalue)
    path.write_text(path.read_text().replace("above = 7.0", "above = 8.09"))
    assert verdicts(small_root)["b"].verdict.outcome == "inconclusive"
    path.write_text(path.read_text().replace("above = 8.09", "above = 9.0"))
    assert verdicts(small_root)["b"].verdict.outcome == "not reproduced"
    record("original", 3, errors=[90.0], status="diverged")
    assert verdicts(small_root)["b"].verdict.outcome == "inconclusive", "a diverged run has no error to average"


def test_missing_and_diverged_runs_are_in_the_verdict(record: Record, small_root: Path) -> None:
    for seed, good in enumerate(GOOD):
        record("original", seed, errors=[good])
    for seed in (0, 1):
        record("bn-after-add", seed, errors=[90.0], status="diverged")
    judged = verdicts(small_root)["bn-after-add-is-worse"]
    assert judged.verdict.runs == (2, 2) and "2 of 2 runs diverged" in sentence(judged.verdict)
    assert judged.overall is not None and judged.overall.runs == (3, 2)
    assert judged.verdict.outcome != "reproduced"


@pytest.mark.parametrize(
    ("dataset", "chance"),
    [("cifar10", 90.0), ("digits", 90.0), ("folder:two", 50.0), ("folder:three", 100 * 2 / 3), ("folder:away", 50.0)],
)
def test_chance_is_that_of_the_data_sets_classes(
    dataset: str, chance: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRO_DATA_DIR", str(tmp_path))
    for name, classes in (("two", "ab"), ("three", "abc")):
        for part in ("train", "test"):
            for title in classes:
                (tmp_path / name / part / title).mkdir(parents=True)
                (tmp_path / name / part / title / "image.png").write_bytes(b"")
    assert evidence.chance_error(dataset) == pytest.approx(chance)


def test_diverged_runs_of_a_value_count_as_chance_on_their_data_set(
    record: Record, small_root: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit({"test_error = 40.0": "test_error = 8.0"}, more=VALUE)
    for seed, status in enumerate(("done", "diverged", "diverged")):
        record("original", seed, errors=[8.0 if status == "done" else 90.0], status=status)
    for chance, outcome in ((90.0, "not reproduced"), (50.0, "inconclusive")):
        if chance == 50.0:
            monkeypatch.setattr(evidence, "chance_error", lambda _: 50.0)
        verdict = verdicts(small_root)["original-value"].verdict
        assert isinstance(verdict.reason, ByDivergedRuns) and verdict.reason.counted_as == pytest.approx(chance)
        assert verdict.outcome == outcome


def test_the_check_exits_with_3_when_a_claim_is_not_reproduced(two_arms: None, cli: Cli, edit: Edit) -> None:
    assert cli("table", "tiny", "--check").exit_code == 0
    edit({'arms = ["original", "bn-after-add"]': 'arms = ["bn-after-add", "original"]'})  # the other way round
    result = cli("table", "tiny", "--check")
    assert result.exit_code == 3 and "tiny/bn-after-add-is-worse" in result.stderr


def test_no_verdict_is_no_failure_of_the_check(record: Record, cli: Cli) -> None:
    record("original", 0, errors=[9.0])
    result = cli("table", "tiny", "--check")
    assert result.exit_code == 0 and "no verdict yet on bn-after-add-is-worse" in " ".join(result.stdout.split())


def test_latex_and_html_hold_the_same_cells(two_arms: None, cli: Cli) -> None:
    latex = cli("table", "tiny", "--format", "latex").stdout
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    body = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert any(line.startswith(r"Original & 40.00 & 8.10 $\pm$ 0.10 (n = 3)") for line in body)
    assert all(line.count("&") == body[0].count("&") for line in body[:3])

    class Cells(HTMLParser):
        found: list[str] = []
        depth = 0

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.depth += tag in ("td", "th")

        def handle_endtag(self, tag: str) -> None:
            self.depth -= tag in ("td", "th")

        def handle_data(self, data: str) -> None:
            if self.depth:
                self.found.append(data)

    parser = Cells()
    parser.feed(cli("table", "tiny", "--format", "html").stdout)
    assert "8.10 ± 0.10 (n = 3)" in parser.found and parser.depth == 0


def test_latex_escapes_every_special_character(two_arms: None, edit: Edit, cli: Cli) -> None:
    edit({'label = "Original"': "label = '" + r"a\b {c} x^2 ~d & 5% $e #f g_h <i>" + "'"})
    escaped = r"a\textbackslash{}b \{c\} x\textasciicircum{}2 \textasciitilde{}d \& 5\% \$e \#f g\_h $<$i$>$ & 40.00 & "
    assert any(line.startswith(escaped) for line in cli("table", "tiny", "--format", "latex").stdout.splitlines())


def test_only_a_verdict_has_a_colour(two_arms: None, small_root: Path, edit: Edit) -> None:
    """An arm that is called like one has none."""
    edit({'label = "BN after addition"': 'label = "inconclusive"'})
    parts = formats.parts(sheets.arms(Results.load(small_root, "tiny")), 100)
    columns = [column for part in parts if isinstance(part, Table) for column in part.columns]
    cells = [cell for column in columns for cell in column.cells if isinstance(cell, Text)]
    assert "inconclusive" in [cell.plain for cell in cells]
    assert [(cell.plain, cell.style) for cell in cells if cell.style] == [("reproduced (post hoc)", "green")]


def test_csv_and_json_carry_the_claims_unrounded(two_arms: None, cli: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("table", "tiny", "--format", "csv").stdout)))
    assert [row["row"] for row in rows] == ["arm", "arm", "claim"]
    assert float(rows[2]["estimate"]) == pytest.approx(2.0)
    claims = json.loads(cli("table", "tiny", "--format", "json").stdout)[0]["sheets"]["claims"]
    assert claims[0]["verdict"] == "reproduced" and claims[0]["hedges_g"] > 0


def predict(folder: Path, wrong: dict[int, int]) -> None:
    """36 images of each of ten classes; `wrong` of a class are taken for the next class."""
    label = np.repeat(np.arange(10), 36)
    top1 = label.copy()
    for index, count in wrong.items():
        top1[36 * index : 36 * index + count] = (index + 1) % 10
    records.write_predictions(folder, top1, label)


def test_errors_by_class(record: Record, cli: Cli) -> None:
    predict(record("original", 0, errors=[5.0]), {0: 9, 7: 9})
    predict(record("original", 1, errors=[7.5]), {0: 18, 7: 9})
    predict(record("original", 2, errors=[100.0], status="diverged"), {index: 36 for index in range(10)})  # in no mean
    lines = [line.split() for line in cli("table", "tiny", "--per-class").stdout.splitlines()]
    assert ["0", "37.50", "±", "17.68"] in lines  # 25 and 50 %
    assert ["7", "25.00", "±", "0.00"] in lines and ["9", "0.00", "±", "0.00"] in lines


def test_learning_curves(record: Record, cli: Cli) -> None:
    record("original", 0, errors=[50.0, 10.0])
    record("original", 1, errors=[40.0, 12.0])
    lines = [line.split() for line in cli("table", "tiny", "--curves").stdout.splitlines()]
    assert ["6", "45.00", "±", "7.07"] in lines and ["12", "11.00", "±", "1.41"] in lines


def test_compare_any_two_arms(two_arms: None, cli: Cli) -> None:
    """Of 360 images 29 are wrong at 8.0 %, and these and 7 more at 9.9 %."""
    result = json.loads(cli("compare", "tiny/original", "tiny/bn-after-add", "--json").stdout)
    assert result["points"] == pytest.approx(2.0)
    assert result["probability_second_worse"] == 1
    assert result["mcnemar"]["0"] == {"only_first": 7, "only_second": 0, "p": pytest.approx(2 / 2**7)}
    text = cli("compare", "tiny/original", "tiny/bn-after-add").stdout
    assert "+2.00 points" in text and "only Original correct on 7 images" in text
    assert "eproduced" not in text  # a comparison claims nothing


@pytest.mark.parametrize(
    ("flags", "scale", "heading"), [(["--scale", "1/2"], "1/2", "REDUCED SCALE 1/2"), (["--demo"], "demo", "DEMO")]
)
def test_a_comparison_at_reduced_scale_is_of_means_alone(
    record: Record, cli: Cli, outcomes: Callable[[str], list[str]], flags: list[str], scale: str, heading: str
) -> None:
    for seed, (good, worse) in enumerate(zip(GOOD, WORSE, strict=True)):
        for arm, error in (("original", good), ("bn-after-add", worse + seed)):
            record(arm, seed, errors=[50.0, error], scale=scale)
    record("bn-after-add", 3, errors=[50.0, 90.1], scale=scale)
    command = ("compare", "tiny/original", "tiny/bn-after-add", *flags)
    text = cli(*command).stdout
    assert text.startswith(f"tiny/original against tiny/bn-after-add. {heading}")
    after = " ".join(spec.Scale.parse(scale).heading.split()) + ". "
    ours = "BN after addition 30.85 ± 39.51 % (n = 4) against Original 8.10 ± 0.10 % (n = 3)"
    assert " ".join(text.split()).partition(after)[2] == f"{ours}: +22.75 points."
    paired = cli(*command, "--paired").stdout
    assert " ".join(paired.split()).partition(after)[2] == f"{ours}: +3.00 points, over 3 shared seeds."
    content = cli(*command, "--json").stdout
    assert list(json.loads(content)) == ["first", "second", "scale", "means", "points", "same_run"]
    assert outcomes(text + paired + content) == []


def test_a_comparison_at_reduced_scale_without_runs_has_no_difference(record: Record, cli: Cli) -> None:
    record("original", 0, errors=[50.0, 9.0], scale="1/2")
    for flags in ([], ["--paired"]):
        lines = cli("compare", "tiny/original", "tiny/bn-after-add", "--scale", "1/2", *flags).stdout.splitlines()
        assert lines[2:] == ["BN after addition (n = 0) against Original 9.00 % (n = 1)."]


@pytest.mark.parametrize(
    "first,message",
    [("tiny", "EXPERIMENT/ARM"), ("tiny/orignal", "did you mean 'original'"), ("tyny/original", "did you mean 'tiny'")],
)
def test_compare_names_what_is_wrong(first: str, message: str, cli: Cli) -> None:
    result = cli("compare", first, "tiny/original")
    assert result.exit_code == 2 and message in result.stderr


def test_every_shipped_experiment_can_be_judged_without_records(tmp_path: Path) -> None:
    repo = Path(__file__).resolve().parent.parent
    (tmp_path / "experiments").symlink_to(repo / "experiments")
    for name in spec.names(tmp_path):
        summary = tables.summarise(Results.load(tmp_path, name))
        assert summary.claims and all(claim.verdict == "no verdict" for claim in summary.claims)


def test_a_margin_lies_below_the_published_difference(small_root: Path, edit: Edit) -> None:
    other = 'published = { test_error = 40.3, reference = "nobody", where = "Table 1" }'
    path = edit({'label = "BN after addition"': f'label = "BN after addition"\n{other}'})
    with pytest.raises(UserError, match=r"margin = 0.3 must be below the published difference, which is 0.30"):
        spec.load("tiny", small_root)
    path.write_text(path.read_text().replace("40.3", "40.31"))
    assert spec.load("tiny", small_root).claims
    path.write_text(path.read_text().replace("40.31", "39.0"))
    assert spec.load("tiny", small_root).claims, "a claim against what is published has no such difference"
