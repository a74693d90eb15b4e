"""`repro stamp`: write down the commit, for a copy of the code without `.git`."""

import click


@click.command()
def stamp() -> None:
    """Write COMMIT.json, which tells a copy of the code without .git what commit it is.

    Runs trained from such a copy then record the commit, and are marked dirty if its files differ from that commit.
    """
    from repro.train import provenance

    path, commit, dirty = provenance.stamp()
    click.echo(f"{path}: commit {commit}")
    if dirty:
        click.echo("repro/ has uncommitted changes: runs trained from a copy will be marked dirty", err=True)
