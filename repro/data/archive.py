"""An archive with a data set's official files: downloaded from its mirrors with progress, then unpacked."""

import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from repro.data.download import Report, download

MIRRORS = "REPRO_DATA_MIRRORS"  # addresses of folders that hold such archives, separated by spaces; tried first


@dataclass(frozen=True)
class Archive:
    """A tar archive, and the addresses that serve it, tried in order."""

    name: str
    md5: str
    addresses: tuple[str, ...]

    def unpack(self, directory: Path) -> None:
        """Download the archive and unpack it into `directory`.

        What a download that breaks off has brought is kept beside that folder, and completed by the next one.
        NotServed if no address serves the archive, OSError if the disk does not take it.
        """
        target = directory.parent / f".{self.name}"
        with _progress(self.name) as report:
            download([*self._mirrors(), *self.addresses], self.md5, target, report)
        with tarfile.open(target) as archive:
            archive.extractall(directory, filter="data")
        target.unlink()

    def _mirrors(self) -> list[str]:
        """The user's own."""
        return [f"{folder.rstrip('/')}/{self.name}" for folder in os.environ.get(MIRRORS, "").split()]


@contextmanager
def _progress(name: str) -> Iterator[Report]:
    """On a terminal, a bar on stderr with size, speed and time left; elsewhere one line per address."""
    console, last = Console(stderr=True), ""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)

        def report(done: int, size: int | None, address: str) -> None:
            nonlocal last
            if address != last:
                begun = f", from {done / 1e6:,.0f} MB on" if done else ""
                console.print(f"{name}: from {urlsplit(address).netloc or address}{begun}", highlight=False)
                last = address
            bar.update(task, completed=done, total=size)

        yield report
