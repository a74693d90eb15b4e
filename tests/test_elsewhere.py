"""`repro judge`: results that other code trained are judged as our own, are marked, and are never mixed with them."""

import csv
import io
import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from helpers import REPO, TINY
from hypothesis import given, settings
from hypothesis import strategies as st

from repro import spec
from repro.errors import UserError
from repro.records import elsewhere
from repro.records.results import Results
from repro.show import tables

Cli = Callable[..., Result]
Record = Callable[..., Path]
Edit = Callable[..., Path]
Csv = Callable[[str], Path]

MARK = "Trained elsewhere: results read from theirs.csv, not checked against the recipe"
GOOD = "arm,seed,test_error\noriginal,0,10.1\noriginal,1,10.2\nbn-after-add,0,12.1\nbn-after-add,1,12.3\n"


@pytest.fixture
def theirs(tmp_path: Path) -> Csv:
    """theirs(text): a file with that text, theirs.csv, beside the small root's folders."""

    def write(text: str) -> Path:
        path = tmp_path / "theirs.csv"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write


def judged(result: Result) -> dict[str, dict[str, Any]]:
    """Claim -> its row in the JSON."""
    assert result.exit_code == 0, result.stderr
    (tables,) = json.loads(result.stdout)
    return {row["id"]: row for row in tables["sheets"].get("claims", [])}


# --- the verdicts ----------------------------------------------------------------------------------------------------

# claims that need final errors only, and whose verdict does not depend on a primary claim that the file cannot test
SAME = {"mnist-mlp": ["shuffling-changes-little"], "resnet18-adam": ["lenet-value"], "cifar-cnn": ["at-least-70"]}


@pytest.mark.parametrize("name", SAME)
def test_our_own_records_as_a_file_get_our_own_verdicts(name: str, cli: Cli, tmp_path: Path) -> None:
    """All but what only records hold: when the runs began."""
    runs = Results.load(REPO, name).counted().runs
    columns = ["arm", "seed", "test_error", "train_error", "best_test_error", "validated_test_error"]
    file = tmp_path / "ours.csv"
    runs[columns].dropna(axis=1, how="all").to_csv(file, index=False)
    ours = judged(cli("table", name, "--format", "json", root=REPO))
    found = judged(cli("judge", name, "--results", str(file), "--format", "json", root=REPO))
    for claim in SAME[name]:
        recorded = ours[claim] | {"post_hoc": "", "sentence": ours[claim]["sentence"].partition(" Post hoc:")[0]}
        assert recorded["verdict"] != "no verdict"
        assert found[claim] == recorded
    decided = {id: row["verdict"] for id, row in found.items() if row["verdict"] != "no verdict"}
    assert decided == {id: row["verdict"] for id, row in ours.items() if id in decided}


def test_a_primary_claim_that_the_file_cannot_test_still_counts_for_holm(cli: Cli, tmp_path: Path) -> None:
    """As one that is undecided: leaving it out would make the others easier to decide."""
    file = tmp_path / "ours.csv"
    runs = Results.load(REPO, "cifar-cnn").counted().runs
    first = runs[(runs.arm == "epochs8") & (runs.seed < 5)]
    first[["arm", "seed", "test_error", "validated_test_error"]].to_csv(file, index=False)
    found = judged(cli("judge", "cifar-cnn", "--results", str(file), "--format", "json", root=REPO))
    assert found["worst-classes"]["verdict"] == "no verdict"
    row = found["about-70"]
    assert (row["verdict"], row["lean"]) == ("inconclusive", "not reproduced before Holm")
    assert row["p_looks"] < 0.05 < row["p_holm"] == pytest.approx(2 * row["p_looks"])


def test_a_run_without_an_error_diverged_and_counts(cli: Cli, theirs: Csv, small_root: Path) -> None:
    file = theirs(GOOD + "bn-after-add,2,\noriginal,2,10.0\n")
    result = cli("judge", "tiny", "--results", str(file), "--plot", str(small_root / "figures"))
    assert "12.20 ± 0.14 (n = 2), 1 of 3 diverged" in result.stdout
    assert "- BN after addition seed 2 diverged; it is counted, but excluded from means" in result.stdout
    assert "with diverged runs ranked last" in " ".join(result.stdout.split())
    assert (small_root / "figures" / "tiny-elsewhere" / "final.svg").exists()
    nothing = theirs(HEAD + "original,0,\noriginal,1,\n")
    result = cli("judge", "tiny", "--results", str(nothing), "--plot", str(small_root / "all"))
    assert "2 of 2 diverged" in result.stdout and (small_root / "all" / "tiny-elsewhere" / "final.svg").exists()


def test_seeds_that_are_missing_are_named(cli: Cli, theirs: Csv, edit: Edit) -> None:
    edit({"primary = true": "looks = [3, 5]"})
    result = cli("judge", "tiny", "--results", str(theirs(GOOD + "original,2,10\noriginal,7,10\n")))
    text = " ".join(result.stdout.split())
    assert "bn-after-add-is-worse: No verdict: " in text
    assert "The first look is at 3 seeds per arm and lacks 1 seed of bn-after-add." in text
    assert "BN after addition: no run of seed 2, 7" in text


def test_arms_that_fix_their_precision_are_judged(cli: Cli, theirs: Csv) -> None:
    """What they were trained in is taken from the arm; what others were trained in is not known, and is no matter."""
    arms = [arm.name for arm in spec.load("precision", REPO).arms]
    rows = [f"{arm},{seed},{7 + 0.1 * math.sin(seed + len(arm)):.2f}" for arm in arms for seed in range(10)]
    file = theirs("\n".join(["arm,seed,test_error", *rows]))
    found = judged(cli("judge", "precision", "--results", str(file), "--format", "json", root=REPO))
    assert {row["look"] for row in found.values()} != {None}


# --- the mark, and what is not known ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", tables.FORMATS)
def test_every_format_is_marked_and_prints_nothing_that_is_not_known(form: str, cli: Cli, theirs: Csv) -> None:
    result = cli("judge", "tiny", "--results", str(theirs(GOOD + "original,2,\n")), "--format", form)
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert MARK in text and "whether the claims were fixed before these runs is not known" in text
    assert "bn-after-add-is-worse" in text
    for unknown in (
        "nan",
        "None",
        "post hoc",
        "Post hoc",
        "uncommitted",
        "CPU threads",
        "repro run",
        "deviations from",
    ):
        assert unknown not in text
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert all(row["heading"].startswith(MARK) for row in rows)
    if form == "json":
        assert json.loads(result.stdout)[0]["heading"].startswith(MARK)
    if form in ("text", "md", "latex", "html"):  # beside the numbers too, where a part of it may be copied
        assert text.count("trained elsewhere:") == 2


def test_claims_on_what_the_file_lacks_have_no_verdict_and_say_why(cli: Cli, theirs: Csv, edit: Edit) -> None:
    more = "".join(
        f'\n[[claim]]\nid = "{name}"\norigin = "own"\nsays = "so"\narms = ["original"]\n{fields}\n'
        for name, fields in {
            "training": 'kind = "bound"\nmetric = "train_error"\nabove = 1.0',
            "gap": 'kind = "bound"\nmetric = "gap"\nabove = 0.0',
            "best": 'kind = "bound"\nmetric = "best"\nabove = 1.0',
            "validated": 'kind = "bound"\nmetric = "best-validation"\nabove = 1.0',
            "curve": 'kind = "curve"\nmetric = "test_error"\nmargin = 1.0\nwhy_margin = "so"\n'
            "points = [{ iteration = 12, published = 10.0 }]",
            "classes": 'kind = "worst-classes"\nclasses = ["0"]\nlooks = [3]',
        }.items()
    )
    edit({}, more)
    found = judged(cli("judge", "tiny", "--results", str(theirs(GOOD)), "--format", "json"))
    reasons = {id: row["sentence"] for id, row in found.items() if row["verdict"] == "no verdict"}
    assert reasons == {
        "training": "No verdict: theirs.csv has no column train_error.",
        "gap": "No verdict: theirs.csv has no column train_error.",
        "best": "No verdict: theirs.csv has no column best_test_error.",
        "validated": "No verdict: theirs.csv has no column validated_test_error.",
        "curve": "No verdict: theirs.csv has no learning curves.",
        "classes": "No verdict: theirs.csv has no predictions, so no errors by class.",
    }
    columns = "arm,seed,test_error,train_error,best_test_error,validated_test_error"
    rows = [f"original,{seed},10.{seed},8.{2 * seed},9.{seed},9.{seed + 3}" for seed in range(3)]
    file = theirs("\n".join([columns, *rows]))
    found = judged(cli("judge", "tiny", "--results", str(file), "--format", "json"))
    estimates = {name: found[name]["estimate"] for name in ("training", "gap", "best", "validated")}
    assert estimates == pytest.approx({"training": 7.2, "gap": 1.9, "best": 8.1, "validated": 8.4})


def test_our_own_records_are_not_mixed_in_and_stay_as_they_are(
    record: Record, cli: Cli, theirs: Csv, small_root: Path
) -> None:
    for seed in range(4):
        record("original", seed, errors=[50.0 + seed])
    before = {path: path.read_bytes() for path in (small_root / "results").rglob("*") if path.is_file()}
    result = cli("judge", "tiny", "--results", str(theirs(GOOD)), "--plot", str(small_root / "figures"))
    assert "10.15 ± 0.07 (n = 2)" in result.stdout
    assert {path: path.read_bytes() for path in (small_root / "results").rglob("*") if path.is_file()} == before
    drawn = sorted(path.name for path in (small_root / "figures").rglob("*.png"))
    assert drawn == ["final.png"]  # no curves, though records with the names of these runs have them


def test_figures_that_need_more_say_what_is_missing(cli: Cli, theirs: Csv, small_root: Path) -> None:
    rows = "\n".join(
        line + ("best_test_error" if i == 0 else "9.5") for i, line in enumerate(GOOD.replace("\n", ",\n").split())
    )
    result = cli("judge", "tiny", "--results", str(theirs(rows)), "--plot", str(small_root / "figures"))
    drawn = small_root / "figures" / "tiny-elsewhere"
    assert sorted(path.name for path in drawn.iterdir()) == ["final.png", "final.svg", "peek-bias.png", "peek-bias.svg"]
    for kind in ("curves", "confusion", "per-class", "hardest"):
        assert f"no {kind}: theirs.csv has no learning curves and no predictions" in result.stderr
    assert f"{drawn / 'final.png'}\n" in result.stderr and "final.png" not in result.stdout
    result = cli("judge", "tiny", "--results", str(theirs(GOOD)), "--plot", str(small_root / "figures"))
    assert "no peek-bias: theirs.csv has no column best_test_error" in result.stderr


def test_depth_is_drawn_from_the_arms_alone(cli: Cli, theirs: Csv, tmp_path: Path) -> None:
    file = theirs("arm,seed,test_error\nresnet20,0,8.7\nresnet20,1,8.8\nresnet56,0,6.9\nresnet56,1,7.0\n")
    result = cli("judge", "resnet-depth", "--results", str(file), "--plot", str(tmp_path / "figures"), root=REPO)
    assert result.exit_code == 0
    assert (tmp_path / "figures" / "resnet-depth-elsewhere" / "depth.png").exists()


def test_check_is_exit_code_3_where_a_claim_is_not_reproduced(cli: Cli, theirs: Csv) -> None:
    assert cli("judge", "tiny", "--results", str(theirs(GOOD)), "--check").exit_code == 0
    backwards = GOOD.replace("bn-after-add", "x").replace("original", "bn-after-add").replace("x", "original")
    result = cli("judge", "tiny", "--results", str(theirs(backwards)), "--check")
    assert result.exit_code == 3
    counts = "1 of 1 claim judged: 1 not reproduced"
    assert result.stderr == f"{counts}\nnot reproduced: tiny/bn-after-add-is-worse\n"
    assert cli("judge", "tiny", "--results", str(theirs(backwards))).exit_code == 0


def test_it_fits_a_terminal_of_80_columns(cli: Cli, theirs: Csv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    arms = [arm.name for arm in spec.load("bn-placement", REPO).arms]
    rows = [f"{arm},{seed},{7 + 0.1 * math.sin(seed + len(arm)):.2f}" for arm in arms for seed in range(5)]
    output = cli(
        "judge", "bn-placement", "--results", str(theirs("\n".join(["arm,seed,test_error", *rows]))), root=REPO
    )
    lines = output.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    first, second = (line.split() for line in lines if line.startswith("claim "))
    assert first[:2] == ["claim", "verdict"] and second[0] == "claim", "it continues below"
    assert sum(line.split()[:1] == ["relu-only-preact-is-no-different"] for line in lines) == 2


# --- the spec --------------------------------------------------------------------------------------------------------


def test_a_spec_may_lie_anywhere(cli: Cli, theirs: Csv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside no other experiment and no results; and a name in a path is the file's, not an experiment's."""
    folder = tmp_path / "own claims"
    folder.mkdir()
    mine = TINY.replace('name = "tiny"', 'name = "mine"')
    (folder / "mine.toml").write_text(mine)
    file = str(theirs(GOOD))
    expected = judged(cli("judge", "tiny", "--results", file, "--format", "json"))
    assert judged(cli("judge", str(folder / "mine.toml"), "--results", file, "--format", "json")) == expected
    monkeypatch.chdir(folder)
    for path in ("mine.toml", "./mine.toml"):
        nowhere = tmp_path / "nowhere"
        assert judged(cli("judge", path, "--results", file, "--format", "json", root=nowhere)) == expected
    assert sorted(path.name for path in folder.iterdir()) == ["mine.toml"]


def test_all_that_is_wrong_with_a_spec_is_reported(cli: Cli, theirs: Csv, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TINY.replace("margin = 0.3", "margin = 0").replace("lr = 0.05", "lr = -1.0"))
    result = cli("judge", str(path), "--results", str(theirs(GOOD)))
    assert (result.exit_code, result.stdout) == (2, "")
    first, *others = result.stderr.splitlines()
    assert first == f"error: {path}: name = 'tiny': must be the file's name, 'mine'"
    assert [line.split(" is not allowed")[0] for line in others] == [
        f"{path}: [base]: optimizer.lr = -1.0",
        f"{path}: [[claim]] 'bn-after-add-is-worse': margin = 0",
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tiney"], "error: unknown experiment 'tiney'; did you mean 'tiny'?"),
        (["none.toml"], "error: cannot read none.toml: No such file or directory"),
        (["."], "error: cannot read .: Is a directory"),
        (["tiny", "--format", "pdf"], "error: no table format 'pdf'; allowed: text, md, csv, json, latex, html"),
    ],
)
def test_wrong_use_is_a_message(words: list[str], expected: str, cli: Cli, theirs: Csv) -> None:
    result = cli("judge", *words, "--results", str(theirs(GOOD)))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(expected)


def test_images_of_ones_own_need_not_be_here(cli: Cli, theirs: Csv, small_root: Path) -> None:
    text = TINY.replace('dataset = "digits"\nbatch', 'dataset = "folder:mine"\nimage_size = 32\nbatch')
    (small_root / "experiments" / "tiny.toml").write_text(text)
    result = cli("judge", "tiny", "--results", str(theirs(GOOD)), "--plot", str(small_root / "figures"))
    assert result.exit_code == 0
    assert "bn-after-add-is-worse" in result.stdout


# --- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.rstrip("\n"),
        GOOD.replace("\n", "\n\n") + ",,\n",
        GOOD.replace(",", " , "),
        "".join(f'"{line}"\n'.replace(",", '","') for line in GOOD.split()),
        "".join(",".join(reversed(line.split(","))) + "\n" for line in GOOD.split()),
    ],
    ids=["BOM", "Windows", "old Mac", "no last line end", "blank lines", "spaces", "quoted", "other order"],
)
def test_what_spreadsheets_write_is_read(text: str, cli: Cli, theirs: Csv) -> None:
    expected = cli("judge", "tiny", "--results", str(theirs(GOOD))).stdout
    result = cli("judge", "tiny", "--results", str(theirs(text)))
    assert (result.exit_code, result.stdout) == (0, expected)


HEAD = "arm,seed,test_error\n"
ALLOWED = "allowed: arm, seed, test_error, and optionally train_error, best_test_error, validated_test_error"


ARMS = "allowed: original, bn-after-add"
NOT_WHOLE = "is not allowed; allowed: a whole number"
NOT_A_NUMBER = "is not allowed; allowed: a number"


@pytest.mark.parametrize(
    "case",
    [
        ("", f" is empty: its first line must name the columns; {ALLOWED}"),
        ("\n , ,\n", f" is empty: its first line must name the columns; {ALLOWED}"),
        (HEAD, " has no runs: it has the line with the columns only, and needs one row per run"),
        ("arm;seed;test_error\noriginal;0;8,1\n", ", line 1: the columns are separated by ';'; allowed: commas"),
        ("arm,test_error\n", ", line 1: the column 'seed' is missing"),
        (f"\n\n,{HEAD}", f", line 3: column 1 has no name; {ALLOWED}"),
        ("arm,arm,seed,test_error\n", ", line 1: the column 'arm' is there twice"),
        (
            "arm,seed,test_err,note\n",
            f", line 1: unknown column 'test_err'; did you mean 'test_error'?; {ALLOWED}",
            f", line 1: unknown column 'note'; {ALLOWED}",
            ", line 1: the column 'test_error' is missing",
        ),
        (f"{HEAD}original,0\n", ", line 2: it has 2 values, but there are 3 columns"),
        (f"{HEAD}original,0,8,1\n", ", line 2: it has 4 values, but there are 3 columns"),
        (
            f"{HEAD}\norignal,0,8\n",
            f", line 3: arm = 'orignal' is not an arm of tiny; did you mean 'original'?; {ARMS}",
        ),
        (
            f"{HEAD}original,0,8\nbn-after-add,0,9\noriginal,00,8.5\n",
            ", line 4: arm 'original' seed 0 is already on line 2",
        ),
        (
            f"{HEAD}original,-1,8\noriginal,1.5,8\noriginal,,8\noriginal,one,8\n",
            ", line 2: seed = '-1' is not allowed; allowed: 0 or more",
            f", line 3: seed = '1.5' {NOT_WHOLE}",
            f", line 4: seed = '' {NOT_WHOLE}",
            f", line 5: seed = 'one' {NOT_WHOLE}",
        ),
        (
            f"{HEAD}original,0,100.5\noriginal,1,-0.1\noriginal,2,8%\noriginal,3,nan\noriginal,4,inf\n",
            ", line 2: test_error = '100.5' is not allowed; allowed: 100 or less",
            ", line 3: test_error = '-0.1' is not allowed; allowed: 0 or more",
            f", line 4: test_error = '8%' {NOT_A_NUMBER}",
            ", line 5: test_error = 'nan' is not allowed; allowed: a finite number",
            ", line 6: test_error = 'inf' is not allowed; allowed: a finite number",
        ),
        (
            "arm,seed,test_error,train_error,best_test_error\noriginal,0,8,,7\noriginal,1,,,\noriginal,2,8,1,8.5\n",
            ", line 2: train_error is empty; give it for each run that has a test_error, or leave the column out",
            ", line 4: best_test_error = 8.5 is above test_error = 8, but it is the lowest at any evaluation, "
            "the last one included",
        ),
        (f'{HEAD}"original,0,8\n', ", line 2: not CSV: unexpected end of data"),
        (f'{HEAD}"original" x,0,8\n', """, line 2: not CSV: ',' expected after '"'"""),
        (
            f'{HEAD}"orig\ninal",0,8\noriginal,x,8\n',
            ", line 2: arm = 'orig\\ninal' is not an arm of tiny; did you mean 'original'?; "
            "allowed: original, bn-after-add",
            f", line 4: seed = 'x' {NOT_WHOLE}",
        ),
    ],
    ids=lambda case: repr(case[0]),
)
def test_all_that_is_wrong_with_a_file_is_reported_at_once(case: tuple[str, ...], cli: Cli, theirs: Csv) -> None:
    """`case`: the text of the file, then one line per error, each of which begins with the file."""
    text, *expected = case
    file = theirs(text)
    result = cli("judge", "tiny", "--results", str(file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: " + "".join(f"{file}{line}\n" for line in expected)


@pytest.mark.parametrize(("encoding", "byte"), [("utf-16", 0), ("latin-1", 13)])
def test_another_encoding_is_a_message(encoding: str, byte: int, cli: Cli, theirs: Csv) -> None:
    file = theirs("")
    file.write_bytes(
        GOOD.replace("seed", "se\xe9d").encode(encoding) if encoding == "latin-1" else GOOD.encode(encoding)
    )
    result = cli("judge", "tiny", "--results", str(file))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {file}: byte ")
    assert result.stderr.endswith(" is not UTF-8; save the file as CSV in UTF-8\n")


def test_a_file_that_is_not_there_is_a_message(cli: Cli, tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.csv", "No such file or directory"), (tmp_path, "Is a directory")):
        result = cli("judge", "tiny", "--results", str(path))
        assert (result.exit_code, result.stderr) == (2, f"error: cannot read {path}: {why}\n")


def test_seeds_may_be_as_large_as_one_likes(cli: Cli, theirs: Csv) -> None:
    seeds = (2**31, 2**64, 10**30)
    text = HEAD + "".join(
        f"{arm},{seed},1{i}\n" for arm in ("original", "bn-after-add") for i, seed in enumerate(seeds)
    )
    result = cli("judge", "tiny", "--results", str(theirs(text)))
    assert result.exit_code == 0
    assert "11.00 ± 1.00 (n = 3)" in result.stdout


def test_fractions_deserve_a_warning(cli: Cli, theirs: Csv, edit: Edit) -> None:
    fractions = GOOD.replace("10.", "0.10").replace("12.", "0.12")
    warning = "warning: all test errors in theirs.csv are below 1: these look like fractions; test_error is in %\n"
    result = cli("judge", "tiny", "--results", str(theirs(fractions)))
    assert (result.exit_code, result.stderr) == (0, warning)
    assert cli("judge", "tiny", "--results", str(theirs(fractions + "original,2,1.2\n"))).stderr == ""
    edit({"test_error = 40.0": "test_error = 0.4"})  # as on MNIST
    assert cli("judge", "tiny", "--results", str(theirs(fractions))).stderr == ""


CELL = st.one_of(
    st.sampled_from(
        ["original", "bn-after-add", "", "0", "1", "2", "8.5", "9.25", "100", "nan", "1e999", '"', "\n", "é"]
    ),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=4),
)
NAMES = st.sampled_from(
    ["arm", "seed", "test_error", "train_error", "best_test_error", "validated_test_error", "x", ""]
)
LINES = st.lists(st.lists(CELL, min_size=1, max_size=5).map(",".join), max_size=6).map("\n".join)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["original", "bn-after-add"]),
        st.integers(0, 5).map(str),
        st.one_of(st.just(""), st.sampled_from(["9", "10", "12.5"]), st.floats(0, 100).map(str)),
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda row: row[:2],
).map(lambda rows: "\n".join(map(",".join, rows)))
HEADS = st.one_of(
    st.just(HEAD), st.permutations(HEAD.split()[0].split(",")).map(",".join), st.lists(NAMES).map(",".join)
)


@cache
def tiny(folder: Path) -> spec.Experiment:
    (folder / "tiny.toml").write_text(TINY)
    return spec.parse(folder / "tiny.toml")


@settings(max_examples=100, deadline=None)
@given(
    content=st.one_of(st.binary(max_size=60), st.builds("{}\n{}".format, HEADS, st.one_of(LINES, ROWS)).map(str.encode))
)
def test_no_file_gives_a_traceback(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It is read and judged, or there is a message that names the file."""
    folder = tmp_path_factory.getbasetemp()
    file = folder / "any.csv"
    file.write_bytes(content)
    try:
        results = elsewhere.read(file, tiny(folder))
    except UserError as error:
        assert str(file) in str(error)
        return
    text = tables.render([results], "text", view="claims")
    assert "nan" not in text and "None" not in text
