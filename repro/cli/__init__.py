"""The command line: click commands, errors -> messages and exit codes. No logic, no hyperparameters.

Whatever a command needs is imported inside it, so that `repro --help` stays fast and a table loads no torch.
"""

from pathlib import Path

import click

from repro import __version__
from repro.cli.claims import COMMANDS as CLAIMS
from repro.cli.common import Commands
from repro.cli.data import data
from repro.cli.queue import queue
from repro.cli.results import COMMANDS as RESULTS
from repro.cli.running import COMMANDS as RUNNING
from repro.cli.stamp import stamp
from repro.cli.wandb import wandb


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


for command in (*RUNNING, queue, *RESULTS, *CLAIMS, data, wandb, stamp):
    main.add_command(command)
