"""The forms of conferences: every question is there, answered from records or left blank."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Cli = Callable[..., Result]
Record = Callable[..., Path]


@pytest.mark.parametrize("form", ["neurips", "mlrc"])
def test_a_form_is_filled_in_from_records(form: str, record: Record, cli: Cli) -> None:
    for seed in range(3):
        record("original", seed, errors=[40.0 + seed])
        record("bn-after-add", seed, errors=[50.0 + seed])
    record("original", 3, errors=[60.0], status="interrupted")
    text = cli("report", "--form", form).stdout
    assert "41.00 ± 1.00 % (n = 3)" in text and "batch norm after the addition is worse" in text
    assert "repro run tiny --seeds 3" in text
    assert "In all 7 runs took" in text and "1 run among them unfinished, failed, stale, damaged or not pooled" in text
    assert "scikit-learn" in text and "1,437 + 360" in text
    assert "**[for the authors to answer]**" in text
    if form == "neurips":
        assert [line.split(". ")[0] for line in text.splitlines() if line.startswith("## ")] == [
            f"## {number}" for number in range(1, 17)
        ]
    else:
        assert "## Reproducibility summary" in text and "### 3.5 Computational requirements" in text


def test_without_runs_or_with_two_options_nothing_is_printed(record: Record, cli: Cli) -> None:
    done = cli("report", "--form", "mlrc")
    assert (done.exit_code, done.stdout) == (2, "") and "there are none: repro run EXPERIMENT" in done.stderr
    done = cli("report", "--form", "mlrc", "--check")
    assert done.exit_code == 2 and "--check, --html and --form: choose one" in done.stderr
