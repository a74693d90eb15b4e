"""`repro wandb sync|review`: show the records on W&B, for reviewers. Neither loads torch."""

from pathlib import Path

import click

from repro.cli.common import DONE, FAILED, demo_option, experiments_argument, name_faults, scale_of, scale_option
from repro.cli.root import root_of


@click.group()
def wandb() -> None:
    """Show the records on W&B: send the runs, and make a review of each experiment."""


@wandb.command()
@experiments_argument
@scale_option
@demo_option
@click.option("--dry-run", is_flag=True, help="Only list what would be sent.")
@click.pass_context
def sync(ctx: click.Context, experiments: tuple[str, ...], scale: str, demo: bool, dry_run: bool) -> None:
    """Send records that W&B does not have yet, whether or not the run was logged during training.

    \b
    repro wandb sync
    repro wandb sync resnet-depth --dry-run
    WANDB_MODE=offline repro wandb sync resnet-depth
    """
    from repro.records.results import select
    from repro.tracking import sync as syncing

    root = root_of(ctx)
    results = select(root, list(experiments), scale_of(scale, demo))
    done = syncing.sync(root, results, dry_run, click.echo)
    name_faults(root, [], experiments)  # the faults are among the lines
    ctx.exit(DONE if done else FAILED)


@wandb.command()
@experiments_argument
@scale_option
@click.option(
    "--save-json",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the W&B Report to this file and the review run offline; send nothing.",
)
@click.pass_context
def review(ctx: click.Context, experiments: tuple[str, ...], scale: str, file: Path | None) -> None:
    """Make a review run and a W&B Report for each experiment: tables, figures, one section per claim with its verdict.

    At a reduced scale no claim is judged, so the sections on claims are left out.

    The training runs are sent by `repro wandb sync`. Requires: pip install 'repro-harness[review]'

    \b
    repro wandb review resnet-depth
    repro wandb review resnet-depth --save-json review.json
    """
    from repro.tracking import review_command

    done = review_command.run(root_of(ctx), list(experiments), scale_of(scale, demo=False), file, click.echo)
    ctx.exit(DONE if done else FAILED)
