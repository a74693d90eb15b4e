"""repro from Python: the same numbers as the commands print."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from repro import api

Write = Callable[..., Path]
NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "python.ipynb"


def test_results_table_and_curves_are_those_of_the_records(record: Write, small_root: Path) -> None:
    record("original", 0, errors=[50, 40])
    record("original", 1, errors=[52, 42])
    record("bn-after-add", 0, errors=[60, 45])
    rows = api.results("tiny", root=small_root)
    assert list(rows.test_error) == [45, 40, 42]
    table = api.table("tiny", root=small_root).set_index("arm")
    assert table.loc["original", "mean"] == 41 and table.loc["original", "published"] == 40
    curves = api.evaluations("tiny", root=small_root)
    assert list(curves[(curves.arm == "original") & (curves.seed == 1)].test_error) == [52, 42]
    claims = api.judge("tiny", root=small_root)
    assert list(claims.id) == ["bn-after-add-is-worse"] and claims.verdict[0] == "no verdict"
    assert api.plot("tiny", "final", root=small_root).axes
    assert api.load("tiny", root=small_root).arm("original").label == "Original"
    assert api.load(small_root / "experiments" / "tiny.toml").name == "tiny"


def test_it_trains_what_is_not_done_and_returns_these_runs(small_root: Path) -> None:
    rows = api.run("tiny", arms=["original"], seeds=2, root=small_root, threads=1)
    assert list(rows.seed) == [0, 1] and set(rows.status) == {"done"}
    tried = api.run("tiny", arms=["original"], settings=["optimizer.lr=0.01"], root=small_root)
    assert list(tried.arm) == ["original,optimizer.lr=0.01"]
    assert len(api.results("tiny", root=small_root)) == 2


def test_mistakes_are_errors_that_say_what_is_allowed(record: Write, small_root: Path) -> None:
    folder = record("original", 0, errors=[50, 40])
    for wrong, call in {
        "unknown experiment": lambda: api.results("tinny", root=small_root),
        "unknown option 'job'": lambda: api.run("tiny", root=small_root, job=2),
        "choose one": lambda: api.table("tiny", root=small_root, demo=True, scale="1/2"),
        "no figure of kind": lambda: api.plot("tiny", "pie", root=small_root),
        "do not suffice": lambda: api.plot("tiny", "depth", root=small_root),
    }.items():
        with pytest.raises(api.UserError, match=wrong):
            call()
    with pytest.raises(api.RunsFailed, match="metrics.csv"):
        (folder / "metrics.csv").write_text("")
        api.run("tiny", arms=["original"], root=small_root)
    with pytest.warns(UserWarning, match="damaged"):
        api.results("tiny", root=small_root)


@pytest.mark.slow
def test_the_notebooks_cells_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the last, which trains."""
    monkeypatch.chdir(NOTEBOOK.parent)
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 5 and all(cell["outputs"] or "curves = " in cell["source"] for cell in cells), "it was run"
    names: dict[str, object] = {}
    for cell in cells[:-1]:
        code = "".join(cell["source"])
        exec("\n".join(line for line in code.splitlines() if not line.startswith("%")), names)
    assert "curves" in names
