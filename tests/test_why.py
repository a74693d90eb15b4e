"""`repro why`: what an arm's deviations are worth, in the terminal, as JSON, in the figure and in the report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from click.testing import Result
from matplotlib.figure import Figure

from repro import records, spec
from repro.claims import stats, why
from repro.claims.deviations import expected_effects
from repro.records.results import Results
from repro.show import plots, report
from repro.show import why as shown

Edit = Callable[..., Path]
Record = Callable[..., Path]
Cli = Callable[..., Result]
Outcomes = Callable[[str], list[str]]

SLOW = """
[[deviation]]
what = "learning rate 0.05"
why = "not stated"
effect = "small"
id = "slow"
arms = ["original"]
instead = { optimizer = { lr = 0.01 } }
"""
ADDED = """
[[deviation]]
what = "batch norm before the addition"
why = "unclear"
effect = "unknown"
arms = ["original"]
other_arm = "bn-after-add"
"""
STATED, READ, OTHER = [44.0, 45.0, 43.0], [42.0, 43.5, 40.5], [44.5, 45.0, 43.5]


@pytest.fixture
def recorded(edit: Edit, record: Record, small_root: Path) -> Path:
    """Three seeds of the arm as stated and of both other readings, as if trained; a root."""
    edit({}, SLOW + ADDED)
    for name, errors in {"original": STATED, "original+slow": READ, "bn-after-add": OTHER}.items():
        for seed, error in enumerate(errors):
            record(name, seed, errors=[80.0, error])
    return small_root


def of(root: Path, arm: str = "original", scale: spec.Scale = spec.FULL) -> why.Explanation:
    return why.explain(Results.load(root, "tiny", scale), arm)


def seeded(values: list[float]) -> dict[int, float]:
    return dict(enumerate(values))


# --- what is measured ------------------------------------------------------------------------------------------------


def test_an_explanation_has_each_effect_their_sum_the_gap_and_what_is_left(recorded: Path) -> None:
    found, printed = of(recorded), stats.Printed(40.0, None, 1)
    assert [change.other.id for change in found.changes] == ["slow", "bn-after-add"]
    stated, others = seeded(STATED), [seeded(READ), seeded(OTHER)]
    assert [change.effect for change in found.changes] == [stats.effect(stated, other) for other in others]
    assert found.total == stats.total(stated, others)
    assert found.gap == stats.gap(stated, printed) and found.unexplained == stats.gap(stated, printed, others)
    assert found.within_seed_noise is True and why.notes(found) == []


def test_a_reading_that_was_not_trained_is_in_no_sum(edit: Edit, record: Record, small_root: Path) -> None:
    edit({}, SLOW + ADDED)
    for seed, (stated, read) in enumerate(zip(STATED, READ, strict=True)):
        record("original", seed, errors=[stated])
        record("original+slow", seed, errors=[read])
    found = of(small_root)
    assert found.total == stats.total(seeded(STATED), [seeded(READ)])
    assert why.notes(found) == ["not measured, so in no sum: bn-after-add"]


def test_a_reading_that_diverged_has_no_effect(edit: Edit, record: Record, small_root: Path) -> None:
    edit({}, SLOW)
    for seed in range(3):
        record("original", seed, errors=[STATED[seed]])
        record("original+slow", seed, errors=[READ[seed]], status="diverged" if seed else "done")
    found = of(small_root)
    assert found.changes[0].effect is None and found.total is None and found.unexplained is None
    assert why.notes(found) == ["Original, slow: 2 of 3 runs diverged, so it has no effect here"]


def test_stale_runs_and_other_precisions_are_not_used(recorded: Path, edit: Edit, record: Record) -> None:
    record("original+slow", 3, errors=[1.0], session={"precision": "bf16"})
    assert of(recorded).changes[0].effect == stats.effect(seeded(STATED), seeded(READ))
    edit({"lr = 0.01": "lr = 0.02"})
    assert of(recorded).changes[0].effect is None


def test_a_number_of_another_data_set_has_no_gap(recorded: Path, edit: Edit, record: Record) -> None:
    edit({'where = "Table 1" }': 'where = "Table 1", same_protocol = false }'})
    assert "not directly comparable: different protocol" in " ".join(why.notes(of(recorded)))
    edit({"same_protocol = false }": 'dataset = "mnist" }'})
    assert of(recorded).gap is None and of(recorded).total is not None


def test_errors_are_selected_as_the_printed_number_was(edit: Edit, record: Record, small_root: Path) -> None:
    """The best error on the test set is that of the first evaluation here, ten points below the final one."""
    edit({'where = "Table 1" }': 'where = "Table 1", selection = "best-test" }'}, SLOW)
    for name, errors in {"original": STATED, "original+slow": READ}.items():
        for seed, error in enumerate(errors):
            record(name, seed, errors=[error - 10 * (name == "original"), error])
    found = of(small_root)
    best = seeded([error - 10 for error in STATED])
    assert found.metric == "best" and found.changes[0].effect == stats.effect(best, seeded(READ))
    assert found.gap == stats.gap(best, stats.Printed(40.0, None, 1)) and why.notes(found) == []


def test_the_gap_is_over_the_seeds_that_have_every_reading(recorded: Path, record: Record) -> None:
    """So that gap + sum is what remains."""
    record("original", 3, errors=[60.0])
    found = of(recorded)
    assert found.gap and found.total and found.unexplained and found.gap.n == found.unexplained.n == (3,)
    assert found.gap.points + found.total.points == pytest.approx(found.unexplained.points)


def test_what_was_tried_afterwards_says_so(recorded: Path, edit: Edit) -> None:
    edit({'id = "slow"': 'id = "slow"\nafterwards = true'})
    found = of(recorded)
    assert shown.rows(found)[0].says == "learning rate 0.05 (tried after the result was known)"
    (told,) = expected_effects([found.changes[0].other.deviation], Results.load(recorded, "tiny"))
    assert told.startswith("small; the other reading, tried after the result was known, changes the test error by ")


def test_one_effect_has_no_sum_beside_it(edit: Edit, record: Record, small_root: Path) -> None:
    edit({}, SLOW)
    for seed, (stated, read) in enumerate(zip(STATED, READ, strict=True)):
        record("original", seed, errors=[stated])
        record("original+slow", seed, errors=[read])
    assert [row.kind for row in shown.rows(of(small_root))] == ["deviation", "gap", "unexplained"]


def test_the_arm_is_by_default_the_first_with_a_published_number(small_root: Path, edit: Edit) -> None:
    edit({}, SLOW.replace('arms = ["original"]\n', "").replace("slow", "all"))
    assert why.default_arm(spec.load("tiny", small_root), spec.FULL) == "original"
    edit({"instead = { optimizer = { lr = 0.01 } }": 'arms = ["bn-after-add"]\ninstead = { batch_size = 8 }'})
    assert why.default_arm(spec.load("tiny", small_root), spec.FULL) == "bn-after-add"


# --- the command -----------------------------------------------------------------------------------------------------


def test_it_trains_the_arm_and_its_readings_with_the_same_seeds(cli: Cli, edit: Edit, small_root: Path) -> None:
    edit({}, SLOW + ADDED)
    words = ("why", "tiny", "--seeds", "2", "--threads", "1", "--step", "plain", "--json")
    done = cli(*words)
    content = json.loads(done.stdout)
    assert done.exit_code == 0 and set(content["training"]["runs"].values().__iter__().__next__()) == {
        "status",
        "message",
    }
    trained = {path.parent.relative_to(small_root / "results").as_posix() for path in small_root.rglob("run.json")}
    names = ("original", "original+slow", "bn-after-add")
    assert trained == {f"tiny/{name}/seed-{seed}" for name in names for seed in (0, 1)}
    errors = {name: {} for name in names}
    for name in names:
        for seed in (0, 1):
            kept = records.read_run(small_root / "results" / "tiny" / name / f"seed-{seed}")
            assert kept and kept.final
            errors[name][seed] = kept.final.test_error
    for row in content["deviations"]:
        change = [errors[row["arm"]][seed] - errors["original"][seed] for seed in (0, 1)]
        assert row["effect"]["points"] == pytest.approx(sum(change) / 2)
    listed = cli("why", "tiny", "--seeds", "3", "--dry-run").stdout
    assert "tiny/original+slow/seed-2" in listed and "6 done, 3 new" in listed


def test_it_shows_effects_gap_and_what_is_left(recorded: Path, cli: Cli) -> None:
    text = cli("why", "tiny", "--no-run").stdout
    for words in ("slow", "bn-after-add", "sum", "gap", "unexplained", "printed 40.00 %", "-2.00 [-3.24, -0.76]"):
        assert words in text
    assert "becomes +2.33 [-2.98, +7.65]: within seed noise, but so is the whole gap" in " ".join(text.split())


def test_without_records_it_says_what_is_not_measured(edit: Edit, cli: Cli) -> None:
    edit({}, SLOW)
    done = cli("why", "tiny", "--no-run")
    assert done.exit_code == 0 and "not measured" in done.stdout and "gap" not in done.stdout


def test_a_demo_shows_means_only(edit: Edit, record: Record, cli: Cli, outcomes: Outcomes) -> None:
    edit({}, SLOW)
    for seed in range(3):
        record("original", seed, errors=[STATED[seed]], scale="demo")
        record("original+slow", seed, errors=[READ[seed]], scale="demo")
    text = cli("why", "tiny", "--no-run", "--demo").stdout
    assert "-2.00" in text and "[" not in text and "printed" not in text and outcomes(text) == []
    content = json.loads(cli("why", "tiny", "--no-run", "--demo", "--json").stdout)
    assert content["gap"] is content["published"] is None and content["sum"]["interval"] is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("tiny",), "'tiny' has no other reading of an arm: give a [[deviation]] `instead"),
        (("tiny", "--arm", "nope"), "has no arm 'nope'"),
        (("nope",), "unknown experiment 'nope'"),
        (("tiny", "--dry-run", "--no-run"), "--dry-run and --no-run: choose one"),
        (("tiny", "--demo", "--scale", "1/2"), "--demo and --scale 1/2: choose one"),
    ],
)
def test_wrong_use_is_a_message(words: tuple[str, ...], expected: str, cli: Cli) -> None:
    done = cli("why", *words)
    assert done.exit_code == 2 and expected in done.stderr


def test_an_arm_without_another_reading_is_a_message_that_lists_those_with_one(edit: Edit, cli: Cli) -> None:
    edit({}, SLOW)
    done = cli("why", "tiny", "--arm", "bn-after-add")
    assert done.exit_code == 2 and "the arms that have one: original" in done.stderr


# --- where else it is shown ------------------------------------------------------------------------------------------


def test_tables_do_not_list_readings(recorded: Path, cli: Cli) -> None:
    for words in (("table", "tiny"), ("status", "tiny"), ("table", "tiny", "--format", "json")):
        assert "original+slow" not in cli(*words).stdout


def test_the_expected_effect_has_the_measured_one(recorded: Path, edit: Edit) -> None:
    results = Results.load(recorded, "tiny")
    texts = expected_effects(results.experiment.deviations, results)
    measured = "small; the other reading changes the test error by -2.00 [-3.24, -0.76] points in Original (n = 3)"
    assert texts[0] == measured and texts[1].startswith("unknown; the other reading changes")
    edit({"lr = 0.01": "lr = 0.02"})
    stale = Results.load(recorded, "tiny")
    hint = "not measured here yet: `repro why tiny --arm original` trains the other reading"
    assert expected_effects(stale.experiment.deviations[:1], stale) == [f"small; {hint}"]


def drawn(root: Path, scale: spec.Scale = spec.FULL) -> Figure | None:
    return plots.figure(Results.load(root, "tiny", scale), "why")


def test_the_figure_has_a_row_per_number(recorded: Path) -> None:
    figure = drawn(recorded)
    assert figure
    marks = {str(line.get_gid()): line for line in figure.axes[0].get_lines() if line.get_gid()}
    found = of(recorded)
    for row in shown.rows(found):
        assert row.effect and row.effect.interval
        assert list(marks[f"{row.kind}:original:{row.name}"].get_xdata()) == [row.effect.points]
        ends = [row.effect.interval.low, row.effect.interval.high]
        assert list(marks[f"interval:original:{row.name}"].get_xdata()) == ends
    plt.close(figure)


def test_there_is_no_figure_without_another_reading(record: Record, edit: Edit, small_root: Path) -> None:
    edit({}, SLOW)
    record("original", 0, errors=[40.0])
    assert drawn(small_root) is None


def no_figure(results: Results, kind: str) -> Any:
    return None


def test_the_report_has_a_section_where_there_are_such_records(recorded: Path) -> None:
    text = report.markdown(recorded, no_figure)
    section = text.split("### What the deviations are worth")[1].split("###")[0]
    assert "| Original: learning rate 0.05 | -2.00 [-3.24, -0.76] | 3 |" in section and "**gap**" in section
    assert "original+slow" not in text.replace(section, "")
    digest = text.splitlines()[2]
    (recorded / "results" / "tiny" / "original+slow" / "seed-2" / "metrics.csv").write_text("changed")
    assert report.markdown(recorded, no_figure).splitlines()[2] != digest


def test_the_report_has_no_section_without_them(record: Record, edit: Edit, small_root: Path) -> None:
    edit({}, SLOW)
    record("original", 0, errors=[40.0])
    assert "deviations are worth" not in report.markdown(small_root, no_figure)
