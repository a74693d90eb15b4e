"""`repro table|compare|plot|report`: show the recorded results. None of these loads torch."""

from pathlib import Path

import click

from repro.cli.common import (
    CHECK_FAILED,
    check_claims,
    check_option,
    demo_option,
    experiments_argument,
    faults_of,
    format_option,
    json_form_option,
    json_option,
    name_faults,
    say,
    scale_of,
    scale_option,
    scratch_option,
    strict_option,
    terminal_width,
)
from repro.cli.completion import complete_experiment_arm, complete_figure
from repro.cli.root import root_of
from repro.errors import UserError


@click.command()
@experiments_argument
@scale_option
@demo_option
@scratch_option
@format_option
@json_form_option
@click.option("--per-class", "view", flag_value="per-class", help="Show the error of each class instead.")
@click.option("--curves", "view", flag_value="curves", help="Show the test error by iteration instead.")
@check_option
@strict_option
@click.pass_context
def table(
    ctx: click.Context,
    experiments: tuple[str, ...],
    scale: str,
    demo: bool,
    scratch: bool,
    form: str,
    view: str | None,
    check: bool,
    strict: bool,
) -> None:
    """Print the results beside the published numbers, one row per arm, with the verdict on each claim.

    At a reduced scale and in demos there are no published numbers and no verdicts, because training is too short.

    \b
    repro table
    repro table resnet-depth --format md
    repro table bn-placement --scale 1/200 --per-class
    repro table resnet-depth --scale 1/200 --scratch
    repro table --check --strict
    """
    from repro.records.results import select
    from repro.show import tables

    root = root_of(ctx)
    results = select(root, list(experiments), scale_of(scale, demo, scratch))
    click.echo(tables.render(results, form, width=terminal_width(), view=view or "arms"))
    code = name_faults(root, faults_of(results), experiments)
    ctx.exit(check_claims(results, check, strict) or code)


@click.command()
@click.argument("first", metavar="EXPERIMENT/ARM", shell_complete=complete_experiment_arm)
@click.argument("second", metavar="EXPERIMENT/ARM", shell_complete=complete_experiment_arm)
@click.option("--paired", is_flag=True, help="Pair the runs by seed, over the seeds that both arms have.")
@scale_option
@demo_option
@json_option
@click.pass_context
def compare(ctx: click.Context, first: str, second: str, paired: bool, scale: str, demo: bool, as_json: bool) -> None:
    """Compare any two arms: difference with confidence interval, effect sizes, McNemar's test per seed.

    At a reduced scale and in demos only the means and their difference, because training is too short.

    \b
    repro compare bn-placement/original bn-placement/full-preact
    """
    from repro.show import tables

    root = root_of(ctx)
    one, other = tables.sides(root, [first, second], scale_of(scale, demo))
    say(tables.compare(one, other, paired, as_json), as_json)
    both = {side.results.name: side.results for side in (one, other)}
    ctx.exit(name_faults(root, faults_of(both.values()), both))


@click.command()
@experiments_argument
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    shell_complete=complete_figure,
    help="Only this figure. Can be given several times.  [default: all]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("figures"),
    show_default=True,
    help="The folder to write to.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["pdf", "png", "svg"]),
    help="The format of the files. Can be given several times.  [default: png and svg]",
)
@click.option("--no-title", is_flag=True, help="Leave out title and subtitle, for a paper with a caption of its own.")
@scale_option
@demo_option
@click.pass_context
def plot(
    ctx: click.Context,
    experiments: tuple[str, ...],
    kinds: tuple[str, ...],
    out: Path,
    formats: tuple[str, ...],
    no_title: bool,
    scale: str,
    demo: bool,
) -> None:
    """Draw the figures: curves, final errors, depth, peek bias, deviations, confusion, classes, hardest
    images.

    \b
    repro plot resnet-depth
    repro plot bn-placement --scale 1/200 --kind curves --out /tmp/figures
    repro plot resnet-depth --kind final --format pdf --no-title
    """
    from repro.records.results import select
    from repro.show import plots

    root = root_of(ctx)
    chosen = select(root, list(experiments), scale_of(scale, demo))
    for results in chosen:

        def skipped(kind: str, reason: str, name: str = results.name) -> None:
            click.echo(f"{name}: no {kind}: {reason}", err=True)

        chosen_formats = tuple(dict.fromkeys(formats)) or ("png", "svg")
        for path in plots.plot(results, list(kinds) or None, out, chosen_formats, titled=not no_title, skipped=skipped):
            click.echo(path)
    ctx.exit(name_faults(root, faults_of(chosen), experiments))


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 3 if a file is out of date.")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one self-contained HTML page to this file instead of REPORT.md.",
)
@click.option(
    "--form",
    type=click.Choice(["neurips", "mlrc"]),
    help="Print a conference's form in Markdown, filled in from the records, with blanks for what they do not hold.",
)
@click.pass_context
def report(ctx: click.Context, check: bool, page: Path | None, form: str | None) -> None:
    """Write REPORT.md and its figures from results/ and experiments/.

    Also updates the generated parts of README.md (the verdicts so far) and docs/results-log.md (the hours trained).

    \b
    repro report
    repro report --html report.html
    repro report --form neurips
    repro report --check
    """
    from repro.records import Fault
    from repro.show import report as reports

    root, faults, stale = root_of(ctx), list[Fault](), ""
    if sum(map(bool, (check, page, form))) > 1:
        raise UserError("--check, --html and --form: choose one")
    if form:
        click.echo(reports.form(root, form, warn=faults.append))
    elif check:
        if stale := reports.check(root, warn=faults.append):
            click.echo(f"The report is out of date: {stale}\nTo update it: repro report", err=True)
        else:
            click.echo("REPORT.md is up to date")
    elif page:
        reports.write_html(root, page, warn=faults.append)
        click.echo(page)
    else:
        click.echo("\n".join(map(str, reports.write(root, warn=faults.append))) or "REPORT.md is up to date")
    code = name_faults(root, faults)
    ctx.exit(CHECK_FAILED if stale else code)


COMMANDS = (table, compare, plot, report)
