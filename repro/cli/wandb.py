"""`repro wandb sync|review`: the records on W&B, for a reviewer. Neither loads torch."""

from pathlib import Path

import click

from repro.cli.common import DONE, FAILED, demo_option, experiments_argument, root_of, scale_of, scale_option


@click.group()
def wandb() -> None:
    """Show the records on W&B: the runs as they are recorded, and a review of each experiment."""


@wandb.command()
@experiments_argument
@scale_option
@demo_option
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@click.pass_context
def sync(ctx: click.Context, experiments: tuple[str, ...], scale: str, demo: bool, dry_run: bool) -> None:
    """Send to W&B what it lacks of the records, whether or not a run was logged while it was trained.

    \b
    repro wandb sync
    repro wandb sync resnet-depth --dry-run
    WANDB_MODE=offline repro wandb sync resnet-depth
    """
    from repro.records.results import chosen
    from repro.tracking import sync as syncing

    root = root_of(ctx)
    done = syncing.sync(root, chosen(root, list(experiments), scale_of(scale, demo)), dry_run, click.echo)
    ctx.exit(DONE if done else FAILED)


@wandb.command()
@experiments_argument
@scale_option
@click.option(
    "--save-json",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the W&B Report there and the report run offline; nothing is sent.",
)
@click.pass_context
def review(ctx: click.Context, experiments: tuple[str, ...], scale: str, file: Path | None) -> None:
    """Make a report run and a W&B Report of each experiment: tables, figures, one section per claim with its verdict.

    At a reduced scale no claim is judged, and there are no such sections.

    The runs themselves are sent by `repro wandb sync`. Needs: pip install 'repro[review]'

    \b
    repro wandb review resnet-depth
    repro wandb review resnet-depth --save-json review.json
    """
    from repro.tracking import review_command

    done = review_command.run(root_of(ctx), list(experiments), scale_of(scale, demo=False), file, click.echo)
    ctx.exit(DONE if done else FAILED)
