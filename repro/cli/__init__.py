"""The command line: click commands; errors become messages and exit codes. No logic, no hyperparameters.

Each command imports what it needs inside its function, so that `repro --help` is fast and `repro table` loads no torch.
"""

from pathlib import Path

import click

from repro import __version__
from repro.cli.check import check
from repro.cli.claims import COMMANDS as CLAIMS
from repro.cli.common import Commands
from repro.cli.data import data
from repro.cli.doctor import doctor
from repro.cli.export import export
from repro.cli.judge import judge
from repro.cli.new import new
from repro.cli.queue import queue
from repro.cli.removing import clean, rm
from repro.cli.results import COMMANDS as RESULTS
from repro.cli.running import COMMANDS as RUNNING
from repro.cli.schema import schema
from repro.cli.stamp import stamp
from repro.cli.wandb import wandb
from repro.cli.watching import logs, watch
from repro.cli.why import why


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="REPRO_ROOT",
    help="The folder of the project, which holds results/ and, if it has its own, experiments/.  "
    "[default: this folder or its nearest parent that has experiments]",
)
@click.version_option(__version__, prog_name="repro")
def main(root: Path | None) -> None:
    """Test published claims about image classifiers with fresh, seeded runs of the published recipe.

    \b
    repro list                                  list the experiments
    repro run bn-placement --seeds 3 --demo     try it: takes minutes, downloads nothing
    repro run resnet-depth --arm resnet20       train the paper's recipe, one seed
    repro table resnet-depth                    show the results beside the published numbers

    Exit codes: 0 done, 1 a run failed or a record is damaged, 2 wrong use, 3 a check failed,
    4 stopped at the time limit, 130 interrupted.
    """


SPECS, LOOKING, KEEPING = (new, schema), (watch, logs), (rm, clean, data, wandb, export, doctor, stamp)
for command in (*RUNNING[:2], *SPECS, *RUNNING[2:], *LOOKING, queue, why, *RESULTS, judge, check, *CLAIMS, *KEEPING):
    main.add_command(command)
