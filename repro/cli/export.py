"""`repro export`: describe the records in a format of other tools. Loads no torch."""

from pathlib import Path

import click

from repro.cli.common import experiments_argument, faults_of, name_faults, root_of, scale_of, scale_option
from repro.errors import UserError


@click.command()
@experiments_argument
@scale_option
@click.option("--ro-crate", "ro_crate", is_flag=True, help="As RO-Crate metadata (JSON-LD, profile Process Run Crate).")
@click.option(
    "--author",
    "authors",
    multiple=True,
    metavar="'NAME <ORCID-URL>'",
    help="Who ran the experiments. Can be given several times.  [default: nobody is named]",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write. The paths in it are relative to the project's folder.  "
    "[default: ro-crate-metadata.json in that folder]",
)
@click.pass_context
def export(
    ctx: click.Context,
    experiments: tuple[str, ...],
    scale: str,
    ro_crate: bool,
    authors: tuple[str, ...],
    out: Path | None,
) -> None:
    """Describe every finished run for other programs: who made which files, when, from what and with what.

    Stale runs are left out, because their specification has changed since. The same records give the same bytes.

    \b
    repro export --ro-crate
    repro export resnet-depth --ro-crate --author 'Ada Lovelace <https://orcid.org/0000-0000-0000-0000>'
    """
    if not ro_crate:
        raise UserError("repro export: choose a format; allowed: --ro-crate")
    from repro.records.results import select
    from repro.show import crate

    root = root_of(ctx)
    people = [crate.Author.parse(author) for author in authors]
    results = select(root, list(experiments), scale_of(scale, demo=False))
    click.echo(crate.write(root, results, people, out))
    ctx.exit(name_faults(root, faults_of(results), experiments))
