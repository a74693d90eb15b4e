"""Downloads a data set through torchvision's own classes: into a folder beside the target, checked, then renamed."""

import shutil
import tempfile
from pathlib import Path

import torchvision

from repro.data import catalog
from repro.errors import UserError

CLASSES = {
    "cifar10": torchvision.datasets.CIFAR10,
    "mnist": torchvision.datasets.MNIST,
    "fashion-mnist": torchvision.datasets.FashionMNIST,
}


def fetch(name: str, directory: Path) -> bool:
    """Bring `name` into `directory`; False where it was there already. torchvision shows the progress.

    UserError, with what to put where, when the download fails or its bytes are not the official ones.
    """
    dataset = catalog.describe(name, directory)
    if not catalog.problems(dataset, directory):
        return False
    if name not in CLASSES:
        raise UserError(f"data set {name!r} cannot be fetched; allowed: {', '.join(CLASSES)}")
    target = directory / dataset.folder
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory) as workshop:
            CLASSES[name](workshop, train=True, download=True)
            if wrong := catalog.problems(dataset, Path(workshop)):
                raise UserError(f"the download of {name!r} is not the official data:\n  " + "\n  ".join(wrong))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
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
    return True
