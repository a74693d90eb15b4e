"""`repro list|show|status|run|bench`: look at experiments, train them, and time training."""

import json
from dataclasses import replace
from typing import Any

import click

from repro.cli.common import (
    JobsType,
    arms_option,
    check_defaults,
    check_ways,
    demo_option,
    device_option,
    end_training,
    experiment_argument,
    experiments_argument,
    faults_of,
    json_option,
    load_each,
    name_faults,
    precision_option,
    say,
    scale_of,
    scale_option,
    scratch_option,
    step_option,
    terminal_width,
    threads_option,
)
from repro.cli.completion import complete_arm, complete_experiment_arm, complete_setting
from repro.cli.root import root_of
from repro.errors import UserError


@click.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the experiments, this folder's own and the built-in ones: name, arms, claims, title."""
    from repro import spec
    from repro.show import describe

    root = root_of(ctx)
    experiments, code = load_each(spec.known(root), lambda name: spec.load(name, root))
    say(describe.listing(experiments, spec.own(root), as_json), as_json)
    ctx.exit(code)


@click.command()
@experiment_argument
@click.option("--arm", shell_complete=complete_arm, help="Show a run of this arm.  [default: show the experiment]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="With --arm: the run's seed.")
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
        raise UserError("--scale, --demo and --seed select one run: add --arm, or leave them out")
    if arm:
        say(describe.run(root, experiment, arm, seed, scale_of(scale, demo), as_json), as_json)
    elif as_json:
        click.echo(spec.load(experiment, root).model_dump_json(indent=1))
    else:
        results = Results.load(root, experiment)
        say(describe.experiment(results))
        ctx.exit(name_faults(root, results.faults, [experiment]))


@click.command()
@experiments_argument
@scale_option
@demo_option
@scratch_option
@json_option
@click.pass_context
def status(
    ctx: click.Context, experiments: tuple[str, ...], scale: str, demo: bool, scratch: bool, as_json: bool
) -> None:
    """Show how many runs are done, diverged, interrupted, stale or damaged.

    \b
    repro status
    repro status bn-placement --scale 1/200
    """
    from repro import records, spec
    from repro.records.results import Results
    from repro.show import describe

    root, chosen = root_of(ctx), scale_of(scale, demo, scratch)
    names = experiments or spec.names(root)
    results, code = load_each(names, lambda name: Results.load(root, name, chosen))
    if results or as_json:
        say(describe.status(results, chosen, records.scales(root), as_json), as_json)
    damaged = name_faults(root, faults_of(results), experiments)
    ctx.exit(code or damaged)


@click.command()
@experiment_argument
@arms_option
@click.option(
    "--seeds",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Train seeds 0 to N-1 of each arm.",
)
@scale_option
@demo_option
@scratch_option
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=complete_setting,
    help="Change the recipe for a quick try, such as --set optimizer.lr=0.05. Implies --scratch. Can be given several "
    "times.",
)
@device_option
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    type=JobsType(),
    metavar="N|auto",
    help="Runs to train at the same time. auto: measure for a few seconds which number is fastest.",
)
@threads_option
@precision_option
@step_option
@click.option(
    "--ways",
    type=click.Choice(["auto"]),
    help="auto: measure for up to two minutes which --step and --jobs are fastest.",
)
@click.option(
    "--time-limit",
    metavar="TIME",
    help="Save checkpoints and stop after this time, such as 90s, 25m or 2h. Run the same command again to resume.",
)
@click.option(
    "--checkpoint-every",
    type=click.IntRange(min=1),
    metavar="ITERATIONS",
    help="Iterations between checkpoints.  [default: 1000, but at least 30 s apart]",
)
@click.option(
    "--wandb",
    type=click.Choice(["offline", "online", "off"]),
    help="Mirror the runs to W&B for review.  [default: WANDB_MODE, else offline; off in demos]",
)
@click.option(
    "--until-decided",
    is_flag=True,
    help="Train look by look, only what the primary claims that are still open need, and stop once all are decided. "
    "Chooses arms and seeds itself.",
)
@click.option("--dry-run", is_flag=True, help="Train nothing; print the state of each run on disk.")
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
    scratch: bool,
    settings: tuple[str, ...],
    until_decided: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train an experiment's runs, then print its table. Finished runs are skipped, unfinished ones resumed.

    \b
    repro run bn-placement --seeds 3 --demo
    repro run resnet-depth --arm resnet20 --seeds 5
    repro run bn-placement --seeds 3 --scale 1/200 --jobs 2 --time-limit 25m
    repro run vgg-fashion --until-decided
    repro run resnet-depth --arm resnet20 --scale 1/200 --set optimizer.lr=0.05
    """
    from repro.records.results import Results
    from repro.run import plan, start
    from repro.run import until_decided as deciding
    from repro.run.result import Options
    from repro.show import tables

    check_ways(ctx)
    root, at = root_of(ctx), scale_of(scale, demo, scratch or bool(settings))
    if until_decided:
        why = "--until-decided chooses arms, seeds and scale itself"
        check_defaults(ctx, "--until-decided", why, "arms", "seeds", "scale", "demo", "scratch", "settings")
        chosen = next(deciding.rounds(root, experiment), [])
    else:
        chosen = plan.plan(root, experiment, list(arms), seeds, at, settings)
    if dry_run:
        say(plan.as_json(chosen) if as_json else plan.as_text(chosen), as_json)
        return
    wanted = Options(**options)
    outcome = deciding.run(root, experiment, wanted) if until_decided else start.run(root, chosen, wanted)
    results = Results.load(root, experiment, at)
    text = None if as_json else tables.render([results], "text", terminal_width())
    end_training(ctx, outcome, [results], text)


@click.command()
@click.option(
    "--model",
    default="resnet20",
    show_default=True,
    shell_complete=complete_experiment_arm,
    help="The network: an arm of resnet-depth, or EXPERIMENT/ARM.",
)
@device_option
@threads_option
@precision_option
@step_option
@click.option("--ways", is_flag=True, help="Measure every step with several numbers of runs at a time instead.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, 600, min_open=True),
    help="With --ways: seconds per measurement.  [default: 3]",
)
@click.option("--made-up-data", is_flag=True, help="With --ways: use random images, so that no data set is needed.")
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
    """Compare the training speed with that of the loop common in public repositories, and of a minimal torch loop.

    Takes a few minutes. With --ways, it instead measures which step and how many runs at a time are fastest on this
    machine, in about two minutes. Each result is printed as soon as it is measured, and the best is repeated last.

    \b
    repro bench
    repro bench --model resnet56 --json
    repro bench --model mnist-mlp/file-order --threads 1
    repro bench --ways --made-up-data
    """
    from repro import bench
    from repro.data import catalog
    from repro.run import resources
    from repro.run import ways as all_ways
    from repro.train.control import Settings

    if not ways and (seconds or made_up_data):
        raise UserError("--seconds and --made-up-data require --ways: add it, or leave them out")
    settings = Settings(
        resources.resolve_device(device),
        threads,
        data_dir=catalog.data_dir(),
        precision=precision,
        step=step,
    )
    if not ways:
        result = bench.bench(root_of(ctx), model, replace(settings, threads=threads or resources.cores()))
        click.echo(json.dumps(result.as_dict(), indent=1) if as_json else result.text())
        return
    run = bench.run_of(root_of(ctx), model)
    seconds = seconds or all_ways.SECONDS_PER_WAY
    measured = all_ways.measure(run, settings, all_ways.ways(settings, resources.cores()), seconds, made_up_data)
    if not as_json:
        click.echo(f"{model}, {seconds:g} s per measurement")
    for line in all_ways.lines(measured, as_json):
        click.echo(line)


COMMANDS = (list_, show, status, run, bench)
