"""Faults that a process can bring upon itself before it trains; `cases(kind)` lists those that `crashing.py` tries."""

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
LONGEST = 60  # seconds that a case may take
CANNOT = 77  # the exit code where a machine cannot bring about a fault, as of skipped tests elsewhere
DAY = 86_400.0
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000  # linux/sched.h
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18  # linux/mount.h
Fault = Callable[[], None]
libc = ctypes.CDLL(None, use_errno=True)


def at_operation(number: int, happens: Fault) -> Fault:
    """The fault that happens before the operation with this number that changes a file."""

    def arm() -> None:
        seen = 0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            if event in EVENTS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES):
                seen += 1  # first, since what happens changes files too
                if seen == number + 1:
                    happens()

        sys.addaudithook(hook)

    return arm


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


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


# --- the clock -------------------------------------------------------------------------------------------------------


def movable_clock(folder: Path) -> dict[str, str]:
    """The environment of a process whose wall clock can be moved. OSError or CalledProcessError without a compiler."""
    library = folder / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True, capture_output=True)
    return os.environ | {"LD_PRELOAD": str(library)}


def clock_moved(shift: float, rate: float = 1.0) -> Fault:
    """The clock jumps by `shift` seconds, and goes `rate` times as fast from then on: 0 = it stands still."""

    def happens() -> None:
        for name, value in (("clock_from", time.time()), ("clock_rate", rate), ("clock_shift", shift)):
            ctypes.c_double.in_dll(libc, name).value = value

    return happens


CLOCKS = {
    "a day back": clock_moved(-DAY),
    "back by 60 years": clock_moved(-60 * 365 * DAY),
    "a year ahead": clock_moved(365 * DAY),
    "standing still": clock_moved(0, rate=0),
    "running backwards": clock_moved(0, rate=-1000),
}


# --- the results folder ----------------------------------------------------------------------------------------------


def own_mounts() -> None:
    """From now on this process has mounts of its own, also without being root. OSError if the system refuses."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS):
        _checked(libc.unshare(CLONE_NEWNS | CLONE_NEWUSER))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _checked(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))


def own_mounts_are_allowed() -> bool:
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            own_mounts()
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def read_only(folder: Path) -> None:
    """Nothing can be written in the folder, which is made if need be; it takes mounts of one's own."""
    folder.mkdir(exist_ok=True)
    name = os.fsencode(folder)
    _checked(libc.mount(name, name, None, MS_BIND, None))
    _checked(libc.mount(None, name, None, MS_REMOUNT | MS_BIND | MS_RDONLY, None))


def _checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def vanished(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        folder.rename(folder.with_name("taken away"))


def replaced_by_a_file(folder: Path) -> None:
    vanished(folder)
    folder.write_text("a file\n")


def replaced_by_a_copy(folder: Path) -> None:
    """As when it is restored from a backup."""
    vanished(folder)
    with contextlib.suppress(FileNotFoundError):
        shutil.copytree(folder.with_name("taken away"), folder)


REPLACED = {
    "vanishes": vanished,
    "is replaced by a file": replaced_by_a_file,
    "is replaced by a copy": replaced_by_a_copy,
}


# --- all of them -----------------------------------------------------------------------------------------------------


def cases(kind: str, results: Path) -> Iterator[tuple[str, Fault]]:
    if kind == "operations":
        for number in range(1000):  # until no operation is left
            yield f"operation {number}", at_operation(number, killed)
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
    elif kind == "clock":
        for name, moves in CLOCKS.items():
            for number in (0, 30, 60):  # before training, in the middle, near the end
                yield f"{name} at operation {number}", at_operation(number, moves)
    elif kind == "read-only":
        for number in range(0, 72, 4):
            yield f"read-only at operation {number}", read_only_at(number, results)
    elif kind == "replaced":
        for name, replace in REPLACED.items():
            for number in range(0, 72, 9):
                yield f"{name} at operation {number}", at_operation(number, partial(replace, results))


def read_only_at(number: int, folder: Path) -> Fault:
    def arm() -> None:
        own_mounts()
        at_operation(number, partial(read_only, folder))()

    return arm
