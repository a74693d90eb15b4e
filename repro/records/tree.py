"""What lies in results/: the scales that have records, and strays, which are no run's folder and are never read."""

from collections.abc import Collection
from pathlib import Path

from repro import spec
from repro.errors import UserError
from repro.records import links
from repro.records.fault import Fault
from repro.records.folder import ASIDE, SEED, results_folder
from repro.spec import Scale

A_FILE = "is not read: it is a file in the place of a folder"


def scales(root: Path) -> list[Scale]:
    """The scales that have records: full scale (always listed), reduced scales from large to small, then demo."""
    reduced = [scale for path in (root / "results").glob("scale-*") if path.is_dir() and (scale := _scale(path))]
    reduced.sort(key=lambda scale: scale.fraction or 0, reverse=True)
    return [spec.FULL, *reduced, *[spec.DEMO] * results_folder(root, spec.DEMO).is_dir()]


def _scale(folder: Path) -> Scale | None:
    """The scale whose records are in this folder; None if it is no scale's, such as scale-2-4 beside scale-1-2."""
    try:
        scale = Scale.of(folder.name.removeprefix("scale-").replace("-", "/"))
    except UserError:
        return None
    return scale if scale.folder == folder.name else None


def strays(root: Path, experiments: Collection[str] | None = None) -> list[Fault]:
    """What lies where a folder of a scale, an experiment, an arm or a run is expected, and is none.

    `experiments`: look only inside the folders of these. Hidden files and W&B's addresses are no strays.
    """
    known, found = spec.known(root), list[Fault]()
    for scale in scales(root):
        for path in _inside(results_folder(root, scale), found):
            if path.name in (known if experiments is None else experiments):
                _search_experiment(path, found)
            elif experiments is None and not (scale.is_full and _is_scale(path)) and path != links.path(root):
                expected = "an experiment or a scale" if scale.is_full else "an experiment"
                wrong = f"is not read: it is not the folder of {expected}"
                if any(path.glob("*/seed-*/run.json")):
                    wrong = "is not read: there is no experiment of this name here; give the path of its file"
                found.append(Fault(path, wrong))
    return found


def _is_scale(path: Path) -> bool:
    return path.is_dir() and (path.name in (spec.DEMO.folder, spec.SCRATCH) or _scale(path) is not None)


def _search_experiment(experiment: Path, found: list[Fault]) -> None:
    for arm in _inside(experiment, found):
        for run in _inside(arm, found):
            if not (SEED.fullmatch(run.name) or ASIDE.fullmatch(run.name)):
                found.append(Fault(run, "is not read: the folder of a run is called seed-N"))
            elif not run.is_dir():
                found.append(Fault(run, A_FILE))


def _inside(folder: Path, found: list[Fault]) -> list[Path]:
    """What lies in the folder, without hidden files; none, and a fault in `found`, if it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:  # nothing is recorded yet
        return []
    except OSError as error:
        reason = A_FILE if isinstance(error, NotADirectoryError) else f"is not read: {error.strerror}"
        found.append(Fault(folder, reason))
        return []
