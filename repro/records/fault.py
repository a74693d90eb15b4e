"""Something wrong in results/, in one line. Can be raised, and collected."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repro.errors import UserError


class Fault(UserError):
    """`path` is the file or folder; `reason` says what is wrong, as the rest of a sentence that begins with the path.

    A reason is printed in published tables too, so it names no path of this machine. `harmed`: whether the record
    itself is damaged, so that training again is a remedy; one of a newer version or in another's folder is not.
    """

    exit_code = 1  # a command does what it can without the record

    def __init__(self, path: Path, reason: str, harmed: bool = True) -> None:
        self.path, self.reason, self.harmed = path, printable(reason), harmed
        super().__init__(f"{printable(str(path))} {self.reason}")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Within, an OSError or a ValueError means that the file at `path` cannot be read: a Fault."""
    try:
        yield
    except OSError as error:
        raise Fault(path, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Fault(path, f"cannot be read: {error}") from error


def printable(text: str) -> str:
    """The text in one line that any terminal can show: damaged files hold any character."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))
