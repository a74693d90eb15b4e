"""repro.show.tables: numbers against sums done by hand, what is said below them, the four formats, and speed."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from repro import records, spec
from repro.records.results import Results
from repro.show import tables

REPO = Path(__file__).resolve().parent.parent

Cli = Callable[..., Result]
Edit = Callable[..., Path]
Record = Callable[..., Path]
Outcomes = Callable[[str], list[str]]


def said(result: Result) -> str:
    """What a command printed, however its lines were broken."""
    return said_in(result.stdout)


def said_in(output: str) -> str:
    return " ".join(output.split())


def rows_of(root: Path, scale: spec.Scale = spec.FULL) -> dict[str, tables.ArmRow]:
    return {row.arm: row for row in tables.summarise(Results.load(root, "tiny", scale)).rows}


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_means_and_sd_against_hand_computation(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[9.0, 8.0, 8.5], wall_seconds=60.0)  # best 8.0, final 8.5
    record("original", 1, errors=[9.0, 7.0], wall_seconds=120.0)  # best 7.0, final 7.0
    record("original", 2, errors=[7.0, 7.9, 10.0], wall_seconds=180.0)  # best 7.0, final 10.0
    row = rows_of(small_root)["original"]
    assert row.n == 3
    assert row.mean == pytest.approx(8.5)
    assert row.sd == pytest.approx(1.5)  # of 8.5, 7, 10 with n - 1
    assert row.best == pytest.approx(22 / 3)
    assert row.peek_bias == pytest.approx((-0.5 + 0 - 3) / 3)
    assert (row.published, row.parameters, row.iterations, row.seconds) == (40.0, 4934, 12, 120.0)
    assert row.diverged == 0


def test_one_run_has_no_sd_and_none_has_no_numbers(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[9.0, 8.5])
    rows = rows_of(small_root)
    assert (rows["original"].n, rows["original"].mean, rows["original"].sd) == (1, 8.5, None)
    none = rows["bn-after-add"]
    assert (none.n, none.iterations, none.published) == (0, 12, None)
    assert (none.mean, none.sd, none.best, none.peek_bias, none.parameters, none.seconds) == (None,) * 6


def test_only_runs_that_count_are_counted(small_root: Path, record: Record) -> None:
    """Stale, running, interrupted and failed runs stay out; one that diverged is a result."""
    record("original", 0, errors=[10.0])
    record("original", 1, errors=[90.0], status="diverged")
    record("original", 2, errors=[99.0], fingerprint="0" * 16)
    for seed, status in enumerate(("running", "interrupted", "failed"), start=3):
        record("original", seed, errors=[99.0], status=status)
    row = rows_of(small_root)["original"]
    assert (row.n, row.diverged) == (1, 1)
    assert row.mean == pytest.approx(10.0)


# --- remarks ---------------------------------------------------------------------------------------------------------


def test_missing_arms_and_seeds_are_said(small_root: Path, record: Record, cli: Cli) -> None:
    record("original", 0, errors=[50.0])
    record("original", 2, errors=[50.0])
    assert "no runs of BN after addition: repro run tiny --seeds N" in said(cli("table", "tiny"))
    record("bn-after-add", 0, errors=[50.0])
    output = said(cli("table", "tiny"))
    assert "no runs of" not in output
    assert "BN after addition: no run of seed 2" in output
    assert "Original: no run" not in output


@pytest.mark.parametrize(
    ("flags", "scale"), [(["--demo"], "demo"), (["--scale", "1/2"], "1/2")], ids=["demo", "reduced scale"]
)
def test_the_command_for_missing_runs_is_the_one_for_this_scale(
    small_root: Path, record: Record, cli: Cli, flags: list[str], scale: str
) -> None:
    record("original", 0, errors=[50.0], scale=scale)
    assert f"repro run tiny {' '.join(flags)} --seeds N" in said(cli("table", "tiny", *flags))


def test_stale_unfinished_diverged_and_dirty_runs_are_said(
    small_root: Path, record: Record, edit: Edit, cli: Cli
) -> None:
    record("bn-after-add", 0, errors=[50.0])
    edit({'block = "bn-after-add" }': 'block = "full-preact" }'})
    record("original", 0, errors=[10.0], status="diverged", iteration=7)
    record("original", 1, errors=[50.0], status="interrupted", iteration=5)
    record("original", 2, errors=[50.0], session={"dirty": "0123456789abcdef"})
    output = said(cli("table", "tiny"))
    stale = 'is stale and not counted: model.block "bn-after-add", today "full-preact"'
    assert f"BN after addition seed 0 {stale}" in output
    assert "Original seed 0 diverged at iteration 7; it is counted" in output
    assert "Original seed 1 is unfinished and not counted: interrupted at iteration 5" in output
    assert "1 of 2 runs were trained on uncommitted changes" in output
    assert "(n = 1), 1 of 2 diverged" in output


def test_clean_runs_are_not_called_dirty(small_root: Path, record: Record, cli: Cli) -> None:
    record("original", 0, errors=[50.0])
    assert "uncommitted" not in said(cli("table", "tiny"))


def test_hardware_is_said_with_the_number_of_runs_on_it(small_root: Path, record: Record, cli: Cli) -> None:
    record("original", 0, errors=[50.0])
    record("original", 1, errors=[50.0])
    record("original", 2, errors=[50.0], session={"hardware": "another", "threads": 4})
    output = said(cli("table", "tiny"))
    assert "2 runs on a processor, fp32, CPU threads per run: 1" in output
    assert "1 run on another, fp32, CPU threads per run: 4" in output


def test_an_arm_that_mixes_hardware_is_marked_and_says_so(small_root: Path, record: Record, cli: Cli) -> None:
    record("original", 0, errors=[50.0])
    record("original", 1, errors=[50.0])
    record("bn-after-add", 0, errors=[50.0])
    alike = said(cli("table", "tiny"))
    assert "†" not in alike and "arms differ in hardware" not in alike
    record("original", 2, errors=[50.0], session={"hardware": "another"})
    output = said(cli("table", "tiny"))
    assert "Original †" in output and "BN after addition †" not in output
    mixed = "its runs mix hardware: 2 runs on a processor, fp32; 1 run on another, fp32"
    assert f"† Original: {mixed}" in output
    assert "arms differ in hardware" not in output


def test_arms_that_were_not_trained_alike_are_said(small_root: Path, record: Record, cli: Cli) -> None:
    """Each by itself is of one kind, so no arm is marked; their difference is still not one of the arms alone."""
    record("original", 0, errors=[50.0])
    record("bn-after-add", 0, errors=[50.0], session={"hardware": "a GPU", "precision": "bf16"})
    output = said(cli("table", "tiny"))
    assert "arms differ in hardware or precision: " in output
    assert ": BN after addition on a GPU, bf16; Original on a processor, fp32" in output
    assert "†" not in output


# --- published numbers -----------------------------------------------------------------------------------------------


DEVIATION = '\n[[deviation]]\nwhat = "digits"\nwhy = "small"\neffect = "5.55 points lower"\n'


@pytest.mark.parametrize("form", list(tables.FORMATS))
@pytest.mark.parametrize(
    ("flags", "scale", "heading"),
    [(["--demo"], "demo", "DEMO on scikit-learn"), (["--scale", "1/2"], "1/2", "REDUCED SCALE 1/2")],
    ids=["demo", "reduced scale"],
)
def test_a_demo_or_a_reduced_scale_is_neither_judged_nor_beside_published_numbers(
    record: Record, edit: Edit, cli: Cli, outcomes: Outcomes, form: str, flags: list[str], scale: str, heading: str
) -> None:
    """Though the runs, at full scale, would decide the claim."""
    edit({}, DEVIATION)
    for seed in range(3):
        record("original", seed, errors=[51.25 + seed / 10], scale=scale)
        record("bn-after-add", seed, errors=[61.25 + seed / 10], scale=scale)
    output = cli("table", "tiny", *flags, "--format", form, "--check").stdout
    assert heading in output and "51.35" in output
    for published in ("40.0", "5.55", "Two tiny networks"):  # a title may state a claim
        assert published not in output
    assert outcomes(output) == []
    if form != "csv":  # which has no notes
        assert "claims are judged at full scale only" in said_in(output)
    for seed in range(3):
        record("original", seed, errors=[61.25 + seed / 10])
        record("bn-after-add", seed, errors=[51.25 + seed / 10])
    assert outcomes(cli("table", "tiny", "--format", form).stdout)
    assert cli("table", "tiny", "--check").exit_code == 3
    assert cli("table", "tiny", *flags, "--check").exit_code == 0


def test_published_numbers_stand_beside_full_scale(small_root: Path, record: Record, cli: Cli) -> None:
    record("original", 0, errors=[51.25])
    record("original", 0, errors=[61.25], scale="demo")
    output = cli("table", "tiny").stdout
    assert "Full scale." in output
    assert re.search(r"Original +40\.00 +51\.25 \(n = 1\)", output)
    assert "61.25" not in output


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("6.61, sd = 0.16, runs = 5", "6.61 ± 0.16 (n = 5)"),
        ("6.61, sd = 0.16", "6.61 ± 0.16"),
        ('6.61, statistic = "median", runs = 5', "6.61 (median of 5)"),
    ],
)
def test_published_sd_and_runs_are_shown(edit: Edit, cli: Cli, number: str, shown: str) -> None:
    edit({"test_error = 40.0": f"test_error = {number}"})
    assert re.search(rf"Original +{re.escape(shown)} +no runs", cli("table", "tiny").stdout)
    assert (
        f"published {shown.replace(' (', ' % (') if '(' in shown else f'{shown} %'} [Nobody, Table 1]"
        in cli("show", "tiny").stdout
    )


@pytest.mark.parametrize(
    ("extra", "note"),
    [
        ("same_protocol = false", "different protocol"),
        ('selection = "best-test"', "selected: best-test"),
        ('dataset = "imagenet"', "on imagenet, not comparable"),
    ],
)
def test_a_published_number_of_another_protocol_is_marked(edit: Edit, cli: Cli, extra: str, note: str) -> None:
    edit({"test_error = 40.0": f"test_error = 40.0, {extra}"})
    output = said(cli("table", "tiny"))
    assert "40.00 *" in output
    assert f"* Original: published 40.00: {note}" in output


def test_a_published_number_of_the_same_protocol_is_not_marked(cli: Cli) -> None:
    assert "*" not in cli("table", "tiny").stdout


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(record: Record) -> None:
    """Two runs of one arm: 8.5 and 7.0 %, best 8.0 and 7.0 %."""
    record("original", 0, errors=[9.0, 8.0, 8.5])
    record("original", 1, errors=[9.0, 7.0])


@pytest.mark.usefixtures("recorded")
def test_csv_parses(cli: Cli) -> None:
    rows = csv.DictReader(io.StringIO(cli("table", "tiny", "--format", "csv").stdout))
    original, other = (row for row in rows if row["row"] == "arm")
    assert (original["experiment"], original["arm"], original["n"]) == ("tiny", "original", "2")
    assert float(original["mean"]) == 7.75
    assert float(original["sd"]) == pytest.approx(1.5 / 2**0.5)
    assert float(original["published"]) == 40.0
    assert (other["arm"], other["n"], other["mean"], other["published"]) == ("bn-after-add", "0", "", "")


@pytest.mark.usefixtures("recorded")
def test_json_parses(cli: Cli) -> None:
    (table,) = json.loads(cli("table", "tiny", "--format", "json").stdout)
    assert (table["experiment"], table["heading"]) == ("tiny", "Full scale")
    original, other = table["sheets"]["arms"]
    assert (original["n"], original["mean"], original["peek_bias"]) == (2, 7.75, -0.25)
    assert (other["n"], other["mean"]) == (0, None)
    assert any("no runs of BN after addition" in remark for remark in table["notes"])


@pytest.mark.usefixtures("recorded")
def test_markdown_is_a_table_of_even_rows(cli: Cli) -> None:
    lines = cli("table", "tiny", "--format", "md").stdout.splitlines()
    assert lines[0] == "## tiny: Two tiny networks"
    header, rule, *body = [line for line in lines if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (header, *body)]
    assert cells[0] == ["arm", "published", "ours: mean ± sd (n)", "best", "peek bias", "params", "iters", "time"]
    assert cells[1] == ["Original", "40.00", "7.75 ± 1.06 (n = 2)", "7.50", "-0.25", "4.9k", "12", "2 min"]
    assert cells[2] == ["BN after addition", "", "no runs", "", "", "", "12", ""]
    assert rule == "|---|" + "---:|" * 7


@pytest.mark.usefixtures("recorded")
def test_a_format_is_a_function_and_a_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def means(blocks: list[tables.ExperimentTables], width: int) -> str:
        return "\n".join(f"{row['arm']}={row['mean']}" for row in blocks[0].sheets[0].records)

    monkeypatch.setitem(tables.FORMATS, "means", means)  # the line in the dict
    assert cli("table", "tiny", "--format", "means").stdout == "original=7.75\nbn-after-add=None\n"
    assert "allowed: text, md, csv, json, latex, html, means" in cli("table", "tiny", "--format", "mean").stderr


def test_the_help_names_every_format(cli: Cli) -> None:
    shown = said(cli("table", "--help"))
    assert all(re.search(rf"\b{form} (to|for) ", shown) for form in tables.FORMATS)


def test_deviations_are_told_and_listed(edit: Edit, cli: Cli) -> None:
    edit({}, '\n[[deviation]]\nwhat = "digits"\nwhy = "small"\neffect = "some"\narms = ["original"]\n')
    assert "1 deviation from the paper: repro show tiny" in said(cli("table", "tiny"))
    assert "- digits (original): small; effect: some" in said(cli("table", "tiny", "--format", "md"))


@pytest.mark.parametrize("name", spec.names(REPO))
def test_text_fits_100_columns(name: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the cells hold, no label and no number is cut short."""
    experiments = tmp_path / "shipped" / "experiments"
    shutil.copytree(REPO / "experiments", experiments)
    summary = tables.summarise(Results.load(tmp_path / "shipped", name))
    numbers = {"n": 5, "mean": 10.0, "sd": 0.16, "best": 10.0, "peek_bias": -0.25, "parameters": 20_040_522}
    numbers |= {"seconds": 4 * 3600.0, "diverged": 1}
    full = tables.Summary(**vars(summary) | {"rows": [tables.ArmRow(**vars(r) | numbers) for r in summary.rows]})
    monkeypatch.setattr("repro.show.tables.sheets.summarise", lambda *_: full)
    text = cli("table", name, root=tmp_path / "shipped").stdout
    monkeypatch.undo()
    assert len(re.findall(r" 10\.00 ± 0\.16 \(n = 5\),", text)) == len(summary.rows)
    assert text.count(" 1 of 6 diverged") == len(summary.rows)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "…" not in text
    empty = cli("table", name, root=tmp_path / "shipped").stdout
    assert max(len(line) for line in empty.splitlines()) <= 100
    assert "no runs" in empty


def test_without_names_only_experiments_with_records_are_shown(
    small_root: Path, record: Record, cli: Cli, edit: Edit
) -> None:
    path = edit({})
    path.with_name("other.toml").write_text(path.read_text().replace('name = "tiny"', 'name = "other"'))
    assert re.findall(r"^(\w+): Two tiny", cli("table").stdout, re.MULTILINE) == ["other", "tiny"]
    record("original", 0, errors=[50.0])
    assert re.findall(r"^(\w+): Two tiny", cli("table").stdout, re.MULTILINE) == ["tiny"]


def test_a_bracketed_label_is_no_markup(edit: Edit, cli: Cli) -> None:
    edit({'label = "Original"': 'label = "He [red]2015[/red]"'})
    assert "He [red]2015[/red]" in cli("table", "tiny").stdout


# --- speed ---------------------------------------------------------------------------------------------------------


def test_a_table_reads_each_record_once(
    small_root: Path, record: Record, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each other file of a run: its time is that of the records, however many they are."""
    for seed in range(3):
        record("original", seed, errors=[50.0])
    opened: Counter[str] = Counter()
    read_bytes = Path.read_bytes

    def counting(path: Path) -> bytes:
        opened[path.relative_to(small_root).as_posix()] += 1
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counting)
    assert cli("table", "tiny").exit_code == 0
    found = {name: count for name, count in opened.items() if name.startswith("results/")}
    files = ("run.json", *records.RESULTS)
    assert found == {f"results/tiny/original/seed-{seed}/{file}": 1 for seed in range(3) for file in files}


COMMANDS = [
    ["--help"],
    ["list"],
    ["status"],
    ["run", "tiny", "--dry-run"],
    ["queue", "show", "q"],
    ["table", "tiny"],
    ["table", "tiny", "--format", "json"],
]
IMPORTS = """
import json, sys
from click.testing import CliRunner
from repro.cli import main
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(main, words)
    brought = {"torch", "torchvision", "wandb", "sklearn", "pandas", "pydantic", "matplotlib"} & set(sys.modules)
    print(json.dumps([done.output, sorted(brought)]))
"""


def test_reading_loads_no_torch_and_help_nothing_at_all(small_root: Path, record: Record) -> None:
    """One command after the other, so that the first that brings more is the one at fault."""
    record("original", 0, errors=[50.0])
    (small_root / "experiments" / "queues").mkdir()
    (small_root / "experiments" / "queues" / "q.toml").write_text(
        'name = "q"\ntitle = "Q"\n[[entry]]\nexperiment = "tiny"\nseeds = 1\n'
    )
    asked = json.dumps([["--root", str(small_root), *words] for words in COMMANDS])
    done = subprocess.run([sys.executable, "-c", IMPORTS, asked], cwd=REPO, check=True, capture_output=True, text=True)
    (_, by_help), *found = map(json.loads, done.stdout.splitlines())
    assert by_help == []
    for words, (output, brought) in zip(COMMANDS[1:], found, strict=True):
        assert "tiny" in output
        assert set(brought) <= {"pandas", "pydantic"}, words


def seconds(words: list[str]) -> float:
    """The least of five runs, of the process's own time, of the user and the system: others run beside."""
    found = []
    for _ in range(5):
        before = os.times()
        subprocess.run([sys.executable, "-m", "repro", *words], cwd=REPO, check=True, capture_output=True)
        after = os.times()
        found.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(found)


@pytest.mark.benchmark
def test_a_table_takes_under_one_and_a_half_seconds(small_root: Path, record: Record) -> None:
    for seed in range(3):
        record("original", seed, errors=[50.0])
    assert seconds(["--root", str(small_root), "table", "tiny"]) < 1.5


@pytest.mark.benchmark
def test_five_hundred_records_take_under_two_seconds(small_root: Path, record: Record) -> None:
    for seed in range(250):
        record("original", seed, errors=[50.0 + seed % 7])
        record("bn-after-add", seed, errors=[55.0 + seed % 5])
    assert seconds(["--root", str(small_root), "table", "tiny", "--format", "json"]) < 2.0
    assert [row.n for row in rows_of(small_root).values()] == [250, 250]


@pytest.mark.benchmark
def test_help_takes_under_three_tenths_of_a_second() -> None:
    assert seconds(["--help"]) < 0.3
