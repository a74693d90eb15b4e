"""W&B cannot hurt a run: whatever fails there, training ends with the same bits, one warning and exit code 0.

Every fault is real: a socket that behaves so, a file system that is full, an interpreter without wandb. No network.
"""

import csv
import importlib.util
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sized
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import Result

from repro import records
from repro.tracking import mirror
from repro.train.control import Stop

WAIT = 30.0  # seconds that the end of a run may wait, on a busy machine; wandb itself would go on for minutes
HANGING = 1.0  # the same where it does wait, as wandb hangs


@pytest.fixture(autouse=True)
def _longer_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "LEAST_WAIT", WAIT)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """account(address): a key for the W&B server there, and nothing of whoever runs the tests."""

    def use(address: str) -> None:
        monkeypatch.setenv("WANDB_BASE_URL", address)
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb-config"))

    return use


@pytest.fixture
def answering() -> Iterator[Callable[[int], tuple[str, list[str]]]]:
    """answering(500): the address of a server that answers every request so, and the paths it was asked for."""
    servers = []

    def start(status: int) -> tuple[str, list[str]]:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """The address of a server that accepts and never answers, and the connections it has."""
    held: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        try:
            while True:
                held.append(listener.accept()[0])
        except OSError:  # closed
            pass

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", held
    listener.shutdown(socket.SHUT_RDWR)  # ends accept
    thread.join()
    listener.close()
    for connection in held:
        connection.close()


@pytest.fixture
def train(cli: Callable[..., Result], small_root: Path) -> Callable[..., tuple[Result, float]]:
    """train("online"): the arm's run with that --wandb, its result and its seconds."""

    def run(mode: str) -> tuple[Result, float]:
        began = time.monotonic()
        result = cli("run", "tiny", "--arm", "original", "--threads", "1", "--wandb", mode)
        return result, time.monotonic() - began

    return run


def bits(root: Path) -> tuple[list[dict[str, str]], bytes]:
    """What a run came to, but for its speed."""
    folder = root / "results" / "tiny" / "original" / "seed-0"
    with (folder / "metrics.csv").open() as file:
        rows = [{key: cell for key, cell in row.items() if key != "images_per_second"} for row in csv.DictReader(file)]
    top1, label = records.read_predictions(folder)
    return rows, top1.tobytes() + label.tobytes()


def wait_for(asked: Sized, root: Path) -> str:
    """No reason to stop, once something was asked; which it is when the run has a record."""
    begun, deadline = root / "results" / "tiny" / "original" / "seed-0" / "run.json", time.monotonic() + WAIT
    while begun.exists() and not asked and time.monotonic() < deadline:
        time.sleep(0.05)
    return ""


@pytest.fixture
def unharmed(
    train: Callable[..., tuple[Result, float]], small_root: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """unharmed(): train online and hold it against the run without W&B; the one warning.

    unharmed(hangs=asked): the run trains until `asked` is not empty, and then waits a second for wandb.
    """

    def check(mode: str = "online", hangs: Sized | None = None) -> str:
        result, alone = train("off")
        assert result.exit_code == 0 and "W&B" not in result.output
        expected = bits(small_root)
        (small_root / "results").rename(small_root / "without")
        with monkeypatch.context() as patched:
            if hangs is not None:
                patched.setattr(mirror, "LEAST_WAIT", HANGING)
                patched.setattr(Stop, "requested", lambda stop: wait_for(hangs, small_root))
            result, seconds = train(mode)
        assert result.exit_code == 0, result.output
        assert bits(small_root) == expected
        warnings = [line for line in result.output.splitlines() if "W&B" in line]
        assert len(warnings) == 1, result.output
        assert "repro wandb sync tiny" in warnings[0]
        assert seconds < alone + 2 * WAIT, f"{seconds:.1f} s, {alone:.1f} s without W&B"
        print(f"{seconds:.1f} s, without W&B {alone:.1f} s: {warnings[0]}")
        return warnings[0]

    return check


@pytest.mark.slow
@pytest.mark.fault(
    "W&B's server never answers",
    "the run ends as without W&B; one warning",
)
def test_a_server_that_never_answers(
    unharmed: Callable[..., str],
    account: Callable[[str], None],
    silent: tuple[str, list[socket.socket]],
) -> None:
    address, connections = silent
    account(address)
    assert "did not end within 1 s" in unharmed(hangs=connections)
    assert connections, "nothing was asked of the server: the test tests nothing"


@pytest.mark.slow
@pytest.mark.fault(
    "W&B's server answers 500",
    "the run ends as without W&B; one warning",
)
def test_a_server_that_answers_500(
    unharmed: Callable[..., str],
    account: Callable[[str], None],
    answering: Callable[[int], tuple[str, list[str]]],
) -> None:
    """wandb tries again and again."""
    address, asked = answering(500)
    account(address)
    unharmed(hangs=asked)
    assert asked, "nothing was asked of the server: the test tests nothing"


@pytest.mark.slow
def test_an_invalid_key(
    unharmed: Callable[..., str],
    account: Callable[[str], None],
    answering: Callable[[int], tuple[str, list[str]]],
) -> None:
    address, _ = answering(401)
    account(address)
    unharmed()


@pytest.mark.slow
@pytest.mark.fault(
    "no network for W&B",
    "the run ends as without W&B; one warning",
)
def test_no_network(
    unharmed: Callable[..., str], account: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "LEAST_WAIT", 4.0)  # wandb tries again and again, and nobody sees it
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    account(f"http://127.0.0.1:{port}")  # nobody listens there any more
    unharmed()


@pytest.mark.slow
def test_no_key(unharmed: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))  # no .netrc
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    unharmed()


def test_wandb_is_not_installed(unharmed: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As an import of it fails where it is not: this process never imports it."""
    package = tmp_path / "packages" / "wandb"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ModuleNotFoundError('No module named wandb', name='wandb')")
    monkeypatch.setenv("PYTHONPATH", str(package.parent), prepend=os.pathsep)
    assert "wandb is not installed" in unharmed("offline")


def test_a_folder_named_wandb_is_no_package(monkeypatch: pytest.MonkeyPatch, small_root: Path) -> None:
    """Where wandb writes, `import wandb` finds its folder: an empty package, where there is no real one."""
    (small_root / "nowhere" / "folder-of-wandb").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(small_root / "nowhere"))
    assert importlib.util.find_spec("folder-of-wandb") and not mirror.installed("folder-of-wandb")


def test_a_folder_that_cannot_be_written(unharmed: Callable[..., str], small_root: Path) -> None:
    (small_root / "wandb").write_text("a file in its place")
    assert "cannot write to" in unharmed("offline")


FILL = """(
    until ls "$0"/wandb/*/*.wandb; do sleep 0.01; done
    cat /dev/zero > "$0"/filler
    touch "$0".full
) > /dev/null 2>&1 &"""


@pytest.mark.slow
def test_a_full_disk(
    small_root: Path, tmp_path: Path, unharmed: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system of its own for the process that writes wandb's folder, filled up while the run is open."""
    disk = tmp_path / "disk"
    disk.mkdir()
    namespace, mount = ["unshare", "-Urm", "sh", "-c"], 'mount -t tmpfs -o size=1m none "$0"'
    try:
        can = subprocess.run([*namespace, mount, str(disk)], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        can = False
    if not can:
        pytest.skip("needs unshare and the right to mount a file system in a namespace of one's own")
    python = tmp_path / "python"  # in the namespace
    inside = shlex.join([*namespace, f'{mount} && {FILL} exec "$@"', str(disk), sys.executable])
    python.write_text(f'#!/bin/sh\nexec {inside} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("WANDB_DIR", str(disk))
    monkeypatch.setattr(mirror, "LEAST_WAIT", 30.0)  # wandb may hang, and starts slowly on a busy machine
    warning = unharmed("offline")
    assert (tmp_path / "disk.full").exists(), "nothing was filled: the test tests nothing"
    told = ("No space left on device", "is not whole", "did not end within")  # by how far wandb came before it hung
    assert any(words in warning for words in told), warning


# --- `repro wandb sync` ----------------------------------------------------------------------------------------------

HEADER = ",".join(records.METRICS).encode()
DAMAGED = {
    "not text": b"\x80\x81\xfe\xff" * 100,
    "empty": b"",
    "another table": b"a,b\n1,2\n",
    "not numbers": HEADER + b"\n" + b",".join([b"six"] * 9) + b"\n",
    "cut short": HEADER + b"\n6,0.05,1.0\n",
    "no iteration": HEADER + b"\n,0.05,1.0,60,2,50,,,1000\n",
    "too long": HEADER + b"\n" + b",".join([b"6"] * 12) + b"\n",
    "zeros": bytes(500),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.fault(
    "`repro wandb sync` with a damaged metrics.csv",
    "one line; the others are sent",
)
def test_a_damaged_metrics_file_is_one_line_and_the_others_would_be_sent(
    damage: str, record: Callable[..., Path], cli: Callable[..., Result]
) -> None:
    folders = [record("original", seed, errors=[50, 40]) for seed in range(3)]
    (folders[1] / "metrics.csv").write_bytes(DAMAGED[damage])
    result = cli("wandb", "sync", "--dry-run")
    first, *others = result.output.splitlines()
    assert first.startswith(f"tiny/original/seed-1  not sent: {folders[1] / 'metrics.csv'} cannot be read: ")
    assert [line.split("  ")[1] for line in others] == ["would be sent: done, 2 rows"] * 2
    assert result.exit_code == 1


def test_a_run_before_its_first_evaluation_is_not_damaged(
    record: Callable[..., Path], cli: Callable[..., Result]
) -> None:
    folder = record("original", 0, errors=[50], status="interrupted", iteration=3)
    (folder / "metrics.csv").write_bytes(HEADER + b"\n")
    (record("original", 1, errors=[50], status="interrupted", iteration=3) / "metrics.csv").unlink()
    result = cli("wandb", "sync", "--dry-run")
    assert result.exit_code == 0 and result.output.count("would be sent: interrupted, 0 rows") == 2, result.output


@pytest.mark.slow
@pytest.mark.fault(
    "`repro wandb sync` in a folder that cannot be written",
    "one line each; the others are sent",
)
def test_what_cannot_be_sent_is_one_line_each_and_the_others_are_sent(
    record: Callable[..., Path], small_root: Path, tmp_path: Path
) -> None:
    """One run is damaged, one lies in a folder that is mounted read-only, two are sound."""
    folders = [record("original", seed, errors=[50, 40]) for seed in range(4)]
    (folders[1] / "metrics.csv").write_bytes(DAMAGED["not text"])
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"'
    inside = ["unshare", "-Urm", "sh", "-c", f'{mount} && exec "$@"', str(folders[2])]
    try:
        can = subprocess.run([*inside, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        can = False
    if not can:
        pytest.skip("needs unshare and the right to mount a file system in a namespace of one's own")
    command = [*inside, sys.executable, "-m", "repro", "--root", str(small_root), "wandb", "sync"]
    environment = os.environ | {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr and done.returncode == 1, done.stderr
    lines = dict(line.split("  ", 1) for line in done.stdout.splitlines())
    assert lines["tiny/original/seed-1"].startswith(f"not sent: {folders[1] / 'metrics.csv'} cannot be read: ")
    assert lines["tiny/original/seed-2"] == f"not sent: cannot lock {folders[2]}: Read-only file system"
    assert lines["tiny/original/seed-0"].startswith("2 rows sent") and lines["tiny/original/seed-3"].startswith(
        "2 rows"
    )
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 2
