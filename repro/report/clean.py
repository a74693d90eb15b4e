"""A view of a root without the runs that were trained on uncommitted changes: they stay out of the report.

Disk is the interface: the view is a folder like any root, so tables and figures need not know.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repro import records
from repro.spec import Scale

FILES = ("run.json", "metrics.csv", "predictions.npz")


def scales(root: Path) -> list[Scale]:
    """The scales to report on: never the demo."""
    return [scale for scale in records.scales(root) if not scale.is_demo]


@contextmanager
def view(root: Path) -> Iterator[tuple[Path, dict[tuple[str, Scale], tuple[str, ...]]]]:
    """The root to read instead, and (experiment, scale) -> the folders left out, from `root`, with slashes."""
    kept: list[Path] = []
    left_out: dict[tuple[str, Scale], tuple[str, ...]] = {}
    for scale in scales(root):
        for row in records.load(root, scale=scale).to_dict("records"):
            folder = folder_of(root, row).relative_to(root)
            if row["dirty"]:
                key = (row["experiment"], scale)
                left_out[key] = (*left_out.get(key, ()), folder.as_posix())
            else:
                kept.append(folder)
    if not left_out:
        yield root, {}
        return
    with tempfile.TemporaryDirectory() as temporary:
        other = Path(temporary)
        shutil.copytree(root / "experiments", other / "experiments")
        for folder in kept:
            (other / folder).mkdir(parents=True)
            for path in (root / folder / name for name in FILES):
                if path.is_file():
                    shutil.copyfile(path, other / folder / path.name)
        yield other, left_out


def folder_of(root: Path, row: Mapping[Any, Any]) -> Path:
    """The folder of a row of `records.load`."""
    base = records.results_folder(root, Scale.parse(row["scale"]))
    return base / str(row["experiment"]) / str(row["arm"]) / f"seed-{row['seed']}"
