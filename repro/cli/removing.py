"""`repro rm|clean`: remove records. Both list what would go, and ask first. Load no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro.cli.common import demo_option, scale_of, scale_option, scratch_option
from repro.cli.completion import complete_run
from repro.cli.root import root_of
from repro.wording import plural

if TYPE_CHECKING:
    from repro.records.removal import Removable

SHOWN = 20  # folders that are listed
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_run)
@scale_option
@demo_option
@scratch_option
@yes_option
@click.pass_context
def rm(ctx: click.Context, runs: tuple[str, ...], scale: str, demo: bool, scratch: bool, yes: bool) -> None:
    """Remove the records and checkpoints of runs: EXPERIMENT, EXPERIMENT/ARM or EXPERIMENT/ARM/seed-N.

    \b
    repro rm resnet-depth/resnet20/seed-3
    repro rm bn-placement --demo
    repro rm bn-placement --scratch --scale 1/200 --yes
    """
    from repro.records import removal

    root, at = root_of(ctx), scale_of(scale, demo, scratch)
    found = {each.path: each for target in runs for each in removal.named(root, target, at)}
    _remove(root, list(found.values()), yes)


@click.command()
@click.option("--stale", "kinds", flag_value="stale", multiple=True, help="Runs whose recipe has changed since.")
@click.option("--orphaned", "kinds", flag_value="orphaned", multiple=True, help="Runs that no spec has any more.")
@click.option("--scratch", "kinds", flag_value="scratch", multiple=True, help="Quick tries.")
@yes_option
@click.pass_context
def clean(ctx: click.Context, kinds: tuple[str, ...], yes: bool) -> None:
    """Remove records that are no longer of use: stale and orphaned ones, and quick tries; by default all three.

    \b
    repro clean
    repro clean --scratch
    """
    from repro.records import removal

    root = root_of(ctx)
    _remove(root, removal.superfluous(root, kinds or removal.KINDS), yes)


def _remove(root: Path, found: "list[Removable]", yes: bool) -> None:
    """List, ask, remove."""
    from repro.records import removal

    if not found:
        click.echo("nothing to remove")
        return
    for each in found[:SHOWN]:
        reason = "" if each.reason == "named" else f"  ({each.reason})"
        click.echo(f"{each.path.relative_to(root)}{reason}")
    if len(found) > SHOWN:
        click.echo(f"and {len(found) - SHOWN} more")
    size = sum(each.size for each in found) / 1e6
    what = f"{plural(len(found), 'run')}, {size:.1f} MB"
    if not yes:
        click.confirm(f"Remove {what}? Only what is committed can be restored", abort=True)
    removal.remove(root, found)
    click.echo(f"removed {what}")
