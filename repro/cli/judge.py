"""`repro judge`: the verdicts on an experiment's claims by results that other code trained. Loads no torch."""

from pathlib import Path

import click

from repro.cli.common import (
    check_claims,
    check_option,
    experiment_at,
    format_option,
    json_form_option,
    strict_option,
    terminal_width,
)
from repro.cli.completion import complete_experiment


@click.command()
@click.argument("spec", shell_complete=complete_experiment)
@click.option(
    "--results",
    "file",
    required=True,
    metavar="FILE.csv",
    type=click.Path(path_type=Path),
    help="One row per run: arm, seed, test_error in % (empty = diverged); optionally train_error, best_test_error, "
    "validated_test_error.",
)
@format_option
@json_form_option
@click.option(
    "--plot",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also draw the figures that need no more than these numbers, into DIR.",
)
@check_option
@strict_option
@click.pass_context
def judge(ctx: click.Context, spec: str, file: Path, form: str, folder: Path | None, check: bool, strict: bool) -> None:
    """Judge an experiment's claims by results that other code trained, from a CSV file.

    SPEC is an experiment's name, or the path of a TOML file with your own claims. The verdicts are those that recorded
    runs with these numbers would get. They are marked as trained elsewhere, since nothing checks the recipe or whether
    the claims were fixed before the runs. Number the seeds of each arm from 0: a look at n seeds uses 0 to n-1. Nothing
    is written to results/.

    \b
    repro judge resnet-depth --results theirs.csv
    repro judge claims/mine.toml --results mine.csv --format md --plot figures
    """
    from repro.records import elsewhere
    from repro.show import plots, tables

    results = elsewhere.read(file, experiment_at(ctx, spec))
    if results.warning:
        click.echo(f"warning: {results.warning}", err=True)
    click.echo(tables.render([results], form, width=terminal_width(), view="claims"))
    if folder:

        def skipped(kind: str, reason: str) -> None:
            click.echo(f"no {kind}: {reason}", err=True)

        for path in plots.plot(results, None, folder, skipped=skipped):
            click.echo(path, err=True)
    ctx.exit(check_claims([results], check, strict))
