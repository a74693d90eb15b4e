"""`repro schema`: what an experiment's file may contain. Loads no torch."""

import json

import click


@click.command()
@click.option("--markdown", is_flag=True, help="Print docs/spec.md, for readers, instead.")
def schema(markdown: bool) -> None:
    """Print the JSON schema of an experiment's file, by which editors complete keys and check values.

    \b
    repro schema > schema.json
    """
    from repro.spec import reference

    click.echo(reference.markdown().rstrip() if markdown else json.dumps(reference.schema(), indent=1))
