"""The runs of a root at a glance, as `repro watch` shows them: two lines per unfinished run, then what ended last."""

from collections.abc import Sequence

from repro.durations import duration
from repro.records.record import FINISHED
from repro.records.watcher import Seen
from repro.wording import plural

BAR = 20  # columns
ENDED = 5  # finished runs that are listed


def text(runs: Sequence[Seen], width: int) -> str:
    """At most `width` columns, except for the names of runs."""
    left = sorted((run for run in runs if run.status not in FINISHED), key=lambda run: run.age)
    ended = sorted((run for run in runs if run.status in FINISHED), key=lambda run: run.age)
    lines = [f"{plural(len(left), 'run')} unfinished, {len(ended)} finished"]
    for run in left:
        lines += ["", run.name, *_wrapped(_parts(run), width)]
    if ended:
        lines += ["", "ended last:"]
    for run in ended[:ENDED]:
        error = "" if run.test_error is None else f", test error {run.test_error:.2f} %"
        lines += [f"  {run.name}", f"    {run.status}{error}, {duration(run.age)} ago"]
    return "\n".join(lines)


def _parts(run: Seen) -> list[str]:
    share = run.iteration / run.iterations
    filled = round(BAR * share)
    reason = f": {run.reason}" if run.reason else ""
    return [
        "\u2501" * filled + "\u2500" * (BAR - filled) + f" {run.iteration:,}/{run.iterations:,} ({share:.0%})",
        "" if run.status == "running" else f"{run.status}{reason}",
        "" if run.iterations_per_second is None else f"{run.iterations_per_second:.3g} it/s",
        "" if run.test_error is None else f"test error {run.test_error:.2f} %",
        "" if run.seconds_left is None or run.status != "running" else f"{duration(run.seconds_left)} left",
        f"written {duration(run.age)} ago",
    ]


def _wrapped(parts: list[str], width: int) -> list[str]:
    """The parts, as many on a line as fit, indented."""
    lines = [" "]
    for part in filter(None, parts):
        joined = f"{lines[-1]}  {part}" if lines[-1].strip() else f"  {part}"
        if len(joined) > width and lines[-1].strip():
            lines.append(f"  {part}")
        else:
            lines[-1] = joined
    return lines
