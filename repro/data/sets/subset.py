"""Some classes of another data set: `cifar10[cat,dog]` is CIFAR-10's cats and dogs, as classes 0 and 1."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from repro.data.dataset import DataSet, Part
from repro.errors import UserError


@dataclass(frozen=True)
class Subset(DataSet):
    """The images of `base` that belong to `classes`, in the base's order. Checksum and files are the base's."""

    base: DataSet | None = None

    def read(
        self, directory: Path, part: Part, places: Sequence[int] | None = None
    ) -> tuple[Iterable[np.ndarray], np.ndarray]:
        assert self.base
        numbers = [self.base.classes.index(name) for name in self.classes]
        _, labels = self.base.read(directory, part)
        own = np.flatnonzero(np.isin(labels, numbers))
        images, labels = self.base.read(directory, part, (own if places is None else own[list(places)]).tolist())
        return images, np.array([numbers.index(label) for label in labels], np.int64)

    def download(self, directory: Path) -> None:
        assert self.base
        self.base.download(directory)


def split_name(name: str) -> tuple[str, tuple[str, ...]]:
    """("cifar10", ("cat", "dog")) for "cifar10[cat,dog]"; ("cifar10", ()) for "cifar10"."""
    base, bracket, listed = name.partition("[")
    return (base, tuple(listed[:-1].split(","))) if bracket and listed.endswith("]") else (name, ())


def subset(name: str, base: DataSet, classes: tuple[str, ...]) -> Subset:
    """The data set `name`, of these classes of `base`. UserError for fewer than two, or for one that `base` lacks."""
    wrong = [c for c in classes if c not in base.classes] or [c for c in classes if classes.count(c) > 1]
    if wrong or len(classes) < 2:
        problem = f"no class {wrong[0]!r}, or lists it twice" if wrong else "only one class"
        raise UserError(
            f"data set {name!r} has {problem}; allowed: two or more different classes of {base.name}: "
            f"{', '.join(base.classes)}"
        )
    numbers = [base.classes.index(c) for c in classes]
    counts: dict[Part, tuple[int, ...]] = {
        part: tuple(base.class_counts(part)[number] for number in numbers) for part in ("train", "test")
    }
    own = {f.name: getattr(base, f.name) for f in fields(DataSet)} | {
        "name": name,
        "title": f"{', '.join(classes)} of {base.title}",
        "classes": classes,
        "train_images": sum(counts["train"]),
        "test_images": sum(counts["test"]),
        "counts": counts,
    }
    return Subset(**own, base=base)
