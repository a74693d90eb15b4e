"""The addresses of the W&B Reports: results/reviews.json, committed, so that REPORT.md can link to them."""

import json
from pathlib import Path

from repro.errors import UserError
from repro.files import write_atomically
from repro.spec import Scale

Links = dict[str, dict[str, str]]  # experiment -> scale -> address


def path(root: Path) -> Path:
    return root / "results" / "reviews.json"


def read(root: Path) -> Links:
    """The addresses; empty if no W&B Report was saved. UserError if the file is not as `write` writes it."""
    try:
        links: Links = json.loads(path(root).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path(root)} cannot be read: {error}") from error
    wrong = not isinstance(links, dict) or any(
        not isinstance(url, str) or not url.startswith(("https://", "http://"))
        for scales in links.values()
        for url in (scales.values() if isinstance(scales, dict) else [None])
    )
    if wrong:
        raise UserError(f"{path(root)} is invalid: it must hold experiment -> scale -> http(s) address")
    return links


def find(root: Path, experiment: str, scale: Scale) -> str:
    return read(root).get(experiment, {}).get(str(scale), "")


def write(root: Path, experiment: str, scale: Scale, address: str) -> None:
    links = read(root)
    links.setdefault(experiment, {})[str(scale)] = address
    path(root).parent.mkdir(exist_ok=True)
    write_atomically(path(root), json.dumps(links, indent=1, sort_keys=True).encode() + b"\n")
