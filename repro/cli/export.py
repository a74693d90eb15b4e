"""`repro export`: describe the records in a format of other tools. Loads no torch."""

from pathlib import Path
from typing import NoReturn

import click

from repro.cli.common import check_defaults, experiments_argument, faults_of, name_faults, scale_of, scale_option
from repro.cli.root import root_of
from repro.errors import UserError


@click.command()
@experiments_argument
@scale_option
@click.option("--ro-crate", "form", flag_value="ro-crate", help="RO-Crate metadata (JSON-LD, Process Run Crate).")
@click.option("--csv", "form", flag_value="csv", help="All runs and evaluations of every scale, as two CSV files.")
@click.option("--sqlite", "form", flag_value="sqlite", help="The same as a SQLite database with two tables.")
@click.option("--parquet", "form", flag_value="parquet", help="The same as two Parquet files; needs pyarrow.")
@click.option(
    "--author",
    "authors",
    multiple=True,
    metavar="'NAME <ORCID-URL>'",
    help="With --ro-crate: who ran the experiments. Can be given several times.  [default: nobody is named]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="With --ro-crate: the file to write; paths in it are relative to the project's folder  "
    "[default: ro-crate-metadata.json there]. Else the folder to write to  [default: export].",
)
@click.pass_context
def export(
    ctx: click.Context,
    experiments: tuple[str, ...],
    scale: str,
    form: str | None,
    authors: tuple[str, ...],
    out: Path | None,
) -> None:
    """Hand the records to other programs: as tables, or as a description of who made which files and with what.

    The tables have every recorded run, and columns that say which are stale or unfinished. An RO-Crate leaves those
    out, and is of one scale. The same records give the same bytes.

    \b
    repro export --csv --out tables
    repro export --sqlite
    repro export --ro-crate
    repro export resnet-depth --ro-crate --author 'Ada Lovelace <https://orcid.org/0000-0000-0000-0000>'
    """
    from repro.show import crate, frames

    root = root_of(ctx)
    if form is None:
        forms = ", ".join(f"--{name}" for name in ("ro-crate", *frames.FORMATS))
        raise UserError(f"repro export: choose a format; allowed: {forms}")
    if form in frames.FORMATS:
        check_defaults(ctx, f"--{form}", f"--{form} exports every scale and names nobody", "scale", "authors")
        _tables(ctx, root, experiments, form, out or Path("export"))
    from repro.records.results import select

    people = [crate.Author.parse(author) for author in authors]
    results = select(root, list(experiments), scale_of(scale, demo=False))
    click.echo(crate.write(root, results, people, out))
    ctx.exit(name_faults(root, faults_of(results), experiments))


def _tables(ctx: click.Context, root: Path, experiments: tuple[str, ...], form: str, out: Path) -> NoReturn:
    from repro import records, spec
    from repro.records import Fault
    from repro.records.results import load_all
    from repro.show import frames

    faults = list[Fault]()
    results = load_all(root, list(experiments) or spec.names(root), records.scales(root))
    for path in frames.write(frames.frames(results, faults.append), form, out):
        click.echo(path)
    every = dict.fromkeys([*faults_of(results), *faults])
    ctx.exit(name_faults(root, every, experiments))
