"""The parent's side of the worker process: sends a job, receives messages, waits with time limits. Imports no wandb.

The worker is a separate process so that nothing wandb does (block, crash, handle signals, print, hook the exit) can
affect the training. After its job it gets no further input and reads the records; the end of its input means that the
runs are complete.
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
PACKAGES = Path(__file__).resolve().parents[2]  # the folder from which this package was imported


class Worker:
    """A running worker. `on_message` is called with each message, from a thread. Only `end` and `await_end` wait."""

    def __init__(self, job: dict[str, Any], on_message: Callable[[Message], None]) -> None:
        path = os.pathsep.join([str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])])
        # its own process group: Ctrl-C does not reach it, and processes that wandb started can be killed with it
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
        self._on_message, self._last_message = on_message, time.monotonic()
        self._job_sent = threading.Event()
        self._thread = threading.Thread(target=self._talk, args=(json.dumps(job).encode() + b"\n",), daemon=True)
        self._thread.start()

    def _talk(self, job: bytes) -> None:
        assert self.process.stdin and self.process.stdout
        with self.process.stdout as lines, suppress(OSError, ValueError):  # a dead worker is reported by `end`
            try:
                while job:
                    job = job[self.process.stdin.write(job) :]
            finally:
                self._job_sent.set()
            for line in lines:
                self._last_message = time.monotonic()
                self._on_message(json.loads(line))

    def close(self) -> None:
        """End the worker's input: the runs are complete."""
        assert self.process.stdin
        with suppress(OSError):
            self.process.stdin.close()

    def end(self, seconds: float) -> int | None:
        """Wait at most `seconds` for the worker to end; return its exit code, or None if it had to be killed."""
        self._job_sent.wait(seconds)
        self.close()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        self._thread.join(1.0)  # receives the last messages
        return code

    def await_end(self, silence: float) -> int | None:
        """Wait until the worker ends or sends no message for `silence` seconds; return as `end` does."""
        try:
            while time.monotonic() - self._last_message < silence:
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.5)
                    break
        except BaseException:
            self.kill()
            raise
        return self.end(0)

    def kill(self) -> None:
        """Kill the worker and the processes it started."""
        if self.process.poll() is None:  # still running, so its group id has not been reused
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
            self.process.wait()
        self._thread.join(1.0)
