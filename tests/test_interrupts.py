"""Ctrl-C in the first moments of a command: exit code 130 and no traceback, from the first line of this package on."""

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from helpers import REPO

SCRIPT = "from repro.__main__ import main; main()"  # what the installed script runs
ENTRIES = {"module": ["-m", "repro"], "script": ["-c", SCRIPT]}


def start(root: Path, *words: str, entry: str = "module", ignored: bool = False) -> subprocess.Popen[str]:
    """A command that prints what it imports."""
    return subprocess.Popen(
        [sys.executable, "-X", "importtime", *ENTRIES[entry], "--root", str(root), *words],
        env=os.environ | {"PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a background job of a shell, this test perhaps, is started with Ctrl-C ignored, and would pass that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL),
    )


def interrupt(process: subprocess.Popen[str], seconds: float) -> str:
    """Interrupt it some seconds after this package's first import; what it printed to stderr, without the imports."""
    assert process.stderr
    for line in process.stderr:
        if line.split("|")[-1].strip() == "repro.interrupts":
            break
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    return "\n".join(line for line in errors.splitlines() if not line.startswith("import time:"))


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.fault(
    "Ctrl-C in the first 0.3 s of a command",
    "exit code 130, no traceback",
)
def test_during_imports(small_root: Path, entry: str) -> None:
    for seconds in (0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.3):
        process = start(small_root, "run", "tiny", entry=entry)
        assert interrupt(process, seconds) == "Interrupted." and process.returncode == 130, seconds


def test_a_command_that_is_nearly_done(small_root: Path) -> None:
    for seconds in (0, 0.05, 0.1, 0.15, 0.2, 0.25):
        process = start(small_root, "list")
        told = interrupt(process, seconds)
        assert (process.returncode, told) in ((130, "Interrupted."), (0, "")), seconds


def test_before_this_package_there_is_only_python_itself(small_root: Path) -> None:
    """What Python does in its first hundredths of a second is its own: no traceback shows this package's code."""
    for seconds in (0, 0.01, 0.02, 0.03, 0.04):
        process = start(small_root, "list")
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        ours = re.findall(rf'File "({REPO / "repro"}/(?!__init__)[^"]*)"', errors)
        assert process.returncode != 0 and ours == [], errors


def test_where_the_parent_ignores_it_the_command_does_too(small_root: Path) -> None:
    process = start(small_root, "list", ignored=True)
    assert interrupt(process, 0) == "" and process.returncode == 0


def test_the_installed_script_is_the_thin_one() -> None:
    scripts = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"repro": "repro.__main__:main"}
