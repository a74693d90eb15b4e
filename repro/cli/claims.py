"""`repro freeze|migrate`: claims fixed before the runs, and records of an older version. Neither loads torch."""

import click

from repro.cli.common import CHECK_FAILED, experiments_argument, root_of


@click.command()
@experiments_argument
@click.option("--check", is_flag=True, help="Write nothing; exit with 3 if a claim is not as it was frozen.")
@click.pass_context
def freeze(ctx: click.Context, experiments: tuple[str, ...], check: bool) -> None:
    """Fix the claims before the runs that will judge them: append those that changed to experiments/frozen.toml.

    A record stores which claims were in force when its run began; a verdict that rests on a run begun under other
    claims, or before any, is marked post hoc. Commit the spec first, and frozen.toml after.

    \b
    repro freeze resnet-depth
    repro freeze --check
    """
    from repro import spec
    from repro.spec import freeze as freezing

    root = root_of(ctx)
    if not check:
        for name, why in freezing.freeze(root, list(experiments)):
            click.echo(f"{name} frozen; before: {why}")
        return
    registry, wrong = freezing.Registry(root), 0
    for name in experiments or spec.names(root):
        if difference := registry.difference(spec.load(name, root)):
            wrong += 1
            click.echo(f"{name}: {difference}", err=True)
    if wrong:
        ctx.exit(CHECK_FAILED)
    click.echo("every claim is as it was frozen")


@click.command()
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """Rewrite records of an older version of repro as today's has them; no measured number changes.

    They are read as they are, too: this saves the next reader the work, and shows the change in your history.
    """
    from repro import records

    root = root_of(ctx)
    folders = records.migrate_all(root)
    for folder in folders:
        click.echo(folder.relative_to(root))
    click.echo(f"{len(folders)} records rewritten")


COMMANDS = (freeze, migrate)
