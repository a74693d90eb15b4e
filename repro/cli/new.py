"""`repro new`: begin an experiment of one's own. Loads no torch."""

from pathlib import Path

import click

from repro.cli.completion import complete_experiment
from repro.cli.root import root_of


@click.command()
@click.argument("name")
@click.option(
    "--from",
    "source",
    metavar="EXPERIMENT",
    shell_complete=complete_experiment,
    help="Copy this experiment, given by its name or its file's path.  [default: a commented template]",
)
@click.pass_context
def new(ctx: click.Context, name: str, source: str | None) -> None:
    """Write experiments/NAME.toml, which runs as it is: edit it to state your own claim. Overwrites nothing.

    \b
    repro new my-claim
    repro new my-resnet --from resnet-depth
    """
    from repro.spec import template

    path = template.new(name, root_of(ctx), source)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    click.echo(f"{shown} written. To try it: repro run {name} --demo")
