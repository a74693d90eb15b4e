"""The worker's process, from outside: a job in, messages out, and never a wait without an end. Imports no wandb.

The worker is a process of its own so that nothing wandb does (block, crash, take signals, print, hook the exit) can
reach the training. It is told no more after its job: it reads the records. The end of its input means that no more
will come.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

Message = dict[str, Any]
PACKAGES = Path(__file__).resolve().parents[2]  # the folder that this package was imported from


class Worker:
    """A worker at its job. `hear` is called with each message, from a thread; nothing here but `end` waits."""

    def __init__(self, job: dict[str, Any], hear: Callable[[Message], None]) -> None:
        path = os.pathsep.join([str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])])
        # a group of its own: Ctrl-C is for the training, and whatever wandb started ends with the worker
        group: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "repro.tracking.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=os.environ | {"PYTHONPATH": path},
            **group,
        )
        self._hear, self._heard = hear, time.monotonic()
        self._told = threading.Event()  # the job
        self._thread = threading.Thread(target=self._talk, args=(json.dumps(job).encode() + b"\n",), daemon=True)
        self._thread.start()

    def _talk(self, job: bytes) -> None:
        assert self.process.stdin and self.process.stdout
        with self.process.stdout as lines, suppress(OSError, ValueError):  # gone, or its pipe was closed: `end` tells
            try:
                while job:
                    job = job[self.process.stdin.write(job) :]
            finally:
                self._told.set()
            for line in lines:
                self._heard = time.monotonic()
                self._hear(json.loads(line))

    def close(self) -> None:
        """No more will come."""
        assert self.process.stdin
        with suppress(OSError):
            self.process.stdin.close()

    def end(self, seconds: float) -> int | None:
        """Wait for the worker's end, at most so long; its exit code, or None where it had to be killed."""
        self._told.wait(seconds)
        self.close()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        self._thread.join(1.0)  # its last words
        return code

    def await_end(self, silence: float) -> int | None:
        """Wait as long as messages come, none later than `silence` seconds after the other; else as `end`."""
        try:
            while time.monotonic() - self._heard < silence:
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.5)
                    break
        except BaseException:
            self.kill()
            raise
        return self.end(0)

    def kill(self) -> None:
        """End the worker and what it started, at once."""
        if self.process.poll() is None:  # not yet waited for: its group cannot be another's
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
            self.process.wait()
        self._thread.join(1.0)
