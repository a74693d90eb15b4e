"""Downloads a data set's official files: into a temporary folder, verified, then renamed into place."""

import tempfile
from pathlib import Path

from repro.data import catalog
from repro.errors import UserError


def fetch(name: str, directory: Path) -> str:
    """Download `name` into `directory`; returns a message about what was done. The download prints its own progress.

    Files already in its place are moved aside, never deleted. UserError, with instructions for a manual download, if
    the download fails or its checksums are wrong. What an archive's download has brought is kept for the next one.
    """
    dataset = catalog.describe(name, directory)
    if not catalog.problems(dataset, directory):
        return f"already in {directory}"
    target, aside = directory / dataset.folder, None
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory) as temporary:
            dataset.download(Path(temporary))
            if wrong := catalog.problems(dataset, Path(temporary)):
                raise UserError(f"the download of {name!r} is not the official data:\n  " + "\n  ".join(wrong))
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                aside = _set_aside(target)
            (Path(temporary) / dataset.folder).replace(target)
    except (
        OSError,
        RuntimeError,
    ) as error:  # no network, space or permission; of torchvision, and NotServed
        listing = "\n".join(f"  {directory / file}" for file in dataset.files)
        raise UserError(
            f"cannot fetch {name!r}: {str(error) or type(error).__name__}\n"
            f"Without a network, put the official files here and run `repro data check {name}`:\n{listing}"
        ) from error
    return f"fetched into {directory}" + (f"; the previous files are now in {aside}" if aside else "")


def _set_aside(folder: Path) -> Path:
    """Rename `folder` to the first free name of folder.old-1, folder.old-2, ...; returns the new path."""
    serial = 1
    while (aside := folder.with_name(f"{folder.name}.old-{serial}")).exists():
        serial += 1
    return folder.replace(aside)
