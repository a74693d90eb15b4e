"""Faults that happen for real to processes that train: whatever happens, the same command then gives the same bits."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import REPO, TINY
from process_faults import CANNOT, LONGEST

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="forks, and reads /proc")]

RESUMES = "the same command, given again, ends with the bits of an undisturbed run"
Count = Callable[[str, object], None]


@pytest.fixture
def crash(
    tmp_path: Path, request: pytest.FixtureRequest, record_property: Count
) -> Callable[[str], list[dict[str, Any]]]:
    """crash(kind): the cases of `crashing.py`, of which none may leave other bits or show a traceback.

    Of the many operations and moments every sixth, and all with --fuzz-cases.
    """

    def run(kind: str) -> list[dict[str, Any]]:
        (tmp_path / "experiments").mkdir()
        (tmp_path / "experiments/tiny.toml").write_text(TINY)
        thorough = request.config.getoption("--fuzz-cases") or kind in ("disk", "memory", "drivers")
        command = [sys.executable, str(REPO / "tests/crashing.py"), str(tmp_path), kind, "1" if thorough else "6"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPO, check=False)
        if done.returncode == CANNOT:
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stderr[-3000:]
        cases = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(case["fault"], case["differs"]) for case in cases if case["differs"]] == []
        assert [(case["fault"], case["said"]) for case in cases if "Traceback" in case["said"]] == []
        record_property("cases", len(cases))
        return cases

    return run


@pytest.mark.fault("SIGKILL before any operation that changes a file", RESUMES)
def test_killed_at_every_operation_on_files(crash: Callable[[str], list[dict[str, Any]]]) -> None:
    cases = crash("operations")
    assert {case["code"] for case in cases} == {-9} and len(cases) > 10


@pytest.mark.fault("SIGKILL, SIGTERM, SIGINT, SIGHUP and SIGABRT at many moments", RESUMES)
def test_signals_at_many_moments(crash: Callable[[str], list[dict[str, Any]]]) -> None:
    codes = Counter(case["code"] for case in crash("signals"))
    assert codes.keys() <= {0, 1, 4, 130, -1, -2, -6, -9, -15}, "nothing but a stop, a death by the signal, or the end"
    assert codes[-9] and sum(codes.values()) > codes[0], "some came in time"


@pytest.mark.fault(
    "a full disk: no file can grow beyond 0 to 100,000 bytes",
    f"exit code 1, or 2 before training, and a message; {RESUMES}",
)
def test_no_room_on_the_disk(crash: Callable[[str], list[dict[str, Any]]]) -> None:
    cases = crash("disk")
    assert {case["code"] for case in cases} == {0, 1, 2}, "2: there was no room even before training"
    for case in cases:
        if case["code"]:
            assert "File too large" in case["said"] or "cannot" in case["said"], case


@pytest.mark.fault("out of memory: 0 to 64 MiB are left", f"exit code 1, a message; {RESUMES}")
def test_no_memory_left(crash: Callable[[str], list[dict[str, Any]]]) -> None:
    cases = crash("memory")
    assert {case["code"] for case in cases} <= {0, 1} and any(case["code"] for case in cases)
    assert all(case["said"].strip() for case in cases)


@pytest.mark.fault("two drivers of the same runs at once", f"each run is trained once; {RESUMES}")
def test_two_drivers(crash: Callable[[str], list[dict[str, Any]]]) -> None:
    cases = crash("drivers")
    assert all(case["sessions"] == [1] for case in cases), "no run was interrupted or trained twice"
    assert {case["code"] for case in cases} | {case["other"] for case in cases} <= {0, 1, 2}


@pytest.mark.fault(
    "the clock jumps a day or 60 years back or a year ahead, stands still, or runs backwards",
    f"the run ends, no time in its record is negative; `status`, `table` and `report` work; {RESUMES}",
)
def test_a_clock_that_cannot_be_trusted(crash: Callable[[str], list[dict[str, Any]]]) -> None:
    cases = crash("clock")
    assert {case["code"] for case in cases} == {0}, "an hour's time limit stopped none of them"
    for case in cases:
        assert all(0 < number < 1e6 for number in case["times"]), case
        assert case["times"][0] < LONGEST, "the seconds that the run has taken, which the clock has no part in"


def names_the_folder(case: dict[str, Any]) -> bool:
    """Whether the last line that was printed names a path in results/, or that folder."""
    return "/results" in case["said"].strip().splitlines()[-1]


@pytest.mark.fault(
    "the results folder becomes read-only", f"exit code 1, or 2 before training, and a message that names it; {RESUMES}"
)
def test_a_folder_that_becomes_read_only(crash: Callable[[str], list[dict[str, Any]]]) -> None:
    """Really so, also for root: the process mounts it anew."""
    first, *cases = crash("read-only")
    assert first["code"] == 2 and sum(line.startswith("error: ") for line in first["said"].splitlines()) == 1
    assert "/results: Read-only file system; nothing was trained" in first["said"]
    assert {case["code"] for case in cases} <= {0, 1} and any(case["code"] for case in cases)
    assert all(names_the_folder(case) and "Read-only" in case["said"] for case in cases if case["code"])


@pytest.mark.fault(
    "the results folder vanishes, or a file or a copy of it takes its place",
    f"exit code 1, or 2 before training, and a message that names it, unless the run can go on; {RESUMES}",
)
def test_a_folder_that_is_replaced(crash: Callable[[str], list[dict[str, Any]]]) -> None:
    cases = crash("replaced")
    assert {case["code"] for case in cases} <= {0, 1, 2} and any(case["code"] for case in cases)
    assert all(names_the_folder(case) for case in cases if case["code"])
