"""A pytest plugin: how many cases the fuzz and fault tests took, by fault, for docs/reliability.md.

A test with the marker `fault(what, outcome)` counts as one case, or as many as it gives `record_property("cases", n)`.
With --reliability FILE the counts are written to FILE as JSON; with -n, each worker's counts reach the controller with
its reports.
"""

import json
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-cases", type=int, default=0, help="How many cases each fuzz test has at least; default: a few dozen."
    )
    parser.addoption("--reliability", type=Path, help="Write the number of cases of each fault to this file.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(what, outcome): a case of docs/reliability.md")
    path = config.getoption("--reliability")
    if path and not hasattr(config, "workerinput"):  # not in a worker of xdist
        config.pluginmanager.register(Counts(path))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Put the marker's words into the report, which xdist sends on."""
    result = yield
    if marker := item.get_closest_marker("fault"):
        what, outcome = marker.args
        result.get_result().user_properties.append(("fault", [item.path.name, what, outcome]))


class Counts:
    """Counts the reports, and writes `path` at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[tuple[str, str, str], dict[str, int]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        if "fault" not in told or (report.when != "call" and report.passed):
            return  # what is set up and torn down counts where it fails or is skipped
        row = self.rows.setdefault(tuple(told["fault"]), {"cases": 0, "failed": 0, "skipped": 0})
        row["cases"] += told.get("cases", 1) if report.passed else report.failed
        row["failed"] += report.failed
        row["skipped"] += report.skipped

    def pytest_sessionfinish(self) -> None:
        rows = [
            {"file": file, "fault": what, "outcome": outcome, **row}
            for (file, what, outcome), row in sorted(self.rows.items())
        ]
        self.path.write_text(json.dumps(rows, indent=1) + "\n")
