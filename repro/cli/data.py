"""`repro data list|fetch|check`."""

import json
import sys

import click

from repro.cli.common import CHECK_FAILED, DONE, json_option, say
from repro.cli.completion import complete_data_set


@click.group()
def data() -> None:
    """List, fetch and check the data sets. They are kept in REPRO_DATA_DIR, else in the platform's cache folder."""


@data.command("list")
@json_option
def data_list(as_json: bool) -> None:
    """List the data sets, and which are ready."""
    from repro.data import catalog

    directory = catalog.data_dir()
    rows = [
        {
            "name": d.name,
            "title": d.title,
            "train": d.train_images,
            "test": d.test_images,
            "ready": not catalog.problems(d, directory),
        }
        for d in catalog.BUILT_IN.values()
    ]
    if as_json:
        click.echo(json.dumps({"folder": str(directory), "data_sets": rows}, indent=1))
        return
    say(f"Data sets in {directory}:")
    for r in rows:
        ready = "ready" if r["ready"] else "missing"
        say(f"  {r['name']:14} {ready:7} {r['train']:6} + {r['test']:5} images   {r['title']}")


@data.command("fetch")
@click.argument("names", nargs=-1, required=True, shell_complete=complete_data_set)
def data_fetch(names: tuple[str, ...]) -> None:
    """Download data sets and check them. Other files of the same name are moved aside.

    CIFAR-10's archive comes from the first of its mirrors that serves the official file, by its MD5. A download that
    breaks off is resumed by the same command. REPRO_DATA_MIRRORS: your own mirrors, addresses of folders that hold
    cifar-10-python.tar.gz, separated by spaces; they are tried first.

    \b
    repro data fetch cifar10
    """
    from repro.data import catalog, fetch

    for name in names:
        click.echo(f"{name}: {fetch.fetch(name, catalog.data_dir())}")


@data.command("check")
@click.argument("names", nargs=-1, shell_complete=complete_data_set)
def data_check(names: tuple[str, ...]) -> None:
    """Compare the files with the official checksums. Exit with 3 if one does not match."""
    from repro.data import catalog

    directory, wrong = catalog.data_dir(), 0
    for name in names or tuple(catalog.BUILT_IN):
        problems = catalog.problems(catalog.describe(name, directory), directory)
        wrong += bool(problems)
        click.echo(f"{name}: {'; '.join(problems) or 'ready'}")
    sys.exit(CHECK_FAILED if wrong else DONE)
