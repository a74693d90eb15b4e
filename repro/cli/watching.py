"""`repro watch|logs`: look at runs while they train, and at why they failed. Load no torch."""

import sys
import time

import click

from repro.cli.common import demo_option, scale_of, scale_option, scratch_option, terminal_width
from repro.cli.completion import complete_run
from repro.cli.root import root_of
from repro.errors import UserError


@click.command()
@click.option("--once", is_flag=True, help="Print the present state and end, as it does if the output is no terminal.")
@click.option(
    "--every",
    type=click.FloatRange(0.2, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two looks.",
)
@click.pass_context
def watch(ctx: click.Context, once: bool, every: float) -> None:
    """Show all unfinished runs and how far they are, whoever trains them, until Ctrl-C.

    Looks only at the records, which are written at each checkpoint and evaluation.

    \b
    repro watch
    repro watch --once
    """
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from repro.records.watcher import Watcher
    from repro.show import watch as shown

    watcher = Watcher(root_of(ctx))
    if once or not sys.stdout.isatty():
        click.echo(shown.text(watcher.look(), terminal_width()))
        return
    console = Console(highlight=False)

    def now() -> Text:
        return Text(shown.text(watcher.look(), console.width))

    try:
        with Live(now(), console=console, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                time.sleep(every)
                live.update(now(), refresh=True)
    except KeyboardInterrupt:  # the usual end
        return


@click.command()
@click.argument("run", metavar="RUN", shell_complete=complete_run)
@scale_option
@demo_option
@scratch_option
@click.pass_context
def logs(ctx: click.Context, run: str, scale: str, demo: bool, scratch: bool) -> None:
    """Print the log of a run, EXPERIMENT/ARM/seed-N: the errors that ended it. A run without errors has none.

    \b
    repro logs resnet-depth/resnet20/seed-0
    """
    from repro import records
    from repro.records import removal

    root = root_of(ctx)
    if run.count("/") != 2:
        raise UserError(f"{run!r} is not a run; allowed: EXPERIMENT/ARM/seed-N")
    (found,) = removal.named(root, run, scale_of(scale, demo, scratch))
    try:
        click.echo((found.path / "run.log").read_text(encoding="utf-8", errors="replace").rstrip())
    except FileNotFoundError:
        record = records.read_run(found.path)
        click.echo(f"{run} has no log; its status: {record.status if record else 'not begun'}", err=True)
