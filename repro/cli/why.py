"""`repro why`: which deviation explains the gap between our number and the paper's."""

from typing import Any

import click

from repro.cli.common import check_ways, name_faults, say, scale_of, terminal_width
from repro.cli.completion import complete_arm
from repro.cli.root import root_of
from repro.cli.running import run as run_command
from repro.errors import UserError

OWN = ("arms", "until_decided", "scratch", "settings")  # parameters of `repro run` that are not offered here, or differ


@click.command(
    params=[
        *(parameter for parameter in run_command.params if parameter.name not in OWN),
        click.Option(
            ["--arm"],
            shell_complete=complete_arm,
            help="The arm to explain.  [default: the first with another reading, if possible with a published number]",
        ),
        click.Option(["--no-run"], is_flag=True, help="Train nothing; report from the records there are."),
    ]
)
@click.pass_context
def why(
    ctx: click.Context,
    /,
    experiment: str,
    arm: str | None,
    seeds: int,
    scale: str,
    demo: bool,
    dry_run: bool,
    no_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Find out what an arm's deviations are worth, and which of them explain its gap to the printed number.

    Trains the arm as stated, and once more for each deviation whose other reading the spec gives (`instead`,
    `other_arm`), with the same seeds. Then reports the effect of each on the test error, their sum, the gap (ours -
    printed) and what remains of it. The other options are those of `repro run`. At a reduced scale and in demos there
    are effects only, without intervals.

    \b
    repro why resnet-depth --arm resnet20 --seeds 5
    repro why resnet-depth --arm resnet20 --no-run
    """
    from repro import spec
    from repro.claims.why import check_arm, default_arm, explain
    from repro.records.results import Results
    from repro.run import plan, start
    from repro.run.result import Options
    from repro.show import why as shown

    check_ways(ctx)
    if dry_run and no_run:
        raise UserError("--dry-run and --no-run: choose one; --dry-run prints the state of runs, --no-run the report")
    root, at = root_of(ctx), scale_of(scale, demo)
    loaded = spec.load(experiment, root)
    arm = arm or default_arm(loaded, at)
    check_arm(loaded, arm, at)
    outcome = None
    if not no_run:
        names = [arm, *(other.arm.name for other in spec.other_readings(loaded, arm, at))]
        chosen = plan.plan(root, experiment, names, seeds, at)
        if dry_run:
            say(plan.as_json(chosen) if as_json else plan.as_text(chosen), as_json)
            return
        outcome = start.run(root, chosen, Options(**options))
    results = Results.load(root, experiment, at)
    found = explain(results, arm)
    if as_json:
        click.echo(shown.as_json(loaded.name, found, outcome.summary() if outcome else None))
    else:
        click.echo(shown.as_text(loaded.name, found, terminal_width()))
    code = name_faults(root, results.faults, [experiment])
    if outcome and not as_json and (message := outcome.message()):
        click.echo(message, err=True)
    ctx.exit(outcome.exit_code or code if outcome else code)
