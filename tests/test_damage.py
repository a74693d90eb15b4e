"""Damaged bytes anywhere in a record: never a traceback, and never another number in a table."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fuzzing import Fuzz, places
from hypothesis import strategies as st

from repro import cli as command_line
from repro import records

FILES = ("run.json", *records.RESULTS)
AS_DATA = ("--format", "json")
ODD = ["1e999", "-1", "0", "1.5", "9" * 30, "9" * 5000, "1e300", "null", "true", '""', '"x"', '"\\ud800"', '"1/0"']
ODD += ['"\\u0000"', "[]", "{}", "[" * 300 + "]" * 300, '{"a": [1, {"b": null}]}']


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("base")


@pytest.fixture
def sound(base: Path, small_root: Path, record: Callable[..., Path]) -> Path:
    """A root with one finished run, whose record has digests; made once."""
    if not (base / "root").exists():
        folder = record("original", 0, errors=[50.0, 41.0, 40.0])
        content = json.loads((folder / "run.json").read_text()) | {"digests": records.digests(folder)}
        (folder / "run.json").write_text(json.dumps(content, indent=1))
        shutil.copytree(small_root, base / "root")
    return base / "root"


def run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(command_line.main, ["--root", str(root), *words], catch_exceptions=False)


def numbers(table: str) -> list[float | None]:
    row = json.loads(table)[0]["sheets"]["arms"][0]
    return [row[key] for key in ("mean", "best", "peek_bias")]


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes, bytes], bytes]:
    """A function from a file's content, and another file's, to the damaged content."""
    kind = draw(st.sampled_from(["flip", "cut", "splice", "insert", "odd value", "digit"]))
    place, length = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(1, 40))
    source, bit = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(0, 7))
    odd, junk, other = draw(st.sampled_from(ODD)), draw(st.binary(min_size=1, max_size=8)), draw(st.booleans())

    def damage(content: bytes, others: bytes) -> bytes:
        at = int(place * len(content))
        if kind == "flip":
            return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
        if kind == "cut":
            return content[:at] if other else content[:at] + content[at + length :]
        if kind == "splice":
            start = int(source * len(content))
            piece = (others if other else content)[start : start + length]
            return content[:at] + piece + content[at + length :]
        if kind == "insert":
            return content[:at] + junk + content[at:]
        if kind == "digit":
            digits = [i for i, byte in enumerate(content) if chr(byte).isdigit()]
            at = digits[int(place * len(digits))]
            return content[:at] + str(bit).encode() + content[at + 1 :]
        return with_odd_value(content, place, odd)

    return damage


def with_odd_value(content: bytes, place: float, odd: str) -> bytes:
    """One of the values of a JSON text replaced; any other content with the value in it."""
    try:
        tree = json.loads(content)
    except ValueError:
        at = int(place * len(content))
        return content[:at] + odd.encode() + content[at:]
    leaves = list(places(tree))
    inner, key = leaves[int(place * len(leaves))]
    inner[key] = "the odd value"
    return json.dumps(tree, indent=1).replace('"the odd value"', odd).encode()


@pytest.mark.slow
@pytest.mark.fault(
    "flipped, cut, spliced and inserted bytes and odd values in run.json, metrics.csv and predictions.npz",
    "the record is named and not counted, or no number changes; no traceback",
)
def test_damage_is_named_or_changes_no_number(fuzz: Fuzz, sound: Path, tmp_path: Path) -> None:
    root = tmp_path / "damaged"
    shutil.copytree(sound, root)
    folder = root / "results" / "tiny" / "original" / "seed-0"
    whole = {name: (folder / name).read_bytes() for name in FILES}
    content = json.loads(whole["run.json"])
    del content["digests"]
    without_digests = json.dumps(content, indent=1).encode()

    def check(case: tuple[str, str, Callable[[bytes, bytes], bytes], bool, tuple[str, ...], bool]) -> None:
        name, other, damage, digests, table, anyway = case
        files = whole if digests else whole | {"run.json": without_digests}
        before, after = files[name], damage(files[name], files[other])
        for each, content in (files | {name: after}).items():
            (folder / each).write_bytes(content)
        named = "damaged: " in run(root, "status").stderr
        if not named or anyway:  # a table without the record costs as much, and is always the same
            done = run(root, "table", "tiny", *table)
            assert done.exit_code == named == ("damaged: " in done.stderr), done.output
            if table == AS_DATA:
                assert numbers(done.stdout) in ([40.0, 40.0, 0.0], [None] * 3)
        if name != "run.json" and digests:
            assert named == (after.replace(b"\r\n", b"\n") != before.replace(b"\r\n", b"\n"))

    tables = st.sampled_from([AS_DATA, AS_DATA, (), ("--per-class",)])
    once_in_ten = st.integers(0, 9).map(lambda number: number == 9)
    names = st.sampled_from(FILES)
    fuzz(st.tuples(names, names, damages(), st.booleans(), tables, once_in_ten), check)
