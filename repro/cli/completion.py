"""What the shell offers to complete a command line: names of this project, words of an option.

Nothing is offered, and nothing said, where there is nothing to complete: the command itself reports what is wrong.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from repro.cli.root import root_of
from repro.errors import UserError

if TYPE_CHECKING:
    from repro.spec import Arm

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def words(*offered: str) -> Completer:
    """One of these words, or something else."""
    return lambda ctx, param, incomplete: _starting(incomplete, offered)


def complete_experiment(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from repro import spec

    if spec.as_path(incomplete):
        return [CompletionItem(incomplete, type="file")]
    names: Iterable[str] = ()
    with suppress(UserError):
        names = spec.known(root_of(ctx))
    return _starting(incomplete, names)


def complete_arm(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """An arm of the experiment that the line names."""
    return [CompletionItem(arm.name, help=arm.label) for arm in _arms(ctx) if arm.name.startswith(incomplete)]


def complete_experiment_arm(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """EXPERIMENT/ARM: first an experiment, then one of its arms."""
    from repro import spec

    name, slash, _ = incomplete.partition("/")
    with suppress(UserError):
        root = root_of(ctx)
        if slash:
            return _starting(incomplete, [f"{name}/{arm.name}" for arm in spec.load(name, root).arms])
        return _starting(incomplete, [f"{known}/" for known in spec.known(root)])
    return []


def complete_run(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A folder of records at full scale: EXPERIMENT, then EXPERIMENT/ARM, then EXPERIMENT/ARM/seed-N."""
    from repro import spec
    from repro.records import results_folder

    with suppress(UserError):
        root = root_of(ctx)
        if "/" not in incomplete:
            return complete_experiment(ctx, param, incomplete)
        results, above = results_folder(root, spec.FULL), incomplete.rpartition("/")[0]
        if above.split("/")[0] not in spec.known(root) or ".." in above:
            return []
        folders = sorted(path for path in (results / above).glob("*") if path.is_dir())
        return _starting(incomplete, [path.relative_to(results).as_posix() for path in folders])
    return []


def complete_scale(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The scales of which there are records."""
    with suppress(UserError, OSError):
        folders = sorted(path.name for path in (root_of(ctx) / "results").glob("scale-*"))
        return _starting(incomplete, ["1", *(name.removeprefix("scale-").replace("-", "/") for name in folders)])
    return _starting(incomplete, ["1"])


def complete_data_set(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from repro.data import catalog

    return _starting(incomplete, catalog.BUILT_IN)


def complete_figure(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from repro.show.plots import FIGURES

    return _starting(incomplete, FIGURES)


def complete_setting(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """KEY= of what the experiment's first arm sets, `optimizer.lr=` for a key of a table."""
    return _starting(incomplete, [f"{key}=" for arm in _arms(ctx)[:1] for key in _keys(arm.recipe.model_dump())])


def complete_queue(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from repro.run import queue

    with suppress(UserError):
        return _starting(incomplete, queue.names(root_of(ctx)))
    return []


def complete_table_format(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from repro.show.tables import FORMATS

    return _starting(incomplete, FORMATS)


def _arms(ctx: click.Context) -> "tuple[Arm, ...]":
    """The arms of the experiment that the line names, if it is known and valid."""
    from repro import spec

    # if the line ends in an option without its value, click leaves the arguments in ctx.args
    name = ctx.params.get("experiment") or next(iter(ctx.args), None)
    with suppress(UserError):
        return spec.load(name, root_of(ctx)).arms if name else ()
    return ()


def _keys(table: dict[str, object], before: str = "") -> list[str]:
    found = list[str]()
    for key, value in table.items():
        found += _keys(value, f"{before}{key}.") if isinstance(value, dict) else [before + key]
    return found


def _starting(incomplete: str, offered: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(word) for word in offered if word.startswith(incomplete)]
