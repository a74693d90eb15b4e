"""`repro queue list|show|run`: experiments in the order given by experiments/queues/*.toml."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.cli.common import check_ways, end_training, faults_of, fitted, json_option, name_faults, say
from repro.cli.completion import complete_queue
from repro.cli.root import root_of
from repro.cli.running import run as run_command
from repro.errors import UserError

if TYPE_CHECKING:
    from repro.run.queue import Queue

# parameters of `repro run` that are not offered here
SET_BY_ENTRIES = ("experiment", "arms", "seeds", "scale", "demo", "scratch", "settings", "until_decided")


@click.group()
def queue() -> None:
    """Run several experiments in order, as listed in a file in experiments/queues/. Can be stopped and resumed."""


@queue.command("list")
@json_option
@click.pass_context
def queue_list(ctx: click.Context, as_json: bool) -> None:
    """List the queues: name, entries, title."""
    from repro.run import queue as queues

    root = root_of(ctx)
    loaded = [queues.load(name, root) for name in queues.names(root)]
    if as_json:
        rows = [{"name": q.name, "title": q.title, "entries": len(q.entries)} for q in loaded]
        click.echo(json.dumps(rows, indent=1))
        return
    for q in loaded:
        say(f"{q.name:10} {len(q.entries):2} entries   {q.title}")


@queue.command("show")
@click.argument("name", shell_complete=complete_queue)
@click.option("--power", is_flag=True, help="Simulate which claims the queue's seeds cannot decide. Takes seconds.")
@json_option
@click.pass_context
def queue_show(ctx: click.Context, name: str, power: bool, as_json: bool) -> None:
    """Show how many runs of each entry are done and left, and estimate the time left from the recorded runs.

    \b
    repro queue show full
    repro queue show full --power
    """
    from repro.run import queue as queues

    if power and as_json:
        raise UserError(
            "--power and --json: choose one; `repro power EXPERIMENT --json` has the power of one experiment"
        )
    root = root_of(ctx)
    chosen = queues.load(name, root)
    recorded = queues.load_results(root, chosen)
    estimates = queues.estimate(queues.plan(root, chosen), recorded)
    say(queues.as_json(chosen, estimates) if as_json else queues.as_text(chosen, estimates), as_json)
    if power:
        say(_undecided(root, chosen))
    ctx.exit(name_faults(root, faults_of(recorded), {each.name for each in recorded}))


def _undecided(root: Path, queue: "Queue") -> str:
    """The claims that are reproduced by the queue's seeds in less than half of all cases even if they are true."""
    from repro import spec
    from repro.claims.power import power_of_seeds
    from repro.run import queue as queues
    from repro.show import power as shown

    lines: list[str] = []
    for name, seeds in queues.full_scale_seeds(root, queue).items():
        experiment = spec.load(name, root)
        lines += shown.undecided(name, power_of_seeds(experiment, seeds))
    if not lines:
        return "the queue's seeds are enough for every claim on its arms that can be planned"
    head = (
        "not or hardly decided by the queue's seeds; the chance of \u201creproduced\u201d by each look if it is true:"
    )
    return "\n".join([head, *(f"  {line}" for line in lines)])


@queue.command(
    "run",
    params=[
        click.Argument(["name"], shell_complete=complete_queue),
        *(parameter for parameter in run_command.params if parameter.name not in SET_BY_ENTRIES),
    ],
)
@click.pass_context
def queue_run(ctx: click.Context, /, name: str, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Train a queue's runs in order. Finished runs are skipped, unfinished ones resumed.

    The options are those of `repro run`. With --jobs, a job that is free takes the next run of the whole queue, so
    none waits for the end of an entry. The time limit applies to the whole queue. After Ctrl-C or the time limit, run
    the same command again to resume.

    \b
    repro queue run cpu --jobs 2 --threads 1
    repro queue run full --ways auto --time-limit 8h
    """
    from repro.run import plan, start
    from repro.run import queue as queues
    from repro.run.result import Options

    check_ways(ctx)
    root = root_of(ctx)
    chosen = queues.load(name, root)
    planned = queues.runs(queues.plan(root, chosen))
    if dry_run:
        say(plan.as_json(planned) if as_json else plan.as_text(planned), as_json)
        return
    outcome = start.run(root, planned, Options(**options))
    recorded = queues.load_results(root, chosen)
    estimates = queues.estimate(queues.plan(root, chosen), recorded)
    end_training(ctx, outcome, recorded, None if as_json else fitted(queues.as_text(chosen, estimates)))
