"""`repro power|freeze|migrate`: plan the claims and fix them before the runs; update records of an older version.

None of them loads torch.
"""

import click

from repro.cli.common import (
    CHECK_FAILED,
    experiment_argument,
    experiments_argument,
    json_option,
    name_faults,
    terminal_width,
)
from repro.cli.root import root_of
from repro.errors import UserError


@click.command()
@experiments_argument
@click.option("--check", is_flag=True, help="Write nothing; exit with 3 if a claim differs from its frozen version.")
@json_option
@click.pass_context
def freeze(ctx: click.Context, experiments: tuple[str, ...], check: bool, as_json: bool) -> None:
    """Fix the claims before the runs that will test them: append new and changed claims to experiments/frozen.toml.

    A record stores which frozen claims were in force when its run started. A verdict that uses a run started under
    other claims, or before any were frozen, is marked post hoc. Commit the spec first, then freeze, then commit
    frozen.toml.

    \b
    repro freeze resnet-depth
    repro freeze --check
    """
    from repro import spec
    from repro.show import describe
    from repro.spec import freeze as freezing

    root = root_of(ctx)
    if as_json and not check:
        raise UserError("--json is for --check: add it, or leave out --json")
    if not check:
        for name, changes in freezing.freeze(root, list(experiments)):
            click.echo(f"{name} frozen ({changes})")
        return
    registry = freezing.Registry(root)
    loaded = [spec.load(text, root) for text in experiments or spec.own(root)]
    found = {experiment.name: registry.compare(experiment) for experiment in loaded}
    if as_json:
        click.echo(describe.frozen_as_json(found))
    else:
        for name, difference in found.items():
            if difference:
                click.echo(f"{name}: {difference}", err=True)
    if any(found.values()):
        ctx.exit(CHECK_FAILED)
    if not as_json:
        click.echo("all claims match their frozen versions")


@click.command()
@experiment_argument
@click.option("--seeds", type=click.IntRange(min=2), metavar="N", help="Only looks at up to N seeds.  [default: all]")
@json_option
@click.pass_context
def power(ctx: click.Context, experiment: str, seeds: int | None, as_json: bool) -> None:
    """Simulate how likely each claim is reproduced by its looks if the published values are true, before any run.

    \b
    repro power resnet-depth
    repro power resnet-depth --seeds 5
    """
    from repro import spec
    from repro.claims import power as planning
    from repro.run import queue
    from repro.show import power as shown

    root = root_of(ctx)
    loaded = spec.load(experiment, root)
    found = planning.power(loaded, seeds)
    last = max((each.chances[-1].n for each in found if each.chances), default=seeds or planning.SEEDS)
    times = queue.time_left(root, experiment, last)
    click.echo(
        shown.as_json(loaded, found, times) if as_json else shown.as_text(loaded, found, times, terminal_width())
    )


@click.command()
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """Rewrite records of an older version of repro in the current format. No measured number changes.

    Older records can be read without this; migrating makes the change of format one visible commit, and adds the
    digests that show any later change of their files.
    """
    from repro import records

    root = root_of(ctx)
    folders, damaged = records.migrate_all(root)
    for folder in folders:
        click.echo(folder.relative_to(root))
    click.echo(f"{len(folders)} records rewritten")
    ctx.exit(name_faults(root, damaged))


COMMANDS = (power, freeze, migrate)
