"""`repro wandb review`, from outside the worker: what it needs, one job an experiment, where the results go."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from repro.errors import UserError
from repro.files import write_atomically
from repro.records import links
from repro.records.results import select
from repro.spec import Scale
from repro.tracking import mirror, sync
from repro.tracking.process import Message

NEEDED = {"wandb": "wandb", "wandb_workspaces": "wandb-workspaces"}


def run(root: Path, names: list[str], scale: Scale, file: Path | None, tell: Callable[[str], None]) -> bool:
    """Review the experiments named (default: all that have records); whether all went well.

    With `file` nothing is sent: the report runs are offline segments, the W&B Reports go into that file.
    UserError where something is missing, before anything is done.
    """
    for module, package in NEEDED.items():
        if not mirror.installed(module):
            raise UserError(f"repro wandb review needs the package {package}: pip install 'repro[review]'")
    mode = "offline" if file else sync.mode()
    if mode == "offline" and not file:
        raise UserError("a W&B Report lives on a server; without one: --save-json FILE")
    if file and not file.parent.is_dir():
        raise UserError(f"--save-json {file}: there is no folder {file.parent}")
    reports: list[dict[str, Any]] = []
    for name in [results.name for results in select(root, names, scale)]:
        job = mirror.job("review", root, mode, experiment=name, scale=str(scale), address=links.find(root, name, scale))
        heard: list[Message] = []
        if not sync.work(job, heard.append, heard, tell):
            return False
        made = next(message["reviewed"] for message in heard if "reviewed" in message)
        tell(f"{name}: {', '.join(made['logged'])}  {made['where']}")
        reports.append(made["report"])
        if address := made["address"]:
            links.write(root, name, scale, address)
            tell(f"{name}: W&B Report  {address}\nREPORT.md links to it once written anew: repro report")
    if file:
        try:
            write_atomically(file, json.dumps({"reports": reports}, indent=1).encode() + b"\n")
        except OSError as error:
            raise UserError(f"cannot write {file}: {error.strerror}") from error
        tell(str(file))
    return True
