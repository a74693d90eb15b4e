"""Trains runs of an experiment in processes that meet a fault, then again without it: `crashing.py ROOT KIND STEP`.

A process of its own, since it forks: it imports everything once, and each fork meets one fault. Prints one JSON object
per case, of a kind every STEPth: the fault, the exit code (or signal) of the disturbed process, what it printed, and
how what a second process made of it differs from undisturbed runs ("" = it has the same bits).
"""

import contextlib
import io
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch  # noqa: F401  # imported before the forks
from rich.console import Console

from repro.cli import main
from repro.run import session  # noqa: F401
from repro.show import tables  # noqa: F401

RUN = ("run", "tiny", "--arm", "original", "--threads", "1", "--wandb", "off", "--checkpoint-every", "3")
LONGEST = 60  # seconds that a case may take
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
Fault = Callable[[], None]


# --- faults: each is what a process does to itself before it trains --------------------------------------------------


def killed_at_operation(number: int) -> Fault:
    """SIGKILL before the operation with this number that changes a file."""

    def arm() -> None:
        seen = 0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            if event in EVENTS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES):
                if seen == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                seen += 1

        sys.addaudithook(hook)

    return arm


def signalled_after(seconds: float, number: int) -> Fault:
    def arm() -> None:
        if os.fork() == 0:
            target = os.getppid()
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(target, number)
            os._exit(0)

    return arm


def with_files_up_to(size: int) -> Fault:
    """As on a full disk: no file can grow beyond `size` bytes."""

    def arm() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return arm


def with_memory_left(size: int) -> Fault:
    """No more than `size` bytes of address space can be had."""

    def arm() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + size
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    return arm


def cases(kind: str) -> Iterator[tuple[str, Fault]]:
    if kind == "operations":
        for number in range(1000):  # until no operation is left
            yield f"operation {number}", killed_at_operation(number)
    elif kind == "signals":
        for name in ("KILL", "TERM", "INT", "HUP", "ABRT"):
            for tenths in range(0, 16, 2):
                fault = signalled_after(tenths / 40, getattr(signal, f"SIG{name}"))
                yield f"SIG{name} after {tenths / 40:.2f} s", fault
    elif kind == "disk":
        for size in (0, 1, 100, 1000, 3000, 10_000, 30_000, 100_000):
            yield f"files up to {size} bytes", with_files_up_to(size)
    elif kind == "memory":
        for size in (0, 1, 4, 16, 64):
            yield f"{size} MiB of memory", with_memory_left(size * 2**20)


# --- processes -------------------------------------------------------------------------------------------------------


def forked(root: Path, fault: Fault | None) -> tuple[int, str]:
    """(exit code or minus the signal, output) of a process that trains in `root`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(trained(root, fault, writing))
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


def trained(root: Path, fault: Fault | None, output: int) -> int:
    """The exit code of the command in this process, which meets the fault; its output goes to a pipe."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.stdout, sys.stderr = open(1, "w", buffering=1, closefd=False), open(2, "w", buffering=1, closefd=False)
    try:
        if fault:
            fault()
        main(["--root", str(root), *RUN])
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


def run(root: Path, kind: str, step: int) -> None:
    def fresh() -> None:
        shutil.rmtree(root / "results", ignore_errors=True)

    Console(file=io.StringIO()).print("once, which loads what rich prints with")
    assert forked(root, None)[0] == 0, "the undisturbed run failed"
    expected = bits(root)
    for name, fault in islice(cases(kind), 0, None, step):
        fresh()
        code, said = forked(root, fault)
        if kind == "operations" and code == 0:
            break
        again, told = forked(root, None)
        differs = difference(bits(root), expected) if again == 0 else f"exit code {again}: {told[-500:]}"
        print(json.dumps({"fault": name, "code": code, "said": said[-2000:], "differs": differs}), flush=True)


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
        run(where, what, int(sys.argv[3]))
