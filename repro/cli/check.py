"""`repro check`: whether the files of every record agree. Loads no torch."""

import json

import click

from repro.cli.common import CHECK_FAILED, experiments_argument, faults_of, json_option, load_each
from repro.cli.root import root_of
from repro.wording import plural


@click.command()
@experiments_argument
@json_option
@click.pass_context
def check(ctx: click.Context, experiments: tuple[str, ...], as_json: bool) -> None:
    """Compare each record with its metrics and predictions, at every scale. Exit with 3 if something is wrong.

    The same is done whenever a record is read for a table, a figure or the report; a damaged one is not counted.

    \b
    repro check
    repro check resnet-depth
    """
    from repro import records, spec
    from repro.records.record import FINISHED
    from repro.records.results import load_all

    root = root_of(ctx)
    scales = records.scales(root)
    loaded, code = load_each(experiments or spec.names(root), lambda name: load_all(root, [name], scales))
    results = [each for every in loaded for each in every]
    damaged = faults_of(results)
    strays = records.strays(root, {spec.name_of(text) for text in experiments} or None)
    faults = [*damaged, *strays]
    rows = {folder for each in results for folder in each.folders()}
    unread = {fault.path.parent for each in results for fault in each.faults} - rows
    unfinished = sum(status not in (*FINISHED, "damaged") for each in results for status in each.recorded.status)
    checked = len(rows | unread)
    if as_json:
        kinds = [*(("damaged", fault) for fault in damaged), *(("stray", fault) for fault in strays)]
        named = [
            {"kind": kind, "path": fault.path.relative_to(root).as_posix(), "reason": fault.reason}
            for kind, fault in kinds
        ]
        click.echo(json.dumps({"records": checked, "unfinished": unfinished, "faults": named}, indent=1))
    else:
        left = f" (of {unfinished} unfinished ones run.json alone)" if unfinished else ""
        for line in [*map(str, faults), f"{plural(checked, 'record')} checked{left}, {plural(len(faults), 'fault')}"]:
            click.echo(line)
    ctx.exit(CHECK_FAILED if faults else code)
