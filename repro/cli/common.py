"""What all commands share: the error-catching group, the root, the options, completion."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from repro.errors import UserError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from repro.spec import Scale

T = TypeVar("T")

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
        except KeyboardInterrupt:  # before training began, or the second one
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


def default_root() -> Path:
    """The nearest folder upwards from here that holds experiments/, else the checkout this package lies in."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
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

    try:
        names = spec.names(root_of(ctx))
    except UserError:  # no experiments here: nothing to offer
        names = []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_arm(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem

    from repro import spec

    # click leaves the arguments in ctx.args where the line ends in an option that still wants its value
    name = ctx.params.get("experiment") or next(iter(ctx.args), None)
    try:
        arms = spec.load(name, root_of(ctx)).arms if name else ()
    except UserError:  # no such experiment, or its spec is wrong: the command itself will say so
        arms = ()
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
    help="Shrink iterations and drops alike, such as 1/200; kept apart from full scale, and no claim is judged there.",
)
demo_option = click.option(
    "--demo", is_flag=True, help="A small stand-in on scikit-learn's digits: no download, minutes on a CPU."
)
json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")


def scale_of(scale: str, demo: bool) -> "Scale":
    from repro import spec

    if demo and scale != "1":
        raise UserError(f"--demo and --scale {scale}: choose one, a demo has a schedule of its own")
    return spec.DEMO if demo else spec.Scale.of(scale)


def each(names: Iterable[str], load: Callable[[str], T]) -> tuple[list[T], int]:
    """What `load` gives for each name, and the exit code. An error is reported, and costs only its own name."""
    found, code = [], DONE
    for name in names:
        try:
            found.append(load(name))
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            code = WRONG_USE
    return found, code


def terminal_width() -> int:
    import shutil

    return max(100, shutil.get_terminal_size((100, 24)).columns) if sys.stdout.isatty() else 100


class JobsType(click.ParamType):  # type: ignore[type-arg]
    """A number of runs, or "auto"."""

    name = "jobs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "auto":
            return "auto"
        if str(value).isdecimal() and int(value) >= 1:
            return int(value)
        self.fail(f"{value!r} is not allowed; allowed: auto, or a number of 1 or more", param, ctx)


threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 256),
    help="Processor threads a run.  [default: all cores, shared among the runs]",
)
precision_option = click.option(
    "--precision",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "fp32", "tf32", "bf16"]),
    help="auto: bf16 where the device has units for it and the fast step applies, else fp32.",
)
step_option = click.option(
    "--step",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "plain", "kernels", "matrices", "graph", "compiled"]),
    help="How to compute a batch: plainly, by CPU kernels or matrix products, as a CUDA graph (of compiled blocks).",
)


def check_ways(ctx: click.Context) -> None:
    """UserError where --ways auto is to choose what was chosen already."""
    for name in ("step", "jobs"):
        if ctx.params["ways"] and ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise UserError(f"--ways auto chooses --step and --jobs itself: leave out --ways or --{name}")
