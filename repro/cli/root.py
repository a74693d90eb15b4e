"""The root folder that a command works in."""

from pathlib import Path

import click

from repro.errors import UserError


def root_of(ctx: click.Context) -> Path:
    """UserError if the folder given with --root does not exist."""
    given: Path | None = ctx.find_root().params.get("root")
    if given and not given.is_dir():
        raise UserError(f"--root {given}: there is no such folder")
    from repro.spec import project

    return given or project()
