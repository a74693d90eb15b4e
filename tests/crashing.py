"""Trains runs of an experiment in processes that meet a fault, then again without it: `crashing.py ROOT KIND STEP`.

A process of its own, since it forks: it imports everything once, and each fork meets one fault. Prints one JSON object
per case, of a kind every STEPth: the fault, the exit code (or signal) of the disturbed process, what it printed, how
what a second process made of it differs from undisturbed runs ("" = it has the same bits), and the records' times.
Its exit code is CANNOT, and it prints why, if this machine cannot bring about that kind of fault.
"""

import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import traceback
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import sklearn.datasets  # noqa: F401  # what training loads is loaded once, before the forks
import torch._inductor  # noqa: F401
from process_faults import CANNOT, LONGEST, Fault, cases, movable_clock, own_mounts_are_allowed
from rich.console import Console

from repro.cli import main
from repro.run import session, start, until_decided  # noqa: F401
from repro.show import plots, report, tables  # noqa: F401

RUN = ("run", "tiny", "--arm", "original", "--threads", "1", "--wandb", "off", "--checkpoint-every", "3")
AFTERWARDS = (("status",), ("table", "tiny"), ("report",))  # commands that must still work after a moved clock


# --- processes -------------------------------------------------------------------------------------------------------


def forked(root: Path, fault: Fault | None, words: tuple[str, ...] = RUN) -> tuple[int, str]:
    """(exit code or minus the signal, output) of a process that trains in `root`, or does what `words` say."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(trained(root, fault, writing, words))
    os.close(writing)
    said = b""
    end = time.monotonic() + LONGEST
    while select.select([reading], [], [], max(0.0, end - time.monotonic()))[0]:
        if not (part := os.read(reading, 65536)):
            break
        said += part
    else:
        os.kill(child, signal.SIGKILL)
        said += b"it hung"
    os.close(reading)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said.decode(errors="replace")


def trained(root: Path, fault: Fault | None, output: int, words: tuple[str, ...] = RUN) -> int:
    """The exit code of the command in this process, which meets the fault; its output goes to a pipe."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.stdout, sys.stderr = open(1, "w", buffering=1, closefd=False), open(2, "w", buffering=1, closefd=False)
    try:
        if fault:
            fault()
        main(["--root", str(root), *words])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    return 70  # which no command returns: an error reached the top


def bits(root: Path) -> dict[str, Any]:
    """What must not depend on interruptions: the final numbers, the metrics without speeds, the predictions."""
    found = {}
    for record in sorted((root / "results").glob("tiny/*/seed-*/run.json")):
        content = json.loads(record.read_text())
        metrics = pd.read_csv(record.with_name("metrics.csv")).drop(columns="images_per_second")
        with np.load(record.with_name("predictions.npz")) as arrays:
            predictions = [arrays[name].tolist() for name in ("top1", "label")]
        key = record.parent.relative_to(root).as_posix()
        found[key] = [content["status"], content["final"], content["best"], metrics.to_csv(), predictions]
    return found


def difference(found: dict[str, Any], expected: dict[str, Any]) -> str:
    if found.keys() != expected.keys():
        return f"runs {sorted(found)} instead of {sorted(expected)}"
    return "; ".join(f"{key} differs" for key in expected if found[key] != expected[key])


def times(root: Path) -> list[float]:
    """All durations and speeds in the records."""
    found = []
    for record in (root / "results").rglob("run.json"):
        found += [json.loads(record.read_text())["wall_seconds"]]
        found += pd.read_csv(record.with_name("metrics.csv"))["images_per_second"].tolist()
    return found


def run(root: Path, kind: str, step: int) -> None:
    results, away = root / "results", root / "taken away"
    words = (*RUN, "--time-limit", "1h") if kind == "clock" else RUN

    def fresh() -> None:
        for folder in (results, away):
            shutil.rmtree(folder, ignore_errors=True)

    Console(file=io.StringIO()).print("once, which loads what rich prints with")
    assert forked(root, None, words)[0] == 0, "the undisturbed run failed"
    expected = bits(root)
    for name, fault in islice(cases(kind, results), 0, None, step):
        fresh()
        code, said = forked(root, fault, words)
        if kind == "operations" and code == 0:
            break
        if results.is_file():  # in the place of the folder, as it was said
            results.unlink()
            if away.exists():
                away.rename(results)
        again, told = forked(root, None, words)
        differs = difference(bits(root), expected) if again == 0 else f"exit code {again}: {told[-500:]}"
        if kind == "clock":
            for command in AFTERWARDS:
                ends, shown = forked(root, None, command)
                differs += f"; {command[0]} ends with {ends}: {shown[-500:]}" if ends else ""
        case = {"fault": name, "code": code, "said": said[-2000:], "differs": differs, "times": times(root)}
        print(json.dumps(case), flush=True)


def prepared(root: Path, kind: str) -> None:
    """Start this process again, if need be, with what the kind of fault needs. SystemExit if that cannot be had."""
    if kind == "clock" and "LD_PRELOAD" not in os.environ:
        try:
            environment = movable_clock(root)
        except (OSError, subprocess.CalledProcessError) as error:
            cannot(f"the clock is moved by a library, and it cannot be compiled: {error}")
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    if kind == "read-only" and not own_mounts_are_allowed():
        cannot("this system lets no process have mounts of its own")


def cannot(why: str) -> NoReturn:
    print(why, file=sys.stderr)
    raise SystemExit(CANNOT)


def two_drivers(root: Path, count: int) -> None:
    """Two processes that train the same runs at once, `count` times."""
    assert forked(root, None)[0] == 0
    expected = bits(root)
    for number in range(count):
        shutil.rmtree(root / "results", ignore_errors=True)
        other = os.fork()
        if other == 0:
            time.sleep(number / 40)
            os._exit(trained(root, None, os.open(os.devnull, os.O_WRONLY)))
        code, said = forked(root, None)
        _, status = os.waitpid(other, 0)
        again, told = forked(root, None)
        differs = difference(bits(root), expected) if again == 0 else f"exit code {again}: {told[-500:]}"
        sessions = [len(json.loads(path.read_text())["sessions"]) for path in (root / "results").rglob("run.json")]
        case = {"fault": f"two drivers, {number}", "code": code, "other": os.waitstatus_to_exitcode(status)}
        print(json.dumps({**case, "said": said[-2000:], "differs": differs, "sessions": sessions}), flush=True)


if __name__ == "__main__":
    where, what = Path(sys.argv[1]), sys.argv[2]
    if what == "drivers":
        two_drivers(where, 8)
    else:
        prepared(where, what)
        run(where, what, int(sys.argv[3]))
