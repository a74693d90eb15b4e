"""Runs processes with time limits and logs how they ended in $OUT. Failures are recorded, not raised."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

BEGIN = time.monotonic()
ROOT = Path.cwd()
WORK = Path(os.environ.get("REPRO_KIT_WORK", "/tmp/repro-kit"))  # later calls on the same machine reuse it
OUT = Path(os.environ.get("OUT", "out")).resolve()
SITE, DATA = WORK / "site", WORK / "data"
REPRO = [sys.executable, "-m", "repro"]
failures: list[str] = []
running: list[subprocess.Popen] = []


def left(until: float) -> float:
    """Seconds left until `until`, counted in seconds from the start of this command."""
    return until - (time.monotonic() - BEGIN)


def say(text: str) -> None:
    line = f"[{time.monotonic() - BEGIN:6.1f} s] {text}"
    print(line, flush=True)
    log(line)


def log(text: str) -> None:
    with suppress(OSError), (OUT / "log.txt").open("a", encoding="utf-8") as file:  # a full disk must not stop training
        file.write(text + "\n")


def fail(text: str) -> None:
    failures.append(" ".join(text.split()))
    say(f"FAILED {failures[-1]}")


def start(command: list[str], output: IO[bytes], errors: IO[bytes] | int = subprocess.STDOUT) -> subprocess.Popen:
    """Start a process in its own process group, so that it can be ended with all its children."""
    path = os.pathsep.join(filter(None, [str(SITE), str(ROOT), os.environ.get("PYTHONPATH", "")]))
    env = os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "REPRO_DATA_DIR": str(DATA)}
    env |= {"TORCHINDUCTOR_CACHE_DIR": str(WORK / "inductor"), "TRITON_CACHE_DIR": str(WORK / "triton")}
    env |= {"XDG_CACHE_HOME": str(WORK / "cache"), "WANDB_MODE": "disabled", "MPLBACKEND": "Agg"}
    streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": errors}
    child = subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True, **streams)
    running.append(child)
    return child


def end(child: subprocess.Popen, patience: float = 0.0) -> None:
    """Kill a process and all its children, after SIGINT and a wait of `patience` seconds if given."""
    with suppress(OSError, subprocess.TimeoutExpired):
        if child.poll() is None and patience:
            os.killpg(child.pid, signal.SIGINT)
            child.wait(patience)
    with suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        child.wait(10)
    running.remove(child)


def run(commands: dict[str, list[str]], seconds: float, tail: int = 12, results: Path | None = None) -> bool:
    """Run named commands concurrently; returns whether all succeeded within `seconds`.

    Their output goes to the log, its last lines to the terminal. With `results`, their standard output goes to that
    file and only their errors to the log.
    """
    if seconds < 3:
        fail(f"{', '.join(commands)}: no time left")
        return False
    begin, succeeded = time.monotonic(), True
    waiting = {}
    for name, command in commands.items():
        path = WORK / f"{name}.txt"
        with path.open("wb") as file, (results or Path(os.devnull)).open("wb") as printed:
            try:
                child = start(command, *((printed, file) if results else (file,)))
            except OSError as error:  # command not found
                fail(f"{name}: {error}")
                succeeded = False
                continue
        waiting[name] = child, path
    while waiting:
        for name, (child, path) in list(waiting.items()):
            code, took = child.poll(), time.monotonic() - begin
            if code is None and took < seconds:
                continue
            end(child)
            keep(name, path, tail)
            del waiting[name]
            if code == 0:
                say(f"{name}: done in {took:.0f} s")
            else:
                fail(f"{name}: {'stopped' if code is None else f'exit code {code}'} after {took:.0f} s")
                succeeded = False
        time.sleep(0.1)
    return succeeded


def keep(name: str, path: Path, tail: int) -> None:
    """Copy a process's output to the log, and its last lines to the terminal."""
    with suppress(OSError):
        text = path.read_text(encoding="utf-8", errors="replace")
        log(f"--- {name}\n{text[-400_000:]}\n---")
        for line in text.splitlines()[-tail:]:
            print(f"    {line[:160]}", flush=True)
