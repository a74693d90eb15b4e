"""Run the fuzz and fault tests and write docs/reliability.md: `python tests/reliability.py [CASES PER FUZZ TEST]`."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
HEAD = """\
# Faults that were tried, and what happened

Written by `python tests/reliability.py {least}`, which runs every test with the marker `fault`: faults that really
happen to real files and processes. A fuzz test draws at least {least:,} cases at random, the same on every machine; the
default suite draws a few dozen. Crash points, signals, limits, moved clocks and lost folders are met by processes that
train (`tests/crashing.py`).

| fault | what must happen | cases | failed | test |
|---|---|---:|---:|---|
"""
TAIL = """
{cases:,} cases in {faults} kinds of faults, {failed} failed{skipped}. Python {python} on {platform}.
"""


def rows(least: int) -> list[dict[str, Any]]:
    """The counts of `counting.py`. SystemExit if a test fails in a way that counts nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.json"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "fault and not gpu", f"--fuzz-cases={least}"]
        done = subprocess.run([*command, f"--reliability={path}", *sys.argv[2:]], cwd=REPO, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"pytest ended with {done.returncode}; nothing was written")
        found: list[dict[str, Any]] = json.loads(path.read_text())
    if not found:
        raise SystemExit("no test with the marker fault has run")
    return found


def document(found: list[dict[str, Any]], least: int) -> str:
    lines = [
        f"| {row['fault']} | {row['outcome']} | {row['cases']:,} | {row['failed']} | `{row['file']}` |" for row in found
    ]
    skipped = sum(row["skipped"] for row in found)
    tail = TAIL.format(
        cases=sum(row["cases"] for row in found),
        faults=len(found),
        failed=sum(row["failed"] for row in found),
        skipped=f", {skipped} skipped" if skipped else "",
        python=sys.version.split()[0],
        platform=sys.platform,
    )
    return HEAD.format(least=least) + "\n".join(lines) + "\n" + tail


if __name__ == "__main__":
    least = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    found = rows(least)
    (REPO / "docs/reliability.md").write_text(document(found, least))
    sys.exit(any(row["failed"] for row in found))
