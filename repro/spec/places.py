"""Where experiments and queues lie: in the project's own experiments/, then among those that the package brings.

The project is the folder in which records are kept, in results/. Its own experiment replaces a built-in one of the same
name. An experiment's file can also be given by its path.
"""

import difflib
from pathlib import Path

from repro.errors import UserError

FOLDER = "experiments"
REGISTRY = "frozen.toml"  # written by `repro freeze`, in the folder of the specs
PACKAGE = Path(__file__).resolve().parents[1]
SUFFIX = ".toml"


def built_in() -> Path:
    """The folder of the experiments that the package brings: inside it once installed, beside it in a checkout."""
    inside = PACKAGE / FOLDER
    return inside if inside.is_dir() else PACKAGE.parent / FOLDER


def project() -> Path:
    """The current folder or its nearest parent that holds experiments/*.toml, else the current folder."""
    current = Path.cwd()
    return next((folder for folder in (current, *current.parents) if own(folder)), current)


def own(root: Path) -> dict[str, Path]:
    """Name -> file of the project's own experiments; the files are not read."""
    return _files(root / FOLDER)


def known(root: Path) -> dict[str, Path]:
    """Name -> file of all experiments: the project's own, then the built-in ones that it does not replace."""
    mine = own(root)
    return mine | {name: path for name, path in _files(built_in()).items() if name not in mine}


def names(root: Path) -> list[str]:
    """The experiments that a command is about if it names none: the project's own, and the built-in ones with results.

    All built-in ones if there are neither.
    """
    mine, every = own(root), known(root)
    results = root / "results"
    found = [name for name in every if name in mine or any((*results.glob(name), *results.glob(f"*/{name}")))]
    return sorted(found or every)


def queues(root: Path) -> dict[str, Path]:
    """Name -> file of all queues: the project's own, then the built-in ones that it does not replace."""
    mine, others = _files(root / FOLDER / "queues"), _files(built_in() / "queues")
    return mine | {name: path for name, path in others.items() if name not in mine}


def find(text: str, root: Path) -> Path:
    """The file of the experiment that is given by its name or path. UserError if there is none.

    Also if a file has the name of another experiment, because the records of both would lie in one folder.
    """
    every = known(root)
    if path := as_path(text):
        if path.suffix != SUFFIX:
            raise UserError(f"{text}: an experiment is given by its name, or by the path of a TOML file, NAME{SUFFIX}")
        other = every.get(path.stem)
        if other and path.is_file() and path.read_bytes() != other.read_bytes():
            where = "a built-in experiment" if other.parent == built_in() else str(other)
            raise UserError(
                f"{path}: {where} has the same name and other content, and their records would lie in one folder, "
                f"results/{path.stem}. Rename the file, and the `name` in it"
            )
        return path
    if text not in every:
        near = difflib.get_close_matches(text, every, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        if Path(f"{text}{SUFFIX}").is_file():
            hint = f"; did you mean the file ./{text}{SUFFIX}?"
        raise UserError(f"unknown experiment {text!r}{hint} The experiments are: {', '.join(every) or 'none'}")
    return every[text]


def name_of(text: str) -> str:
    """The name of the experiment that is given by its name or path."""
    path = as_path(text)
    return path.stem if path else text


def as_path(text: str) -> Path | None:
    """The file that `text` gives on a command line, by its path; None if it is an experiment's name."""
    return Path(text) if text.endswith(SUFFIX) or Path(text).name != text else None


def _files(folder: Path) -> dict[str, Path]:
    return dict(sorted((path.stem, path) for path in folder.glob(f"*{SUFFIX}") if path.name != REGISTRY))
