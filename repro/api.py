"""repro from Python: what its commands do, as functions that return data frames and figures.

    from repro import api

    api.results("cifar-cnn")                              # one row per recorded run
    api.judge("cifar-cnn")                                # one row per claim
    api.plot("cifar-cnn", "curves").savefig("curves.pdf")
    api.run("bn-placement", seeds=3, demo=True)           # trains what is not done, then the rows of these runs

An experiment is given as on the command line, by its name or by its file's path. `scale`, `demo` and `scratch` select
the records as the options of these names do, and `root` is the folder that holds experiments/ and results/ (default:
the current one or its nearest parent that does). Errors of the user are `UserError`s. Only `run` imports torch.
"""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from repro import spec
from repro.errors import UserError
from repro.records.results import Results
from repro.spec import Experiment, Scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RunsFailed", "UserError", "evaluations", "judge", "load", "plot", "results", "run", "table"]


class RunsFailed(UserError):
    """Not all runs were trained; the message says which failed, and why. Those that were are recorded."""


def load(experiment: str | Path, *, root: Path | None = None) -> Experiment:
    """The experiment as data: its arms with their recipes, claims and deviations. UserError if it is invalid."""
    return spec.load(str(experiment), root or spec.project())


def results(
    experiment: str | Path,
    *,
    scale: str = "1",
    demo: bool = False,
    scratch: bool = False,
    root: Path | None = None,
) -> pd.DataFrame:
    """One row per recorded run: errors in %, times in seconds. `status` done or diverged and an empty `stale` count."""
    return _results(experiment, _scale(scale, demo, scratch), root).runs


def evaluations(
    experiment: str | Path,
    *,
    scale: str = "1",
    demo: bool = False,
    scratch: bool = False,
    root: Path | None = None,
) -> pd.DataFrame:
    """The curves of the counted runs: one row per evaluation, with `arm` and `seed`; losses in nats, errors in %."""
    counted = _results(experiment, _scale(scale, demo, scratch), root).counted()
    parts = [counted.metrics(run).assign(arm=run.arm, seed=run.seed) for run in counted.done()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def table(
    experiment: str | Path,
    *,
    scale: str = "1",
    demo: bool = False,
    scratch: bool = False,
    root: Path | None = None,
) -> pd.DataFrame:
    """One row per arm: published number, n, mean and sd of the test error (%), best, parameters, seconds per run."""
    from repro.show.tables.summary import summarise

    return pd.DataFrame(map(asdict, summarise(_results(experiment, _scale(scale, demo, scratch), root)).rows))


def judge(experiment: str | Path, *, root: Path | None = None) -> pd.DataFrame:
    """One row per claim: verdict, estimate, interval, p, and the whole verdict as a `sentence`. At full scale."""
    from repro.show.tables.summary import summarise

    return pd.DataFrame(map(asdict, summarise(_results(experiment, spec.FULL, root)).claims))


def plot(
    experiment: str | Path,
    kind: str,
    *,
    arms: Sequence[str] = (),
    scale: str = "1",
    demo: bool = False,
    scratch: bool = False,
    root: Path | None = None,
) -> "Figure":
    """The figure of one kind, of these arms (default: all). UserError if the records do not suffice."""
    from repro.show import plots

    chosen = _results(experiment, _scale(scale, demo, scratch), root)
    figure = plots.figure(chosen, kind, arms=list(arms) or None)
    if figure is None:
        raise UserError(f"{chosen.name}: the records do not suffice for the figure {kind!r}")
    return figure


def run(
    experiment: str | Path,
    *,
    arms: Sequence[str] = (),
    seeds: int = 1,
    scale: str = "1",
    demo: bool = False,
    scratch: bool = False,
    settings: Sequence[str] = (),
    root: Path | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Train the runs that are not done, as `repro run` does, and return their rows.

    `settings` are those of `--set`, KEY=VALUE, and make the runs quick tries. `options`: device, jobs, threads,
    precision, step, ways, time_limit, checkpoint_every, wandb. RunsFailed if a run was not trained to its end.
    """
    from repro.run import plan, start
    from repro.run.result import Options

    folder, at = root or spec.project(), _scale(scale, demo, scratch or bool(settings))
    known = Options.__dataclass_fields__
    if unknown := [name for name in options if name not in known]:
        raise UserError(f"unknown option {unknown[0]!r}; allowed: {', '.join(known)}")
    planned = plan.plan(folder, str(experiment), list(arms), seeds, at, settings)
    outcome = start.run(folder, planned, Options(**options))
    if outcome.exit_code:
        raise RunsFailed(outcome.message())
    rows = _results(experiment, at, folder).runs
    wanted = {(p.run.arm, p.run.seed) for p in planned}
    return rows[[(row.arm, row.seed) in wanted for row in rows.itertuples()]].reset_index(drop=True)


def _results(experiment: str | Path, scale: Scale, root: Path | None) -> Results:
    """What is recorded; a warning for each damaged record, which is in no number."""
    found = Results.load(root or spec.project(), str(experiment), scale)
    for fault in found.faults:
        warnings.warn(f"damaged: {fault}", stacklevel=3)
    return found


def _scale(scale: str, demo: bool, scratch: bool) -> Scale:
    if demo and scale != "1":
        raise UserError(f"demo and scale {scale}: choose one, because a demo has its own schedule")
    return replace(spec.DEMO if demo else Scale.of(scale), scratch=scratch)
