"""`repro doctor`: what this machine can do, and how to get what it lacks."""

import json
from dataclasses import asdict

import click

from repro.cli.common import json_option, terminal_width
from repro.cli.root import root_of


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Show what this machine can do: devices, precision, kernels, data, W&B, disk; and the fix for what it lacks.

    Nothing that is missing keeps `repro run --demo` from working.

    \b
    repro doctor
    """
    import textwrap

    from repro.bench import doctor as examination

    found = examination.findings(root_of(ctx))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=1))
        return
    lacks, width = 0, terminal_width()
    for each in found:
        lacks += bool(each.fix)
        mark = "-" if each.fix else "+"
        text = textwrap.fill(f"{mark} {each.name}: {each.found}", width, subsequent_indent="  ", break_on_hyphens=False)
        click.echo(text)
        if each.fix:
            click.echo(textwrap.fill(f"fix: {each.fix}", width, initial_indent="    ", subsequent_indent="    "))
    click.echo(f"{lacks} with a fix" if lacks else "nothing is missing")
