"""Downloads one file from the first of several addresses that serves it: resumed where it broke off, checked by MD5.

All addresses serve the same bytes, so a file begun at one is completed from another. Nothing is trusted but the MD5.
"""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

TIMEOUT = 30.0  # seconds without a byte, after which the next address is tried
CHUNK = 1 << 16  # bytes

Report = Callable[[int, int | None, str], None]  # bytes so far, of how many (None = unknown), from which address


class NotServed(RuntimeError):
    """No address serves the file."""


def silent(done: int, size: int | None, address: str) -> None:
    """Reports nothing."""


def download(addresses: Sequence[str], md5: str, target: Path, report: Report = silent) -> None:
    """Write the file with that MD5 to `target`, whose folder exists. What has come of it so far is kept in TARGET.part.

    NotServed, which says what went wrong at each address; OSError if the file cannot be written.
    """
    part, problems = target.with_name(f"{target.name}.part"), list[str]()
    for address in addresses:
        problem = _complete(address, md5, part, report)
        if not problem:
            part.replace(target)
            return
        problems.append(f"{address}: {problem}")
    raise NotServed(f"no address serves {target.name}:\n" + "\n".join(f"  {problem}" for problem in problems))


def _complete(address: str, md5: str, part: Path, report: Report) -> str:
    """Complete `part` from `address`; why that failed, or "" if it has the MD5 now.

    If bytes from here and elsewhere do not fit together, the file is fetched once more, whole.
    """
    begun = _size(part) > 0
    problem = _append(address, part, report)
    if problem:
        return problem
    if _md5(part) == md5:
        return ""
    part.unlink()
    if not begun:
        return "another file: its MD5 is not the official one"
    return _complete(address, md5, part, report)


def _append(address: str, part: Path, report: Report) -> str:
    """Fetch what `part` lacks; why that failed, or "" if the server has sent all of it."""
    while True:  # as long as each attempt brings the file further
        before = _size(part)
        try:
            size = _fetch(address, part, report)
        except urllib.error.HTTPError as error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                return f"HTTP {error.code} {error.reason}"
            return ""  # there is no more: the MD5 says whether it is the file
        except urllib.error.URLError as error:
            problem = str(error.reason)
        except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
            problem = str(error) or type(error).__name__
        except ValueError as error:
            return f"not an address: {error}"
        else:
            if size is None or _size(part) >= size:
                return ""
            problem = f"broke off at {_size(part):,} of {size:,} bytes"
        if _size(part) <= before:
            return problem


def _fetch(address: str, part: Path, report: Report) -> int | None:
    """Append to `part` what the server sends from there on; the size of the whole file, None if it does not say."""
    have = _size(part)
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        if have and not _starts_at(answer, have):  # the server sends the whole file
            have = 0
        length = answer.headers.get("Content-Length")
        size = have + int(length) if length and length.isdecimal() else None
        with part.open("ab" if have else "wb") as file:
            done = have
            report(done, size, address)
            for chunk in _chunks(answer):
                file.write(chunk)
                done += len(chunk)
                report(done, size, address)
    return size


def _starts_at(answer: http.client.HTTPResponse, byte: int) -> bool:
    """Whether the answer is the rest of the file from `byte` on."""
    partial = answer.status == http.client.PARTIAL_CONTENT
    return partial and answer.headers.get("Content-Range", "").startswith(f"bytes {byte}-")


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read1(CHUNK):
            yield chunk
    except OSError as error:  # of the network; those of the disk are not caught
        raise ConnectionError(str(error) or type(error).__name__) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
