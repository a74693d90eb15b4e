"""What the commands share: the group that catches errors, options, the width of the output."""

import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

from repro import interrupts
from repro.cli.completion import complete_arm, complete_experiment, complete_scale, complete_table_format, words
from repro.cli.root import root_of
from repro.errors import UserError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from repro.records import Fault
    from repro.records.results import Results
    from repro.run.result import Result
    from repro.spec import Experiment, Scale

T = TypeVar("T")

DONE, FAILED, WRONG_USE, CHECK_FAILED, TIME_LIMIT = 0, 1, 2, 3, 4
NARROWEST, ELSEWHERE = 60, 100  # columns that tables take at least, and where the output is no terminal


class Commands(click.Group):
    """Turns a UserError into a message and its exit code, and an error of the machine into a message and exit code 1.

    Lists commands in the order in which they are used.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with interrupts.raised():
                return super().invoke(ctx)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except MemoryError:
            click.echo("error: out of memory; the same command resumes what is not finished", err=True)
            ctx.exit(FAILED)
        except BrokenPipeError:  # of the reader of our output, such as `head`, which click ends quietly
            raise
        except OSError as error:  # of the machine: a disk that is full or gone, no more memory or processes
            where = f": {error.filename}" if error.filename else ""
            click.echo(f"error: {error.strerror or error}{where}", err=True)
            ctx.exit(FAILED)
        except KeyboardInterrupt:  # before training started, or the second Ctrl-C
            click.echo("Interrupted.", err=True)
            ctx.exit(interrupts.INTERRUPTED)


def experiment_at(ctx: click.Context, text: str) -> "Experiment":
    """The experiment of that name, or in the TOML file at that path. Only a name needs a root folder."""
    from repro import spec

    path = spec.as_path(text)
    return spec.parse(path) if path else spec.load(text, root_of(ctx))


experiment_argument = click.argument("experiment", shell_complete=complete_experiment)
experiments_argument = click.argument("experiments", nargs=-1, shell_complete=complete_experiment)
arms_option = click.option(
    "--arm",
    "arms",
    multiple=True,
    shell_complete=complete_arm,
    help="Only this arm. Can be given several times.  [default: all arms]",
)
scale_option = click.option(
    "--scale",
    default="1",
    show_default=True,
    shell_complete=complete_scale,
    help="Fraction of the published schedule, such as 1/200: iterations and learning-rate drops are multiplied by it. "
    "Runs of each scale are kept apart, and claims are judged only at scale 1.",
)
demo_option = click.option(
    "--demo", is_flag=True, help="A small version on scikit-learn's digits: downloads nothing, takes minutes on a CPU."
)
scratch_option = click.option(
    "--scratch", is_flag=True, help="Quick tries, recorded in results/scratch/, which count for nothing."
)
format_option = click.option(
    "--format",
    "form",
    default="text",
    show_default=True,
    shell_complete=complete_table_format,
    help="text to read, md for documents, csv for spreadsheets, json for programs, latex for papers, html for pages.",
)
json_form_option = click.option("--json", "form", flag_value="json", help="The same as --format json.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


check_option = click.option(
    "--check",
    is_flag=True,
    help="Count the verdicts, and exit with 3 if a claim has the verdict 'not reproduced' at full scale.",
)
strict_option = click.option("--strict", is_flag=True, help="With --check: exit with 3 if a claim has no verdict, too.")


def check_claims(results: "Sequence[Results]", check: bool, strict: bool) -> int:
    """With `check`, print how many claims have which verdict, and return the exit code."""
    from repro.show import tables

    if strict and not check:
        raise UserError("--strict is for --check: add it, or leave out --strict")
    if not check:
        return DONE
    counts = tables.tally(results)
    click.echo(str(counts), err=True)
    failed = counts.named("not reproduced") or (strict and counts.named("no verdict"))
    return CHECK_FAILED if failed else DONE


def scale_of(scale: str, demo: bool, scratch: bool = False) -> "Scale":
    from dataclasses import replace

    from repro import spec

    if demo and scale != "1":
        raise UserError(f"--demo and --scale {scale}: choose one, because a demo has its own schedule")
    return replace(spec.DEMO if demo else spec.Scale.of(scale), scratch=scratch)


def load_each(names: Iterable[str], load: Callable[[str], T]) -> tuple[list[T], int]:
    """`load(name)` for each name, and the exit code. A name whose loading fails is reported and left out."""
    loaded, code = [], DONE
    for name in names:
        try:
            loaded.append(load(name))
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            code = WRONG_USE
    return loaded, code


def name_faults(root: Path, faults: "Iterable[Fault]", experiments: Collection[str] = ()) -> int:
    """Print what is damaged, and strays in results/, in one line each; return the exit code: strays do no harm.

    `experiments`: those that the command is about, by name or path; () for all.
    """
    from repro import records, spec

    code = DONE
    for fault in faults:
        click.echo(f"damaged: {fault}", err=True)
        code = FAILED
    for stray in records.strays(root, {spec.name_of(text) for text in experiments} or None):
        click.echo(f"warning: {stray}", err=True)
    return code


def faults_of(results: "Iterable[Results]") -> "list[Fault]":
    return [fault for each in results for fault in each.faults]


def end_training(ctx: click.Context, outcome: "Result", results: "Sequence[Results]", text: str | None) -> NoReturn:
    """Print `text`, or the outcome as JSON if it is None; name what is damaged and what did not end; exit."""
    click.echo(json.dumps(outcome.summary(), indent=1) if text is None else text)
    code = name_faults(root_of(ctx), faults_of(results), {each.name for each in results})
    if text is not None and (message := outcome.message()):
        click.echo(message, err=True)
    ctx.exit(outcome.exit_code or code)


def terminal_width() -> int:
    """COLUMNS if it is set, else the terminal's columns, else, where the output goes elsewhere, 100. At least 60."""
    import shutil

    given = os.environ.get("COLUMNS", "")
    known = sys.stdout.isatty() or given.isdecimal()
    return max(NARROWEST, shutil.get_terminal_size((ELSEWHERE, 24)).columns if known else ELSEWHERE)


def fitted(text: str) -> str:
    """The text in lines that fit the terminal."""
    from repro.show.layout import wrapped

    return wrapped(text, terminal_width())


def say(text: str, as_json: bool = False) -> None:
    """Print text in lines that fit the terminal; JSON as it is."""
    click.echo(text if as_json else fitted(text))


class JobsType(click.ParamType):  # type: ignore[type-arg]
    """A number of runs at a time, or "auto"."""

    name = "jobs"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        return words("auto")(ctx, param, incomplete)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "auto":
            return "auto"
        if str(value).isdecimal() and int(value) >= 1:
            return int(value)
        self.fail(f"{value!r} is not allowed; allowed: auto, or a whole number from 1", param, ctx)


device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    shell_complete=words("auto", "cpu", "cuda", "cuda:0"),
    help="The device to train on: auto, cpu, cuda or cuda:1.",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 256),
    help="CPU threads per run.  [default: all cores, divided among the jobs]",
)
precision_option = click.option(
    "--precision",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "fp32", "tf32", "bf16"]),
    help="Training precision. auto: bf16 if the device has hardware for it and the fast step can be used, else fp32.",
)
step_option = click.option(
    "--step",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "plain", "kernels", "matrices", "sequential", "graph", "triton", "compiled"]),
    help="How an update is computed. plain: eager PyTorch; kernels, matrices: faster on the CPU; graph: a CUDA graph; "
    "triton: a CUDA graph of Triton kernels; compiled: one of compiled blocks; auto: the fastest that applies.",
)


def check_ways(ctx: click.Context) -> None:
    """UserError if --ways auto is combined with an option that it chooses itself."""
    if ctx.params["ways"]:
        check_defaults(ctx, "--ways", "--ways auto chooses --step and --jobs itself", "step", "jobs")


def check_defaults(ctx: click.Context, option: str, why: str, *names: str) -> None:
    """UserError if one of these parameters was given although `option` chooses it."""
    for parameter in ctx.command.params:
        if parameter.name in names and ctx.get_parameter_source(parameter.name) is not ParameterSource.DEFAULT:
            raise UserError(f"{why}: leave out {option} or {parameter.opts[0]}")
