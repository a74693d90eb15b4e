"""What of the report is short: the effort, README's summary of the claims, the log's hours."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from click.testing import Result
from matplotlib.figure import Figure

from repro import spec
from repro.claims.rules import ArmErrors, judge_order
from repro.errors import UserError
from repro.records.results import Results
from repro.show import report
from repro.show.report import inserts
from repro.show.report.claims import ClaimView, deciding_difference
from repro.spec import freeze

REPO = Path(__file__).resolve().parent.parent

Cli = Callable[..., Result]
Edit = Callable[..., Path]
Record = Callable[..., Path]

MORE = """
[[claim]]
id = "original-value"
kind = "value"
arms = ["original"]
margin = 0.5
why_margin = "less would not matter"
says = "the original reaches 40.00 %"
origin = "own"

[[lesson]]
question = "Does it matter where batch norm sits?"
claims = ["bn-after-add-is-worse"]

[[lesson]]
question = "Is the published number right?"
claims = ["original-value"]
"""
PAGE = "# A page\n\n{start}\nwhat stood here before\n{end}\n\nBy hand.\n"


def stand_in(results: Results, kind: str) -> Figure | None:
    return None


@pytest.fixture
def asked(edit: Edit, small_root: Path) -> Path:
    """A root whose experiment has two lessons, one of them on a claim about a published number."""
    edit({}, MORE)
    freeze.freeze(small_root, [])
    return small_root


@pytest.fixture
def at(record: Record) -> Callable[..., None]:
    """at("1/2"): runs at that scale by which batch norm after the addition is worse by 10 points, n = 3."""

    def recorded(scale: str, **session: str) -> None:
        for seed in range(3):
            record("original", seed, errors=[50.0 + seed / 10], scale=scale, session=session)
            record("bn-after-add", seed, errors=[60.0 + seed / 10], scale=scale, session=session)

    return recorded


def page(root: Path, file: str = "README.md") -> Path:
    """A file with the markers of its generated part."""
    name = inserts.INSERTS[file][0]
    path = root / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(PAGE.format(start=inserts.START.format(name=name), end=inserts.END.format(name=name)))
    return path


# --- the first page ---


def test_the_effort_is_said_with_its_hardware(asked: Path, at: Callable[..., None], record: Record) -> None:
    at("1")
    record("original", 3, errors=[50.3], session={"hardware": "a GPU"})
    told = "7 runs at full scale took 10 min of wall time on: a GPU, fp32; a processor, fp32."
    assert told in report.markdown(asked, stand_in)


def test_the_issues_questions_are_asked_of_the_shipped_experiments() -> None:
    """Depth, where batch norm sits at two depths, Adam, VGG's saturation; no question holds a published number."""
    asked = {name: spec.load(name, REPO).lessons for name in spec.names(REPO)}
    assert all(asked.values())
    text = " ".join(lesson.question for each in asked.values() for lesson in each)
    for words in ("Does depth help", "at 32 layers", "at 110 layers", "Adam worse", "saturate"):
        assert words in text
    assert "%" not in text


# --- README's summary ------------------------------------------------------------------------------------------------


def test_the_part_between_the_markers_is_written_and_no_other(asked: Path, at: Callable[..., None]) -> None:
    at("1")
    path = page(asked)
    figures = [asked / "docs/figures" / name for name in ("table.svg", "verdicts.svg")]
    assert report.write(asked, stand_in) == [*figures, asked / "REPORT.md", path]
    text = path.read_text()
    assert text.startswith("# A page\n\n<!-- claims: written by `repro report`, never by hand -->\n\n")
    assert text.endswith("\n\n<!-- end of claims -->\n\nBy hand.\n")
    assert "what stood here before" not in text
    tally = "Of 2 questions of this project, 1 is answered yes and 1 is answered no."
    assert f"**{tally}** Every claim and every number is in [REPORT.md](REPORT.md)." in text and "p <" not in text
    assert "](docs/figures/table.svg)" in text and "](docs/figures/verdicts.svg)" in text
    assert report.write(asked, stand_in) == []


def test_readme_has_nothing_of_a_reduced_scale(asked: Path, at: Callable[..., None], record: Record) -> None:
    """Whatever was decided there; of full scale one row per claim with a verdict."""
    at("1/2")
    path = page(asked)
    report.write(asked, stand_in)
    before, block = path.read_text().split("by hand -->\n\n")
    assert block.split("\n\n<!--")[0] == (
        "**Of 2 questions of this project none is decided yet.** "
        "Every claim and every number is in [REPORT.md](REPORT.md)."
    )
    for seed in range(3):
        record("original", seed, errors=[40.0 + seed / 10])
    report.write(asked, stand_in)
    text = path.read_text()
    assert "**Of 2 questions of this project, 1 is answered yes and 1 is undecided.**" in text
    assert "1/2" not in text


def test_check_fails_where_the_part_is_not_current(asked: Path, at: Callable[..., None], cli: Cli) -> None:
    path = page(asked)
    report.write(asked)
    assert cli("report", "--check").exit_code == 0
    written = path.read_text()
    path.write_text(written.replace("none is decided yet", "all are decided"))
    result = cli("report", "--check")
    assert result.exit_code == 3
    assert "README.md line 5 is '**Of 2 questions of this project all are decided." in result.stderr
    path.write_text(written.replace("By hand.", "By another hand."))
    assert cli("report", "--check").exit_code == 0


def test_a_file_without_markers_or_no_file_is_left_alone(asked: Path) -> None:
    assert report.write(asked, stand_in) == [asked / "REPORT.md"]
    (asked / "README.md").write_text("# A page\n")
    assert report.write(asked, stand_in) == []
    assert report.check(asked, stand_in) == ""


@pytest.mark.parametrize("wrong", ["start only", "end only", "swapped", "twice"])
def test_markers_out_of_order_are_told_and_nothing_is_written(asked: Path, wrong: str) -> None:
    start, end = inserts.START.format(name="claims"), inserts.END.format(name="claims")
    lines = {"start only": [start], "end only": [end], "swapped": [end, start], "twice": [start, end, start, end]}
    text = "\n".join(lines[wrong])
    (asked / "README.md").write_text(text)
    with pytest.raises(UserError, match=r"README\.md: each marker must occur exactly once"):
        report.write(asked, stand_in)
    assert (asked / "README.md").read_text() == text and not (asked / "REPORT.md").exists()


def test_the_shipped_files_have_their_markers() -> None:
    for file, (name, _) in inserts.INSERTS.items():
        assert inserts.START.format(name=name) in (REPO / file).read_text()


# --- the log's hours -------------------------------------------------------------------------------------------------


def test_hours_by_experiment_scale_and_hardware(asked: Path, record: Record) -> None:
    """90 s a run; what is stale or unfinished took time too, what was reused took none. Days are the records'."""
    record("original", 0, errors=[50.0], wall_seconds=7200.0)
    record("original", 1, errors=[50.0], status="diverged", finished="2026-01-03T01:00:00+00:00")
    record("original", 2, errors=[50.0], fingerprint="0" * 16)
    record("bn-after-add", 0, errors=[50.0], session={"hardware": "a GPU", "precision": "bf16"})
    record("bn-after-add", 1, errors=[50.0], session={"dirty": "0123456789abcdef"})
    record("original", 0, errors=[50.0], scale="1/2", status="interrupted", finished=None)
    record("original", 1, errors=[50.0], scale="1/2", trained_as="other/arm/seed-1")
    record("original", 2, errors=[50.0], scale="1/2", trained_as="other/arm/seed-2", fingerprint="0" * 16)
    path = page(asked, "docs/results-log.md")
    report.write(asked, stand_in)
    lines = path.read_text().splitlines()
    assert (
        "7 recorded runs, 2 h 06 min of wall time in total, not counting 1 run trained on uncommitted changes." in lines
    )
    assert [line for line in lines if line.startswith("| tiny")] == [
        "| tiny | full | a GPU, bf16 | 1 done | 2 min | 2025-12-31 | 2026-01-01 |",
        "| tiny | full | a processor, fp32 | 1 diverged, 1 done, 1 stale | 2 h 03 min | 2025-12-31 | 2026-01-03 |",
        "| tiny | 1/2 | a processor, fp32 | 1 interrupted, 1 reused, 1 stale | 2 min | 2025-12-31 | 2026-01-01 |",
    ]


@pytest.mark.parametrize(
    ("means", "shown"),
    [
        ((10, 15, 20), r"\+10.00 .* \(ends\)"),
        ((20, 15, 10), r"-10.00 .* \(ends\)"),
        ((15, 10, 20), r"-5.00 .* \(a step\)"),
    ],
    ids=["holds", "turned round", "first two turned round"],
)
def test_an_order_is_told_by_what_decided_it(means: tuple[float, ...], shown: str) -> None:
    arms = [ArmErrors(f"arm {i}", {0: mean - 0.1, 1: mean, 2: mean + 0.1}) for i, mean in enumerate(means)]
    said = SimpleNamespace(judged=SimpleNamespace(verdict=judge_order(arms, margin=0.3)))
    assert re.fullmatch(shown, deciding_difference(cast(ClaimView, said)))
