"""`repro stamp`: the commit, for a copy of the code without its `.git`."""

import click


@click.command()
def stamp() -> None:
    """Write COMMIT.json, from which a copy of the code without .git knows its commit.

    Records that such a copy trains then have the commit, and say where its files differ from it.
    """
    from repro.train import provenance

    path, commit, dirty = provenance.stamp()
    click.echo(f"{path}: commit {commit}")
    if dirty:
        click.echo("repro/ has uncommitted changes: a copy's records will be marked dirty", err=True)
