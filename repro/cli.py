"""The command line: click commands, errors -> messages and exit codes. No logic, no hyperparameters.

Whatever a command needs is imported inside it, so that `repro --help` stays fast and a table loads no torch.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro import __version__
from repro.errors import UserError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DONE, FAILED, WRONG_USE, CHECK_FAILED, TIME_LIMIT, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Commands(click.Group):
    """A user's mistake becomes a message and exit code 2; commands are listed in the order one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(WRONG_USE)


def default_root() -> Path:
    """The nearest folder upwards from here that holds experiments/, else the checkout this package lies in."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parent.parent):
        if any((folder / "experiments").glob("*.toml")):
            return folder
    raise UserError(f"no experiments/*.toml in {here} or above; go to a checkout of repro or say --root FOLDER")


def root_of(ctx: click.Context) -> Path:
    given: Path | None = ctx.find_root().params.get("root")
    if given and not (given / "experiments").is_dir():
        raise UserError(f"--root {given}: no folder experiments/ there")
    return given or default_root()


def complete_experiment(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem

    from repro import spec

    return [CompletionItem(name) for name in spec.names(root_of(ctx)) if name.startswith(incomplete)]


def complete_arm(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem

    from repro import spec

    name = ctx.params.get("experiment")
    arms = spec.load(name, root_of(ctx)).arms if name else ()
    return [CompletionItem(arm.name, help=arm.label) for arm in arms if arm.name.startswith(incomplete)]


experiment_argument = click.argument("experiment", shell_complete=complete_experiment)
experiments_argument = click.argument("experiments", nargs=-1, shell_complete=complete_experiment)
arms_option = click.option(
    "--arm",
    "arms",
    multiple=True,
    shell_complete=complete_arm,
    help="Only this arm; may be given several times.",
)
scale_option = click.option(
    "--scale",
    default="1",
    show_default=True,
    help="Shrink iterations and drops alike, such as 1/200; kept apart from full scale.",
)
demo_option = click.option(
    "--demo", is_flag=True, help="A small stand-in on scikit-learn's digits: no download, minutes on a CPU."
)
json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="REPRO_ROOT",
    help="The folder that holds experiments/ and results/.  [default: this one, or the nearest above that does]",
)
@click.version_option(__version__, prog_name="repro")
def main(root: Path | None) -> None:
    """Hold published claims about image classifiers against fresh, seeded runs of the published recipe.

    \b
    repro list                                  what can be run
    repro run bn-placement --seeds 3 --demo     try it, in minutes, without a download
    repro run resnet-depth --arm resnet20       the paper's recipe, one seed
    repro table resnet-depth                    the results beside the published numbers

    Exit codes: 0 done, 1 a run failed, 2 wrong use, 3 a check does not hold, 4 stopped at the time limit,
    130 interrupted.
    """


@main.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the experiments: name, arms, claims, title."""
    from repro import spec

    root = root_of(ctx)
    experiments = [spec.load(name, root) for name in spec.names(root)]
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
        return
    for e in experiments:
        click.echo(f"{e.name:18} {len(e.arms):2} arms {len(e.claims):2} claims   {e.title}")


@main.command()
@experiment_argument
@click.option("--arm", shell_complete=complete_arm, help="An arm's resolved run.  [default: the whole experiment]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
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
    from repro import describe

    root = root_of(ctx)
    if arm:
        click.echo(describe.run(root, experiment, arm, seed, scale_of(scale, demo), as_json))
    else:
        click.echo(describe.experiment(root, experiment, as_json))


@main.command()
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
    from repro import describe

    click.echo(describe.status(root_of(ctx), list(experiments), scale_of(scale, demo), as_json))


@main.command()
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
    type=click.IntRange(min=1),
    help="Runs side by side, a process each.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Processor threads a run.  [default: the cores shared out]")
@click.option("--time-limit", metavar="TIME", help="Stop cleanly after 90s, 25m or 2h; the same command goes on.")
@click.option("--checkpoint-every", default=1000, show_default=True, type=click.IntRange(min=1), metavar="ITERATIONS")
@click.option("--dry-run", is_flag=True, help="Only say what would be done with each run, and why.")
@json_option
@click.pass_context
def run(
    ctx: click.Context, /, experiment: str, scale: str, demo: bool, dry_run: bool, as_json: bool, **options: Any
) -> None:
    """Train an experiment's runs, going on where they were left; then print its table.

    \b
    repro run bn-placement --seeds 3 --demo
    repro run resnet-depth --arm resnet20 --seeds 5
    repro run bn-placement --seeds 3 --scale 1/200 --jobs 2 --time-limit 25m
    """
    from repro import plan

    root = root_of(ctx)
    chosen = plan.plan(root, experiment, list(options["arms"]), options["seeds"], scale_of(scale, demo))
    if dry_run:
        click.echo(plan.as_json(chosen) if as_json else plan.as_text(chosen))
        return
    from repro import session

    ended = session.run(root, chosen, options)
    if as_json:
        click.echo(json.dumps(ended.summary(), indent=1))
    else:
        from repro import tables

        click.echo(tables.render(root, [experiment], scale_of(scale, demo), "text", width=terminal_width()))
        click.echo(ended.message(), err=True)
    ctx.exit(ended.exit_code)


@main.command()
@experiments_argument
@scale_option
@demo_option
@click.option("--format", "form", default="text", show_default=True, type=click.Choice(["text", "md", "csv", "json"]))
@click.pass_context
def table(ctx: click.Context, experiments: tuple[str, ...], scale: str, demo: bool, form: str) -> None:
    """Print the results beside the published numbers, an arm a row.

    \b
    repro table
    repro table resnet-depth --format md
    repro table bn-placement --scale 1/200
    """
    from repro import tables

    root = root_of(ctx)
    click.echo(tables.render(root, list(experiments), scale_of(scale, demo), form, width=terminal_width()))


@main.group()
def data() -> None:
    """List, fetch and check the data sets. They lie in REPRO_DATA_DIR, else in the platform's cache folder."""


@data.command("list")
@json_option
def data_list(as_json: bool) -> None:
    """Say which data sets there are, and which are ready."""
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
    click.echo(f"in {directory}:")
    for r in rows:
        ready = "ready" if r["ready"] else "absent"
        click.echo(f"  {r['name']:14} {ready:7} {r['train']:6} + {r['test']:5} images   {r['title']}")


@data.command("fetch")
@click.argument("names", nargs=-1, required=True)
def data_fetch(names: tuple[str, ...]) -> None:
    """Download data sets through torchvision, and check them.

    \b
    repro data fetch cifar10
    """
    from repro.data import catalog, fetch

    for name in names:
        new = fetch.fetch(name, catalog.data_dir())
        click.echo(f"{name}: {'fetched into' if new else 'already in'} {catalog.data_dir()}")


@data.command("check")
@click.argument("names", nargs=-1)
def data_check(names: tuple[str, ...]) -> None:
    """Hold the files against the official checksums; exit code 3 where one does not match."""
    from repro.data import catalog

    directory, wrong = catalog.data_dir(), 0
    for name in names or tuple(catalog.BUILT_IN):
        problems = catalog.problems(catalog.describe(name, directory), directory)
        wrong += bool(problems)
        click.echo(f"{name}: {'; '.join(problems) or 'ready'}")
    sys.exit(CHECK_FAILED if wrong else DONE)


def scale_of(scale: str, demo: bool) -> str:
    from repro import spec

    if demo and scale != "1":
        raise UserError(f"--demo and --scale {scale}: choose one, a demo has a schedule of its own")
    return spec.DEMO if demo else spec.parse_scale(scale)


def terminal_width() -> int:
    import shutil

    return max(100, shutil.get_terminal_size((100, 24)).columns) if sys.stdout.isatty() else 100
