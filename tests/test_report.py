"""repro.show.report: numbers against sums done by hand, what must stay out, staleness, and the page in a browser."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from matplotlib.figure import Figure

from repro import spec
from repro.errors import UserError
from repro.records.results import Results
from repro.show import report
from repro.show.report import markdown_writer
from repro.show.report.document import Table, cells
from repro.spec import freeze

REPO = Path(__file__).resolve().parent.parent

Cli = Callable[..., Result]
Record = Callable[..., Path]
Outcomes = Callable[[str], list[str]]

# every kind of claim and of verdict; numbers are unlike each other, so that one that strays is found
SPEC = """\
name = "tiny"
title = "Networks that claim things"
source = "Nobody 2015, Table 1"
paper = "tiny"

[[reference]]
id = "nobody"
author = "Nobody"
title = "Networks"
year = 2015
link = "https://example.org/networks"

[base]
dataset = "digits"
batch_size = 16
model = { name = "resnet-cifar", depth = 8, width = 4 }
optimizer = { name = "sgd", lr = 0.05, momentum = 0.9 }
schedule = { iterations = 12, drops = [6, 9] }
evaluate_every = 6

[[arm]]
name = "a"
label = "Arm A"
published = { test_error = 10.31, reference = "nobody", where = "Table 1" }

[[arm]]
name = "b"
label = "Arm B"
model = { block = "bn-after-add" }
published = { test_error = 12.34, reference = "nobody", sd = 0.23, where = "Table 1" }

[[arm]]
name = "c"
label = "Arm C"
published = { test_error = 20.56, reference = "nobody", where = "Table 1", same_protocol = false }

[[arm]]
name = "e"
label = "Arm E"

[[arm]]
name = "f"
label = "Arm F"
optimizer = { name = "adam", lr = 0.002 }

[[arm]]
name = "g"
label = "Arm G"

[[arm]]
name = "h"
label = "Arm H"

[demo]
schedule = { iterations = 6, drops = [3] }
evaluate_every = 3

[[claim]]
id = "a-value"
kind = "value"
arms = ["a"]
margin = 0.5
why_margin = "less would not matter"
says = "A reaches 10.31 %"
origin = "own"
where = "Table 1, p. 7"

[[claim]]
id = "b-value"
kind = "value"
arms = ["b"]
margin = 0.5
why_margin = "less would not matter"
says = "B reaches 12.34 %"
origin = "own"

[[claim]]
id = "c-value"
kind = "value"
arms = ["c"]
margin = 0.5
why_margin = "less would not matter"
says = "C reaches 20.56 %"
origin = "own"

[[claim]]
id = "a-beats-b"
kind = "difference"
arms = ["a", "b"]
margin = 0.3
why_margin = "less would not matter"
size = 5.12
says = "A beats B (10.31 against 12.34 %)"
origin = "own"

[[claim]]
id = "b-beats-a"
kind = "difference"
arms = ["b", "a"]
margin = 0.3
why_margin = "less would not matter"
says = "B beats A"
origin = "own"

[[claim]]
id = "order"
kind = "order"
arms = ["a", "b", "c"]
margin = 0.3
why_margin = "less would not matter"
says = "A beats B, which beats C"
origin = "own"

[[claim]]
id = "a-is-h"
kind = "equivalence"
arms = ["a", "h"]
margin = 0.5
why_margin = "less would not matter"
says = "A and H are the same"
origin = "own"

[[claim]]
id = "h-beats-e"
kind = "difference"
arms = ["h", "e"]
margin = 0.3
why_margin = "less would not matter"
says = "H beats E"
origin = "own"

[[claim]]
id = "a-beats-f"
kind = "difference"
arms = ["a", "f"]
margin = 0.3
why_margin = "less would not matter"
says = "A beats F"
origin = "own"

[[claim]]
id = "a-beats-g"
kind = "difference"
arms = ["a", "g"]
margin = 0.3
why_margin = "less would not matter"
says = "A beats G"
origin = "own"

[[deviation]]
what = "digits | not photographs"
why = "they are bundled"
effect = "lower errors"
arms = ["a", "b"]

[[cost]]
hardware = "a laptop"
minutes = { a = 90.0, b = 5.0 }
source = "guessed"
"""
FULL = {"a": (9.9, 10.0, 10.1), "b": (14.9, 15.0, 15.1), "c": (19.9, 20.0, 20.1), "e": (9.0, 14.0, 10.0)}
FULL |= {"g": (30.0, 31.0), "h": (10.0, 10.1, 10.2)}


def stand_in(results: Results, kind: str) -> Figure | None:
    """A figure of each kind but one, drawn at once."""
    return None if kind == "depth" else Figure(figsize=(1, 1))


def markdown(root: Path) -> str:
    return report.markdown(root, stand_in)


@dataclass(frozen=True)
class Rendered:
    markdown: str
    html: str


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is made once for all tests here: the tree of records, and the report on it."""
    return {"folder": tmp_path_factory.mktemp("kept")}


@pytest.fixture
def rendered(root: Path, kept: dict[str, Any]) -> Rendered:
    """The report on `root` as it is handed out."""
    if "rendered" not in kept:
        kept["rendered"] = Rendered(markdown(root), report.html(root, stand_in))
    return kept["rendered"]


@pytest.fixture
def root(small_root: Path, record: Record, kept: dict[str, Any]) -> Path:
    """Runs that reproduce, refute and decide nothing; diverged, stale, interrupted, dirty, reduced and demo ones."""
    (small_root / "experiments" / "tiny.toml").write_text(SPEC)
    freeze.freeze(small_root, [])
    if (kept["folder"] / "results").is_dir():
        shutil.copytree(kept["folder"] / "results", small_root / "results")
        return small_root
    for arm, errors in FULL.items():
        for seed, error in enumerate(errors):
            record(arm, seed, errors=[50.0, error])
    record("g", 2, errors=[90.0], status="diverged", iteration=7, session={"hardware": "another"})
    record("a", 3, errors=[77.77], session={"dirty": "0123456789abcdef"})
    record("c", 3, errors=[66.66], fingerprint="0" * 16, wall_seconds=7200.0)
    record("e", 3, errors=[55.55], status="interrupted", iteration=6)
    for seed, wiggle in enumerate((0.0, 0.1)):
        record("a", seed, errors=[51.25 + wiggle], scale="1/2")
        record("b", seed, errors=[61.25 + wiggle], scale="1/2")
    record("b", 2, errors=[44.44], scale="1/2", session={"dirty": "0123456789abcdef"})
    record("a", 0, errors=[88.88], scale="demo")
    shutil.copytree(small_root / "results", kept["folder"] / "results")
    return small_root


def section(content: str, title: str) -> str:
    """From the heading called `title` to the next of its level or above."""
    head = re.search(rf"^(#+) {re.escape(title)}.*$", content, re.MULTILINE)
    assert head, f"no section {title!r}"
    rest = content[head.end() :]
    end = re.search(rf"^#{{1,{len(head[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(content: str) -> dict[str, list[str]]:
    """The rows of the tables in Markdown: first cell -> the others."""
    lines = [line for line in content.splitlines() if line.startswith("|")]
    split = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {first: rest for first, *rest in split}


# --- numbers and words -----------------------------------------------------------------------------------------------


def test_the_summary_against_hand_computation(rendered: Rendered) -> None:
    """sd 0.1 over n = 3: 90% interval of a mean ±2.9200 x 0.1/sqrt 3 = 0.1686; of a difference by Welch, df 4, 95%
    ±2.7764 x 0.1 sqrt(2/3) = 0.2267, 90% ±2.1318 x 0.0816 = 0.1741."""
    table = rows(section(rendered.markdown, "Verdicts"))
    assert table["claim"] == ["verdict", "ours: mean ± sd (n)", "published", "margin", "difference [interval]", "p"]
    # TOST at 0.5: t = (0.5 - 0.31) / 0.057735 = 3.2909 with df 2, p = 0.5 - t / (2 sqrt(2 + t^2)) = 0.041
    verdict, ours, published, margin, difference, p = table["A reaches 10.31 %<br>[tiny](#tiny): Table 1, p. 7"]
    assert verdict == "**reproduced**"
    assert ours == "Arm A 10.00 ± 0.10 % (n = 3)"
    assert (published, margin, difference, p) == ("10.31 %", "0.50", "-0.31 [-0.48, -0.14] 90%", "0.041")
    table = {says.partition("<br>")[0]: cells for says, cells in table.items()}
    verdict, _, published, _, difference, _ = table["B reaches 12.34 %"]
    assert (verdict, published, difference) == ("**not reproduced**", "12.34 ± 0.23 %", "+2.66 [+2.49, +2.83] 90%")
    verdict, _, published, _, difference, _ = table["C reaches 20.56 %"]
    assert verdict == "inconclusive<br>leaning against<br>different protocol"
    assert (published, difference) == (r"20.56 % \*", "-0.56 [-0.73, -0.39] 90%")
    verdict, ours, published, margin, difference, p = table["A beats B (10.31 against 12.34 %)"]
    assert verdict == "**reproduced**"
    assert ours == "Arm A 10.00 ± 0.10 % (n = 3)<br>Arm B 15.00 ± 0.10 % (n = 3)"
    assert published == "Arm A: 10.31 %<br>Arm B: 12.34 ± 0.23 %<br>difference +5.12"
    assert (difference, p) == ("+5.00 [+4.77, +5.23] 95%", "<0.001")
    assert table["B beats A"][:5:4] == ["**not reproduced**", "-5.00 [-5.23, -4.77] 95%"]
    assert table["A and H are the same"][:5:4] == ["**reproduced**", "+0.10 [-0.07, +0.27] 90%"]
    verdict, _, _, _, steps, _ = table["A beats B, which beats C"]
    assert verdict == "**reproduced**<br>different protocol"
    assert steps == "+10.00 [+9.77, +10.23] 95% (ends)"
    assert table["H beats E"][0] == "inconclusive<br>consistent"
    assert table["A beats G"][0] == "inconclusive<br>consistent<br>across processors"
    assert table["A beats G"][1].endswith("Arm G 30.50 ± 0.71 % (n = 2, 1 of 3 runs diverged)")
    assert "A beats F" not in table
    tally = "4 are answered yes, 2 are answered no, 3 are inconclusive and 1 is undecided."
    assert f"**Of 10 questions of this project, {tally}**" in rendered.markdown
    assert r"\* Arm C: different protocol" in rendered.markdown


def test_what_is_undecided_says_why(rendered: Rendered) -> None:
    """Three claims are inconclusive; the one without runs of an arm is in no table of verdicts."""
    undecided = rows(section(rendered.markdown, "Not decided yet"))
    (row,) = [cells for name, cells in undecided.items() if name.startswith("[tiny](#tiny): ")]
    assert row == ["4 of 10", "1 without runs of some arm, 3 inconclusive", "`repro run tiny --arm f --seeds 3`"]


def test_a_verdict_has_its_sentence_in_the_experiments_section(rendered: Rendered) -> None:
    verdicts = section(section(rendered.markdown, "tiny"), "Verdicts")
    reached = "**A reaches 10.31 %.** Reproduced: Arm A 10.00 ± 0.10 % (n = 3) against 10.31 % published: -0.31 points"
    assert reached in verdicts and "At this spread" in verdicts
    assert "A beats F" not in verdicts


def test_an_experiment_says_recipe_deviations_and_cost(rendered: Rendered) -> None:
    body = section(rendered.markdown, "tiny")
    recipe = rows(section(body, "Recipe"))
    assert recipe["schedule"] == ["iterations 12, drops 6 and 9, factor 0.1"]
    assert "batch_size 16" in recipe["data and training"][0]
    assert recipe["Arm B"] == [
        "model.block bn-after-add, optimizer.name sgd, optimizer.lr 0.05, optimizer.momentum 0.9"
    ]
    assert recipe["Arm F"] == ["model.block original, optimizer.name adam, optimizer.lr 0.002"]
    deviation = rows(section(body, "Deviations"))[r"digits \| not photographs"]
    assert deviation == ["they are bundled", "lower errors; not measured here", "Arm A; Arm B"]
    cost = section(body, "Cost")
    assert "Recorded: 27 min over 18 runs." in cost  # 90 s each: 17 done and one diverged, no stale or interrupted one
    assert "17 runs on a processor, fp32, CPU threads per run: 1." in cost
    assert "1 run on another, fp32" in cost
    assert "Expected per run on a laptop: Arm A 1 h 30 min, Arm B 5 min (guessed)." in cost
    results = section(body, "Results")
    assert rows(results)["Arm A"][:3] == ["10.31", "10.00 ± 0.10 (n = 3)", "10.00"]
    for note in (
        "Arm C seed 3 is stale and not counted: ",
        "Arm G seed 2 diverged at iteration 7; it is counted, but excluded from means",
        "Arm E seed 3 is unfinished and not counted: interrupted at iteration 6",
    ):
        assert note in results


def test_the_command_for_what_is_missing_is_exact(rendered: Rendered, cli: Cli) -> None:
    body = rendered.markdown
    missing = section(section(body, "tiny"), "What is missing")
    assert "No run of Arm F." in missing and "No seed 2 of" not in missing
    assert "`repro run tiny --arm f --seeds 3`" in missing
    commands = re.findall(r"`(repro run .*)`", missing)
    assert not any("--arm h --arm e" in command for command in commands)  # 614 seeds are no advice
    for command in commands:
        output = cli(*shlex.split(command)[1:], "--dry-run").stdout
        assert re.search(r"\bnew\b", output), command


def test_an_inconclusive_claim_says_the_seeds_that_would_decide_it(small_root: Path, record: Record, cli: Cli) -> None:
    for seed, (original, other) in enumerate([(40.0, 40.2), (40.2, 40.3), (40.1, 40.5)]):
        record("original", seed, errors=[original])
        record("bn-after-add", seed, errors=[other])
    missing = section(section(markdown(small_root), "tiny"), "What is missing")
    (needed,) = re.findall(r"80% power at the observed spread:  \n  `repro run tiny --seeds (\d+)`", missing)
    printed = " ".join(cli("table", "tiny").stdout.split())
    assert f"At this spread {needed} seeds per arm would give 80% power" in printed


def test_nothing_is_missing_where_every_arm_has_every_seed(root: Path, record: Record) -> None:
    for seed in range(3):
        record("f", seed, errors=[40.0 + seed / 10])
    assert "- No run of" not in section(section(markdown(root), "tiny"), "What is missing")


def test_without_any_run_every_experiment_is_a_line_that_says_what_would_fill_it(tmp_path: Path) -> None:
    shutil.copytree(REPO / "experiments", tmp_path / "experiments")
    body = report.markdown(tmp_path, stand_in)
    assert "No run at full scale is recorded yet." in body
    undecided = section(body, "Not decided yet")
    for name in spec.names(tmp_path):
        claims = len([claim for claim in spec.load(name, tmp_path).claims if not claim.same_as])
        assert f"| {claims} of {claims} | no runs | `repro run {name} --seeds 3` |" in undecided
        assert f"\n## {name}" not in body
    assert "## Verdicts" not in body and "ours: mean" not in undecided


# --- what stays out --------------------------------------------------------------------------------------------------


def test_dirty_and_demo_runs_stay_out(rendered: Rendered) -> None:
    """Their numbers are nowhere; that some were left out, and which, is said."""
    for body in (rendered.markdown, rendered.html):
        assert not re.search(r"77\.77|88\.88|44\.44", body)
        assert "2 runs trained on uncommitted changes: left out" in body
        assert "results/tiny/a/seed-3" in body
        assert re.search("results/scale-1-2/tiny/b(`|</code>): seed-2", body)
        assert "demo" not in body.lower()


def test_runs_left_out_are_listed_even_where_their_scale_has_no_section(small_root: Path, record: Record) -> None:
    dirty = {"dirty": "0123456789abcdef"}
    record("original", 0, errors=[44.44], scale="1/2", session=dirty)
    record("original", 2, errors=[44.44], scale="1/2", session=dirty)
    record("bn-after-add", 1, errors=[44.44], session=dirty)
    listed = section(markdown(small_root), "Left out").partition("\n\n<a id=")[0].strip().splitlines()
    assert listed == [
        "3 runs trained on uncommitted changes: left out of this report.",
        "",
        "- `results/tiny/bn-after-add`: seed-1",
        "- `results/scale-1-2/tiny/original`: seed-0, seed-2",
    ]
    shutil.rmtree(small_root / "results")
    assert "Left out" not in markdown(small_root)


def test_arms_that_mix_hardware_or_precision_have_a_footnote(rendered: Rendered) -> None:
    results = section(section(rendered.markdown, "tiny"), "Results")
    assert "Arm G †" in rows(results) and "Arm A" in rows(results)
    mixed = "2 runs on a processor, fp32; 1 run on another, fp32"
    assert f"- † Arm G: its runs mix hardware: {mixed}" in results


def test_figures_are_drawn_without_dirty_runs(root: Path) -> None:
    seen = []

    def look(results: Results, kind: str) -> None:
        seen.extend(results.runs.test_error)

    report.markdown(root, look)
    assert 10.1 in seen
    assert not {77.77, 88.88, 44.44} & set(seen)


def test_reduced_scales_are_in_an_appendix_that_judges_nothing(rendered: Rendered, outcomes: Outcomes) -> None:
    """Whatever the runs came to: no published number, no verdict, no margin, no p-value, no colour of a verdict."""
    for body, start in ((rendered.markdown, "## Early training"), (rendered.html, '<h2 id="early-training">')):
        before, appendix = body.split(start)
        numbers = ("10.31", "12.34", "20.56", "5.12")
        assert all(number in before for number in numbers)
        assert not any(number in appendix for number in numbers)
        assert "51.30 ± 0.07 (n = 2)" in appendix
        assert "51.30" not in before and "1/2" not in before
        assert outcomes(before)  # so that none below means something
        assert outcomes(appendix.partition("<script>")[0]) == []
        assert "badge" not in appendix
    appendix = section(rendered.markdown, "Early training: checks of the pipeline")
    assert "No claim is judged on them" in appendix
    early = section(appendix, "tiny at 1/2 of the schedule")
    assert rows(early)["arm"] == ["ours: mean ± sd (n)", "params", "iters", "time"]
    assert rows(early)["Arm B"] == ["61.30 ± 0.07 (n = 2)", "4.9k", "6", "2 min"]
    assert "Arm C" not in early and "scale-1-2/tiny/curves.svg" in early
    assert "- Recorded: 6 min over 4 runs.\n- 4 runs on a processor, fp32" in early


def test_a_reduced_scale_says_what_was_not_trained_to_the_end(root: Path, record: Record) -> None:
    record("c", 0, errors=[66.66], scale="1/2", fingerprint="0" * 16)
    record("c", 1, errors=[90.0], scale="1/2", status="diverged", iteration=4)
    record("c", 2, errors=[55.55], scale="1/2", status="interrupted", iteration=3)
    record("a", 2, errors=[51.3], scale="1/2", session={"hardware": "another"})
    early = section(markdown(root), "tiny at 1/2 of the schedule")
    assert rows(early)["Arm C"][0] == "1 of 1 diverged"
    for note in (
        "Arm C seed 0 is stale and not counted: ",
        "Arm C seed 1 diverged at iteration 4; it is counted, but excluded from means",
        "Arm C seed 2 is unfinished and not counted: interrupted at iteration 3",
        "† Arm A: its runs mix hardware: 2 runs on a processor, fp32; 1 run on another, fp32",
    ):
        assert f"- {note}" in early


def test_a_scale_whose_runs_are_all_dirty_has_no_section(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[44.44], scale="1/2", session={"dirty": "0123456789abcdef"})
    body = markdown(small_root)
    assert "Early training" not in body
    assert "1 run trained on uncommitted changes: left out" in body


# --- the files -------------------------------------------------------------------------------------------------------


def test_the_same_records_give_the_same_bytes_anywhere(rendered: Rendered, root: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    shutil.copytree(root / "experiments", other / "experiments")
    shutil.copytree(root / "results", other / "results")
    assert rendered == Rendered(markdown(other), report.html(other, stand_in))
    assert str(tmp_path) not in rendered.markdown + rendered.html


def test_write_then_check(root: Path) -> None:
    assert report.check(root, stand_in) == "there is no REPORT.md"
    written = {path.relative_to(root).as_posix() for path in report.write(root, stand_in)}
    body = (root / "REPORT.md").read_text()
    assert body == markdown(root)
    assert written == {"REPORT.md", "docs/figures/table.svg", *re.findall(r"!\[.+\]\((.+)\)", body)}
    assert {"docs/figures/tiny/curves.svg", "docs/figures/scale-1-2/tiny/final.svg"} < written
    assert "docs/figures/tiny/depth.svg" not in written
    assert report.check(root, stand_in) == ""
    assert report.write(root, stand_in) == []
    anchors = set(re.findall(r'<a id="(.+?)"', body)) | {
        re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.+)$", body, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#(.+?)\)", body)) <= anchors


@pytest.fixture
def written(small_root: Path, record: Record) -> Path:
    """A root with two runs of one arm, 40.0 and 40.2 %, and the report on them."""
    record("original", 0, errors=[50.0, 40.0])
    record("original", 1, errors=[50.0, 40.2])
    report.write(small_root, stand_in)
    return small_root


def test_check_names_the_first_line_that_differs(written: Path, record: Record) -> None:
    path = written / "REPORT.md"
    path.write_text(path.read_text().replace("40.10 ± 0.14", "39.10 ± 0.14"))
    assert re.match(
        r"REPORT.md line \d+ is .*39\.10 ± 0\.14.*the records give .*40\.10", report.check(written, stand_in)
    )
    assert report.write(written, stand_in) == [path]
    record("bn-after-add", 0, errors=[40.0])
    assert "REPORT.md line" in report.check(written, stand_in)


def test_check_sees_a_change_that_no_rounded_number_shows(written: Path) -> None:
    metrics = written / "results" / "tiny" / "original" / "seed-0" / "metrics.csv"
    metrics.write_bytes(metrics.read_bytes().replace(b"\n", b"\r\n"))
    assert report.check(written, stand_in) == ""
    metrics.write_text(metrics.read_text().replace("50.0", "50.00001"))
    assert report.check(written, stand_in).startswith("REPORT.md line 3 is")


def test_check_sees_a_figure_that_is_absent_or_of_other_records_but_no_other_rendering(written: Path) -> None:
    figure = written / "docs" / "figures" / "tiny" / "final.svg"
    *drawing, stamp = figure.read_text().splitlines(keepends=True)
    figure.write_text("".join(drawing).replace("<svg", "<svg data-other='font'") + stamp)
    assert report.check(written, stand_in) == ""
    figure.write_text("".join(drawing))
    assert report.check(written, stand_in) == "docs/figures/tiny/final.svg was drawn from other records"
    figure.unlink()
    assert report.check(written, stand_in) == "there is no docs/figures/tiny/final.svg"


LOADED = """
import sys
from pathlib import Path
from repro.show import report
report.write(Path(sys.argv[1]))
print(sorted({"torch", "torchvision", "wandb", "sklearn"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_a_report_with_its_real_figures_loads_no_torch(written: Path, record: Record) -> None:
    record("original", 0, errors=[50.0, 40.0], scale="1/2")
    command = [sys.executable, "-W", "error", "-c", LOADED, str(written)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    drawn = [
        path.relative_to(written / "docs" / "figures").as_posix() for path in written.glob("docs/figures/**/*.svg")
    ]
    assert {"tiny/final.svg", "tiny/curves.svg", "tiny/peek-bias.svg", "scale-1-2/tiny/final.svg"} <= set(drawn)


# --- what a spec may hold --------------------------------------------------------------------------------------------

HOSTILE = "<script>alert('x')</script> | *a* [b](c) `d` \"e\" & f"


def test_markdown_takes_no_words_for_syntax() -> None:
    table = Table("", ("one", "two"), (cells(HOSTILE, "x"),))
    row = markdown_writer.as_markdown([table]).splitlines()[2]
    assert row == r"""| &lt;script>alert('x')&lt;/script> \| \*a\* \[b](c) \`d\` "e" & f | x |"""


def test_code_in_the_words_of_a_spec_is_code_in_both_forms(root: Path) -> None:
    path = root / "experiments" / "tiny.toml"
    text = path.read_text()
    changes = {"A reaches 10.31 %": "A `reaches` 10.31 %", "they are bundled": "`load | digits` has <them>"}
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    content, page = markdown(root), report.html(root, stand_in)
    assert r"| `load \| digits` has &lt;them> |" in content
    assert "<td><code>load | digits</code> has &lt;them&gt;</td>" in page
    assert "| A `reaches` 10.31 %<br>" in content and ">A <code>reaches</code> 10.31 %<br>" in page
    assert "**A `reaches` 10.31 %.**" in content and "<strong>A <code>reaches</code> 10.31 %.</strong>" in page
    assert "`" not in page.partition("<script>")[0].partition("<main>")[2]


@pytest.mark.parametrize("name", ["missing/page.html", ""])
def test_a_page_that_cannot_be_written_is_told_before_anything_is_drawn(root: Path, cli: Cli, name: str) -> None:
    result = cli("report", "--html", str(root / name) if name else "")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "cannot write" in result.stderr or "is a directory" in result.stderr
    assert cli("report", "--html", "x.html", "--check").exit_code == 2

    def drawn(*_: object) -> None:
        pytest.fail("drawn before the path was tried")

    with pytest.raises(UserError, match="cannot write"):
        report.write_html(root, root / "missing" / "page.html", drawn)


@pytest.mark.slow
def test_a_page_is_written_to_where_a_link_leads(root: Path, tmp_path: Path) -> None:
    page, link = tmp_path / "page.html", tmp_path / "link.html"
    page.write_text("old")
    link.symlink_to(page)
    report.write_html(root, link, stand_in)
    assert link.is_symlink() and page.read_text() == report.html(root, stand_in)


def test_html_escapes_whatever_a_spec_says(root: Path) -> None:
    path = root / "experiments" / "tiny.toml"
    path.write_text(path.read_text().replace('"Arm A"', f"'''{HOSTILE}'''").replace('"they are bundled"', "'<b>x</b>'"))
    body = report.html(root, stand_in)
    assert body.count("<script>") == 1
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; | *a*" in body
    assert "<b>x" not in body
    well_formed(body)


# --- the page --------------------------------------------------------------------------------------------------------

VOID = {"meta", "link", "br", "img"}


class Page(HTMLParser):
    """What the tests ask of a page; an end tag that closes nothing, or the wrong thing, is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for key, value in attrs if key == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def well_formed(body: str) -> Page:
    parsed = Page()
    parsed.feed(body)
    parsed.close()
    assert parsed.open == []
    assert len(set(parsed.ids)) == len(parsed.ids)
    return parsed


def test_the_page_is_whole_and_accessible(rendered: Rendered) -> None:
    body = rendered.html
    parsed = well_formed(body)
    assert all(head["scope"] in ("col", "row") for head in parsed.all("th"))
    assert parsed.all("img") and all(image["alt"] for image in parsed.all("img"))
    assert all(region["aria-label"] for region in parsed.all("div"))
    links = {str(link["href"]) for link in parsed.all("a")} - {"https://example.org/networks"}
    assert {link.removeprefix("#") for link in links} <= set(parsed.ids)
    assert {"#runs-tiny-a", "#runs-tiny-1-2-b"} < links
    assert body.startswith("<!DOCTYPE html>\n<html lang=")


def test_the_page_loads_nothing(rendered: Rendered) -> None:
    body = rendered.html
    for tag, attributes in well_formed(body).elements:
        for key in ("src", "srcset", "data", "poster", "action", "href" if tag == "link" else "src"):
            assert (attributes.get(key) or "data:").startswith("data:")
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", body)


def test_a_claim_leads_to_its_runs(rendered: Rendered) -> None:
    """Each run of an arm is a row: seed, status, final, best, time, commit, hardware."""
    body = rendered.html
    (runs,) = re.findall(r'<table class="[^"]+" id="runs-tiny-g">.*?</table>', body, re.DOTALL)
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", runs)]
    assert found[0][:7] == ["seed", "status", "final", "best", "time", "commit", "hardware"]
    assert found[3][:7] == ["2", "diverged", "90.00", "90.00", "2 min", "<code>abc</code>", "another"]
    assert len(found) == 4
    assert re.search(r'<td><a href="#runs-tiny-a">Arm A 10.00.*?</a><br><a href="#runs-tiny-g">Arm G', body)


def chromium() -> str:
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    path = next(filter(None, found), None)
    if not path:
        pytest.skip("needs chromium, chromium-browser or google-chrome")
    return path


def in_browser(browser: str, body: str, script: str, folder: Path) -> tuple[str, str]:
    """Open `body` with `script` at its end; what it wrote into the title, and what the console said."""
    folder.mkdir()
    path = folder / "page.html"
    path.write_text(body.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr"]
    flags += ["--virtual-time-budget=2000", "--dump-dom"]
    command = [browser, *flags, f"{path.as_uri()}#runs-tiny-g"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title, done.stderr
    return title[1], "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


SORT = """
const table = [...document.querySelectorAll("table")].find((t) => t.caption.textContent.startsWith("Arms of"));
const heads = [...table.tHead.rows[0].cells];
const order = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.slice(4, 5)).join("");
const said = [];
for (const name of ["ours", "ours", "published", "arm", "arm", "time"]) {
  const head = heads.find((h) => h.textContent.startsWith(name));
  const button = head.querySelector("button");
  button.focus();
  document.activeElement.click();
  said.push(order() + "/" + heads.filter((h) => h.ariaSort !== "none").map((h) => h.ariaSort));
}
const fold = document.getElementById("runs-tiny-g").closest("details");
document.title = said.join(" ") + " " + fold.open + " " + document.querySelectorAll("details[open]").length;
"""


def test_the_page_works_in_a_browser(rendered: Rendered, tmp_path: Path) -> None:
    """A header sorts up, then down, by value; what has none is last. A link to an arm's runs unfolds them."""
    browser, body = chromium(), rendered.html
    title, console = in_browser(browser, body, SORT, tmp_path / "sort")
    assert title.split() == [
        "AHEBCGF/ascending",
        "GCBEHAF/descending",
        "ABCGEHF/ascending",
        "ABCEFGH/ascending",
        "HGFECBA/descending",
        "HGECBAF/ascending",
        "true",
        "1",
    ]
    assert console == ""
    _, console = in_browser(browser, body, "absent.call()", tmp_path / "broken")
    assert "absent is not defined" in console  # so that silence above means something
