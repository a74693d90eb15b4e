"""Something wrong in results/, in one line. Can be raised, and collected."""

from pathlib import Path

from repro.errors import UserError


class Fault(UserError):
    """`path` is the file or folder; `reason` says what is wrong, as the rest of a sentence that begins with the path.

    A reason is printed in published tables too, so it names no path of this machine.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, printable(reason)
        super().__init__(f"{printable(str(path))} {self.reason}")


def printable(text: str) -> str:
    """The text in one line that any terminal can show: damaged files hold any character."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))
