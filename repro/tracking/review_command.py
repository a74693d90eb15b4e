"""The parent's side of `repro wandb review`: checks what it needs, runs one job per experiment, stores the results."""

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


def run(root: Path, names: list[str], scale: Scale, file: Path | None, print_line: Callable[[str], None]) -> bool:
    """Review the named experiments (default: all that have records); return whether all succeeded.

    With `file` nothing is sent: the review runs are stored offline, and the W&B Reports go into that file.
    UserError before anything is done if a requirement is missing.
    """
    for module, package in NEEDED.items():
        if not mirror.installed(module):
            raise UserError(f"repro wandb review needs the package {package}: pip install 'repro-harness[review]'")
    mode = "offline" if file else sync.mode()
    if mode == "offline" and not file:
        raise UserError("WANDB_MODE is offline, but a W&B Report needs a server; use --save-json FILE instead")
    if file and not file.parent.is_dir():
        raise UserError(f"--save-json {file}: the folder {file.parent} does not exist")
    reports: list[dict[str, Any]] = []
    for each in select(root, names, scale):
        name, file_of_spec = each.name, str(each.experiment.file.resolve())
        address = links.find(root, name, scale)
        job = mirror.job("review", root, mode, experiment=file_of_spec, scale=str(scale), address=address)
        messages: list[Message] = []
        if not sync.work(job, messages.append, messages, print_line):
            return False
        made = next(message["reviewed"] for message in messages if "reviewed" in message)
        print_line(f"{name}: {', '.join(made['logged'])}  {made['where']}")
        reports.append(made["report"])
        if address := made["address"]:
            links.write(root, name, scale, address)
            print_line(f"{name}: W&B Report  {address}\nTo link to it from REPORT.md: repro report")
    if file:
        try:
            write_atomically(file, json.dumps({"reports": reports}, indent=1).encode() + b"\n")
        except OSError as error:
            raise UserError(f"cannot write {file}: {error.strerror}") from error
        print_line(str(file))
    return True
