"""repro.data.download: whatever servers do, the file is the official one or the message says why not."""

import hashlib
import io
import re
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import Result

from repro.data import download as downloads
from repro.data.archive import Archive
from repro.data.dataset import DataSet
from repro.data.download import NotServed, download
from repro.data.sets import BUILT_IN

CONTENT = bytes(range(256)) * 4000  # about 1 MB
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `content` in the way that the address names; `asked` lists path and range of each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.asked, self.over = CONTENT, list[tuple[str, str]](), threading.Event()
        self.declared: int | None = None  # the length that it claims to send, if that is not the content's

    def at(self, *ways: str) -> list[str]:
        return [f"http://127.0.0.1:{self.server_port}/{way}" for way in ways]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        way, wanted = self.path.strip("/").split("/")[0], self.headers.get("Range", "")
        self.server.asked.append((way, wanted))
        if way == "gone":
            return self.send_error(404)
        content = self.server.content
        if way == "wrong":
            content = content[::-1]
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and way != "whole-only" else 0
        size = self.server.declared or len(content)
        if begin >= size:
            return self.send_error(416)
        self.send_response(206 if wanted and way != "whole-only" else 200)
        self.send_header("Content-Length", str(size - begin))
        if wanted and way != "whole-only":
            self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
        self.end_headers()
        rest = content[begin:]
        if len(self.server.asked) < {"breaks": 3, "whole-only": 2}.get(way, 0):
            rest = rest[: len(rest) // 2]
        if way == "dies":
            rest = rest[:1000] if begin == 0 else b""
        self.wfile.write(rest)
        if way == "stalls":
            self.server.over.wait(5)


@pytest.fixture
def files() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def test_a_file_is_resumed_where_the_server_broke_off(files: Server, tmp_path: Path) -> None:
    told: list[int] = []
    download(files.at("breaks"), MD5, tmp_path / "file", lambda done, size, address: told.append(done))
    assert (tmp_path / "file").read_bytes() == CONTENT
    half, more = len(CONTENT) // 2, len(CONTENT) * 3 // 4
    assert files.asked == [("breaks", ""), ("breaks", f"bytes={half}-"), ("breaks", f"bytes={more}-")]
    assert told == sorted(told) and told[-1] == len(CONTENT)


def test_a_server_that_refuses_ranges_sends_the_file_anew(files: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    download(files.at("whole-only"), MD5, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert files.asked[0] == ("whole-only", "bytes=1000-")


def test_the_next_address_completes_what_the_one_before_began(files: Server, tmp_path: Path) -> None:
    download(files.at("dies", "fine"), MD5, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert files.asked == [("dies", ""), ("dies", "bytes=1000-"), ("fine", "bytes=1000-")]


def test_the_next_command_completes_what_the_one_before_began(files: Server, tmp_path: Path) -> None:
    with pytest.raises(NotServed, match=r"dies: .*1,000 of 1,024,000 bytes"):
        download(files.at("dies"), MD5, tmp_path / "file")
    assert (tmp_path / "file.part").read_bytes() == CONTENT[:1000] and not (tmp_path / "file").exists()
    download(files.at("fine"), MD5, tmp_path / "file")
    assert files.asked[-1] == ("fine", "bytes=1000-") and (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("begun", [b"", b"wrong", CONTENT + b"more", CONTENT[:-1] + b"!"], ids=len)
def test_wrong_bytes_are_never_taken(files: Server, tmp_path: Path, begun: bytes) -> None:
    """Neither another file, nor the right one after wrong bytes that lay there; nothing of them is kept."""
    (tmp_path / "file.part").write_bytes(begun)
    with pytest.raises(NotServed, match="wrong: another file: its MD5 is not the official one"):
        download(files.at("wrong"), MD5, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file.part").write_bytes(begun)
    download(files.at("wrong", "fine"), MD5, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_what_went_wrong_at_each_address_is_told(
    files: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT", 0.3)
    files.content = CONTENT[:1000]
    closed = "http://127.0.0.1:9/file"
    with pytest.raises(NotServed) as caught:
        download([*files.at("gone"), closed, "nonsense", *files.at("wrong")], MD5, tmp_path / "file")
    lines = str(caught.value).splitlines()
    assert lines[0] == "no address serves file:" and len(lines) == 5
    for line, expected in zip(lines[1:], ("HTTP 404", "refused", "not an address", "another file"), strict=True):
        assert expected in line


def test_a_server_that_falls_silent_is_left(files: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT", 0.3)
    whole, files.content = files.content, CONTENT[:1000]
    with pytest.raises(NotServed):  # it has sent what it has, which is not the file
        download(files.at("fine"), MD5, tmp_path / "file")
    files.content = whole
    download(files.at("stalls", "fine"), MD5, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


# --- CIFAR-10 --------------------------------------------------------------------------------------------------------


@pytest.fixture
def packed(files: Server, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An archive with one file, served in the place of CIFAR-10's; the data set is that file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("toy/batch")
        entry.size = len(CONTENT)
        archive.addfile(entry, io.BytesIO(CONTENT))
    files.content = packed.getvalue()
    found = Archive("toy.tar.gz", hashlib.md5(files.content).hexdigest(), tuple(files.at("gone", "fine/toy.tar.gz")))

    class Toy(DataSet):
        def download(self, directory: Path) -> None:
            found.unpack(directory)

    toy = Toy("toy", "Toy", 3, 8, ("a", "b"), 2, 2, folder="toy", files={"toy/batch": MD5}, checksum="toy")
    monkeypatch.setitem(BUILT_IN, "toy", toy)
    return found


def test_fetch_unpacks_the_archive_and_leaves_nothing_else(
    packed: Archive, files: Server, cli: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("REPRO_DATA_DIR", str(data))
    done = cli("data", "fetch", "toy")
    assert done.exit_code == 0, done.stderr
    assert (data / "toy" / "batch").read_bytes() == CONTENT
    assert [path.name for path in data.iterdir()] == ["toy"]
    assert re.search(r"^toy\.tar\.gz: from 127\.0\.0\.1:\d+$", done.stderr, re.MULTILINE), "where it comes from"
    assert [way for way, _ in files.asked] == ["gone", "fine"]


def test_a_users_own_mirrors_come_first(
    packed: Archive, files: Server, cli: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("REPRO_DATA_MIRRORS", " ".join(files.at("wrong/", "breaks")))
    assert cli("data", "fetch", "toy").exit_code == 0
    assert [way for way, _ in files.asked] == ["wrong", "breaks", "breaks"]


def test_a_fetch_that_fails_keeps_what_it_has_and_says_what_to_do(
    packed: Archive, files: Server, cli: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("REPRO_DATA_DIR", str(data))
    files.content, whole = files.content[:1000], files.content
    files.declared = len(whole)
    failed = cli("data", "fetch", "toy")
    assert failed.exit_code == 2 and str(data / "toy" / "batch") in failed.stderr
    assert f"broke off at 1,000 of {len(whole):,} bytes" in failed.stderr
    files.content = whole
    assert cli("data", "fetch", "toy").exit_code == 0
    assert files.asked[-1] == ("fine", "bytes=1000-")


def test_every_address_of_cifar10_serves_the_official_file_name() -> None:
    from repro.data.sets.cifar10 import ARCHIVE

    assert len(set(ARCHIVE.addresses)) == len(ARCHIVE.addresses) >= 2
    assert all(address.startswith("https://") and address.endswith(f"/{ARCHIVE.name}") for address in ARCHIVE.addresses)
    assert "cs.toronto.edu" in ARCHIVE.addresses[-1], "the official host is the last resort"
