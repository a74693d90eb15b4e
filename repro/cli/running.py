"""`repro list|show|status|run`: experiments, and training them."""

import json
from dataclasses import replace
from typing import Any

import click

from repro.cli.common import (
    JobsType,
    arms_option,
    check_ways,
    complete_arm,
    demo_option,
    each,
    experiment_argument,
    experiments_argument,
    json_option,
    precision_option,
    root_of,
    scale_of,
    scale_option,
    step_option,
    terminal_width,
    threads_option,
)
from repro.errors import UserError


@click.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the experiments: name, arms, claims, title."""
    from repro import spec

    root = root_of(ctx)
    experiments, code = each(spec.names(root), lambda name: spec.load(name, root))
    if as_json:
        rows = [
            {
                "name": e.name,
                "title": e.title,
                "source": e.source,
                "arms": [a.name for a in e.arms],
                "claims": [c.id for c in e.claims],
            }
            for e in experiments
        ]
        click.echo(json.dumps(rows, indent=1))
    else:
        for e in experiments:
            click.echo(f"{e.name:18} {len(e.arms):2} arms {len(e.claims):2} claims   {e.title}")
    ctx.exit(code)


@click.command()
@experiment_argument
@click.option("--arm", shell_complete=complete_arm, help="An arm's resolved run.  [default: the whole experiment]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="The arm's run of this seed.")
@scale_option
@demo_option
@json_option
@click.pass_context
def show(
    ctx: click.Context, experiment: str, arm: str | None, seed: int, scale: str, demo: bool, as_json: bool
) -> None:
    """Print an experiment, or one resolved run with every default and its fingerprint.

    \b
    repro show resnet-depth
    repro show resnet-depth --arm resnet20 --seed 3
    """
    from repro import spec
    from repro.records.results import Results
    from repro.show import describe

    root = root_of(ctx)
    if not arm and (scale != "1" or demo or seed):
        raise UserError("--scale, --demo and --seed are of one run: say --arm too")
    if arm:
        click.echo(describe.run(root, experiment, arm, seed, scale_of(scale, demo), as_json))
    elif as_json:
        click.echo(spec.load(experiment, root).model_dump_json(indent=1))
    else:
        click.echo(describe.experiment(Results.load(root, experiment)))


@click.command()
@experiments_argument
@scale_option
@demo_option
@json_option
@click.pass_context
def status(ctx: click.Context, experiments: tuple[str, ...], scale: str, demo: bool, as_json: bool) -> None:
    """Say what has been run: done, diverged, stopped, stale.

    \b
    repro status
    repro status bn-placement --scale 1/200
    """
    from repro import records, spec
    from repro.records.results import Results
    from repro.show import describe

    root, chosen = root_of(ctx), scale_of(scale, demo)
    names = experiments or spec.names(root)
    if not names and not as_json:
        raise UserError(f"no experiments in {root / 'experiments'}")
    found, code = each(names, lambda name: Results.load(root, name, chosen))
    if found or as_json:
        click.echo(describe.status(found, chosen, records.scales(root), as_json))
    ctx.exit(code)


@click.command()
@experiment_argument
@arms_option
@click.option(
    "--seeds",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Seeds 0 to N-1 of each arm.",
)
@scale_option
@demo_option
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    type=JobsType(),
    metavar="N|auto",
    help="Runs side by side; auto measures for some seconds what is fastest.",
)
@threads_option
@precision_option
@step_option
@click.option(
    "--ways",
    type=click.Choice(["auto"]),
    help="auto measures for up to two minutes which --step and --jobs are fastest.",
)
@click.option("--time-limit", metavar="TIME", help="Stop cleanly after 90s, 25m or 2h; the same command goes on.")
@click.option(
    "--checkpoint-every",
    type=click.IntRange(min=1),
    metavar="ITERATIONS",
    help="Iterations between checkpoints.  [default: 1000, but no more often than every 30 s]",
)
@click.option(
    "--wandb",
    type=click.Choice(["offline", "online", "off"]),
    help="Mirror the runs to W&B for review.  [default: WANDB_MODE, else offline; off in demos]",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done with each run, and why.")
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    experiment: str,
    arms: tuple[str, ...],
    seeds: int,
    scale: str,
    demo: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train an experiment's runs, going on where they were left; then print its table.

    \b
    repro run bn-placement --seeds 3 --demo
    repro run resnet-depth --arm resnet20 --seeds 5
    repro run bn-placement --seeds 3 --scale 1/200 --jobs 2 --time-limit 25m
    """
    from repro.run import plan

    check_ways(ctx)
    root = root_of(ctx)
    chosen = plan.plan(root, experiment, list(arms), seeds, scale_of(scale, demo))
    if dry_run:
        click.echo(plan.as_json(chosen) if as_json else plan.as_text(chosen))
        return
    from repro.run import session

    ended = session.run(root, chosen, session.Options(**options))
    if as_json:
        click.echo(json.dumps(ended.summary(), indent=1))
    else:
        from repro.records.results import Results
        from repro.show import tables

        results = Results.load(root, experiment, scale_of(scale, demo))
        click.echo(tables.render([results], "text", width=terminal_width()))
        if message := ended.message():
            click.echo(message, err=True)
    ctx.exit(ended.exit_code)


@click.command()
@click.option("--model", default="resnet20", show_default=True, help="An arm of resnet-depth, or EXPERIMENT/ARM.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@threads_option
@precision_option
@step_option
@click.option("--ways", is_flag=True, help="Time each way to train instead: every step, several runs at a time.")
@click.option(
    "--seconds", type=click.FloatRange(0, 600, min_open=True), help="With --ways: how long each way.  [default: 3]"
)
@click.option("--made-up-data", is_flag=True, help="With --ways: random images, so that no data set is needed.")
@json_option
@click.pass_context
def bench(
    ctx: click.Context,
    model: str,
    device: str,
    threads: int | None,
    precision: str,
    step: str,
    ways: bool,
    seconds: float | None,
    made_up_data: bool,
    as_json: bool,
) -> None:
    """Time training on CIFAR-10 beside the loop that public repositories run, in turns; takes a few minutes.

    With --ways: find the fastest way to train here; takes about two minutes. Each way is a line as soon as it is
    measured, and the best of them is the last line.

    \b
    repro bench
    repro bench --model resnet56 --json
    repro bench --model vgg-depth/a --threads 1
    repro bench --ways --made-up-data
    """
    from repro import bench
    from repro.data import catalog
    from repro.run import sharing
    from repro.run import ways as each_way
    from repro.train.loop import Settings

    if not ways and (seconds or made_up_data):
        raise UserError("--seconds and --made-up-data are for --ways: add it, or leave them out")
    settings = Settings(
        sharing.device_of(device),
        threads,
        data_dir=catalog.data_dir(),
        precision=precision,
        step=step,
    )
    if not ways:
        found = bench.bench(root_of(ctx), model, replace(settings, threads=threads or sharing.cores()))
        click.echo(json.dumps(found.as_dict(), indent=1) if as_json else found.text())
        return
    run = bench.run_of(root_of(ctx), model)
    chosen = each_way.ways(settings, sharing.cores())
    measured = each_way.measure(run, settings, chosen, seconds or each_way.SECONDS, made_up_data)
    if not as_json:
        click.echo(f"{model}, {seconds or each_way.SECONDS:g} s per way")
    for line in each_way.lines(measured, as_json):
        click.echo(line)


COMMANDS = (list_, show, status, run, bench)
