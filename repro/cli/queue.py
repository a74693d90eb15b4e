"""`repro queue list|show|run`: experiments in order, as experiments/queues/*.toml has them."""

import json
from typing import TYPE_CHECKING, Any

import click

from repro.cli.common import check_ways, json_option, root_of
from repro.cli.running import run as run_command
from repro.errors import UserError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

IN_THE_QUEUE = ("experiment", "arms", "seeds", "scale", "demo")  # what an entry says; the rest is said here


def complete_queue(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem

    from repro.run import queue as queues

    try:
        names = queues.names(root_of(ctx))
    except UserError:  # no experiments here: nothing to offer
        names = []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.group()
def queue() -> None:
    """Run experiments in order, as a file in experiments/queues/ has them; stop and go on at any time."""


@queue.command("list")
@json_option
@click.pass_context
def queue_list(ctx: click.Context, as_json: bool) -> None:
    """List the queues: name, entries, title."""
    from repro.run import queue as queues

    root = root_of(ctx)
    found = [queues.load(name, root) for name in queues.names(root)]
    if as_json:
        rows = [{"name": q.name, "title": q.title, "entries": len(q.entries)} for q in found]
        click.echo(json.dumps(rows, indent=1))
        return
    for q in found:
        click.echo(f"{q.name:10} {len(q.entries):2} entries   {q.title}")


@queue.command("show")
@click.argument("name", shell_complete=complete_queue)
@json_option
@click.pass_context
def queue_show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Say what of each entry is done and left, and how long that takes by the runs recorded so far.

    \b
    repro queue show full
    """
    from repro.run import queue as queues

    root = root_of(ctx)
    chosen = queues.load(name, root)
    outlook = queues.look(queues.plan(root, chosen), queues.recorded(root, chosen))
    click.echo(queues.as_json(chosen, outlook) if as_json else queues.as_text(chosen, outlook))


@queue.command(
    "run",
    params=[
        click.Argument(["name"], shell_complete=complete_queue),
        *(parameter for parameter in run_command.params if parameter.name not in IN_THE_QUEUE),
    ],
)
@click.pass_context
def queue_run(ctx: click.Context, /, name: str, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Train a queue's runs in order, going on where they were left, with the options of `repro run`.

    Several jobs take the runs one by one from the whole queue, so that none waits for the end of an entry. Stopped
    by Ctrl-C or the time limit, which is the whole queue's, the same command goes on; what is done is passed over.

    \b
    repro queue run cpu --jobs 2 --threads 1
    repro queue run full --ways auto --time-limit 8h
    """
    from repro.run import plan
    from repro.run import queue as queues

    check_ways(ctx)
    root = root_of(ctx)
    chosen = queues.load(name, root)
    planned = queues.runs(queues.plan(root, chosen))
    if dry_run:
        click.echo(plan.as_json(planned) if as_json else plan.as_text(planned))
        return
    from repro.run import session

    ended = session.run(root, planned, session.Options(**options))
    if as_json:
        click.echo(json.dumps(ended.summary(), indent=1))
    else:
        outlook = queues.look(queues.plan(root, chosen), queues.recorded(root, chosen))
        click.echo(queues.as_text(chosen, outlook))
        if message := ended.message():
            click.echo(message, err=True)
    ctx.exit(ended.exit_code)
