"""Ctrl-C: raises KeyboardInterrupt while a command runs; ends the process at once before and after, and during imports.

An import cannot be interrupted cleanly: libraries turn the exception into others or lose it.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # the exit code


def end_at_once() -> None:
    """From now on Ctrl-C ends the process, unless its parent has set it to be ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


@contextmanager
def raised() -> Iterator[None]:
    """Within, Ctrl-C raises KeyboardInterrupt, except during imports, if it would have ended the process."""
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    signal.signal(signal.SIGINT, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _end)


@contextmanager
def blocked() -> Iterator[None]:
    """Processes that are started within never get Ctrl-C, not even during their imports; here it comes afterwards.

    OSError if multiprocessing cannot start its own process.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # its start, with that of the first process, would end the blocking
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)


def _raise(number: int, frame: FrameType | None) -> None:
    place = frame
    while place:
        if place.f_code.co_filename.startswith("<frozen importlib"):
            _end(number, frame)
        place = place.f_back
    raise KeyboardInterrupt
