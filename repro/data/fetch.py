"""Fetches a data set's official files: into a folder beside the target, checked, then renamed."""

import tempfile
from pathlib import Path

from repro.data import catalog
from repro.errors import UserError


def fetch(name: str, directory: Path) -> str:
    """Bring `name` into `directory`, and report what was done. The download shows its own progress.

    Other files in its place are moved aside, never deleted. UserError, with what to put where, when the download fails
    or its bytes are not the official ones.
    """
    dataset = catalog.describe(name, directory)
    if not catalog.problems(dataset, directory):
        return f"already in {directory}"
    target, aside = directory / dataset.folder, None
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory) as workshop:
            dataset.download(Path(workshop))
            if wrong := catalog.problems(dataset, Path(workshop)):
                raise UserError(f"the download of {name!r} is not the official data:\n  " + "\n  ".join(wrong))
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                aside = _set_aside(target)
            (Path(workshop) / dataset.folder).replace(target)
    except (
        OSError,
        RuntimeError,
    ) as error:  # no network, no space, no right to write; torchvision's "error downloading"
        listing = "\n".join(f"  {directory / file}" for file in dataset.files)
        raise UserError(
            f"cannot fetch {name!r}: {str(error) or type(error).__name__}\n"
            f"Without a network, put the official files here and run `repro data check {name}`:\n{listing}"
        ) from error
    return f"fetched into {directory}" + (f"; the files that were there are now in {aside}" if aside else "")


def _set_aside(folder: Path) -> Path:
    """Renamed to the first free name of folder.old-1, folder.old-2, ..."""
    serial = 1
    while (aside := folder.with_name(f"{folder.name}.old-{serial}")).exists():
        serial += 1
    return folder.replace(aside)
