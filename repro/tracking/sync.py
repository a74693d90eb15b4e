"""`repro wandb sync`: from records to W&B, whether or not a run was logged while it was trained. No wandb here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro import records
from repro.errors import UserError
from repro.records.results import Results
from repro.tracking import content, mirror
from repro.tracking.process import Message, Worker
from repro.wording import plural

SILENCE = 180.0  # seconds without a word of the worker: more than it takes to begin a run or to end one

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Due:
    """A record to send, or why it is not."""

    name: str
    folder: Path
    status: str
    rows: int
    why_not: str = ""


def due(experiments: list[Results]) -> list[Due]:
    """The experiments' records, in order of experiment, arm and seed."""
    found = []
    for each in experiments:
        place = {arm.name: i for i, arm in enumerate(each.experiment.arms)}
        runs = sorted(each.runs.to_dict("records"), key=lambda run: (place.get(run["arm"], len(place)), run["seed"]))
        for run in runs:
            folder = each.folder(run["arm"], run["seed"])
            rows = sum(row["iteration"] <= run["iteration"] for row in content.metrics(folder))
            why_not = f"stale: {run['stale']}" if run["stale"] else _busy(folder)
            found.append(Due(f"{each.name}/{run['arm']}/seed-{run['seed']}", folder, run["status"], rows, why_not))
    return found


def _busy(folder: Path) -> str:
    try:
        with records.locked(folder):
            return ""
    except records.Busy:
        return "being trained"


def mode() -> str:
    """Online, but where WANDB_MODE says offline. UserError where it forbids W&B."""
    wanted = mirror.from_environment() or "online"
    if wanted == "off":
        raise UserError("WANDB_MODE forbids W&B, so nothing is sent; allowed here: online, offline")
    return wanted


def sync(root: Path, experiments: list[Results], dry_run: bool, tell: Tell) -> bool:
    """Send what W&B lacks, and tell of each run what that was; whether all of it went. UserError before any did."""
    runs = due(experiments)
    width = max((len(run.name) for run in runs), default=0)
    for run in runs:
        if run.why_not:
            tell(f"{run.name:{width}}  passed over, {run.why_not}")
    sending = {str(run.folder.resolve()): run for run in runs if not run.why_not}
    if dry_run:
        for run in sending.values():
            tell(f"{run.name:{width}}  would be sent: {run.status}, {plural(run.rows, 'row')}")
        return True
    job = mirror.job("sync", root, mode(), folders=list(sending))
    done: list[Message] = []

    def hear(message: Message) -> None:
        done.append(message)
        if sent := message.get("sent"):
            tell(f"{sending[sent['folder']].name:{width}}  {outcome(sent)}")

    if not sending:
        tell("no other record" if runs else "no records to send: repro status says what there is")
        return True
    whole = work(job, hear, done, tell)
    sent = [message["sent"] for message in done if "had" in message.get("sent", {})]
    return whole and not any(run["had"] > run["of"] for run in sent)


def work(job: dict[str, Any], hear: Callable[[Message], None], heard: list[Message], tell: Tell) -> bool:
    """Have the job done; whether it was, and if not, why, is told."""
    code = Worker(job, hear).await_end(SILENCE)
    if problem := next((m["problem"] for m in heard if "problem" in m), None):
        tell(f"W&B: {problem}")
    elif code is None:
        tell(f"W&B: no answer for {SILENCE:.0f} s")
    elif code:
        tell(f"W&B: its process ended with exit code {code}")
    return code == 0


def outcome(sent: dict[str, Any]) -> str:
    """What was sent of a run and where to, in words; or why it was not."""
    if "why_not" in sent:
        return f"passed over, {sent['why_not']}"
    if sent["had"] > sent["of"]:
        told = f"W&B has {plural(sent['had'], 'row')}, the record {sent['of']}: delete the run there and sync again"
    elif not sent["rows"]:
        told = f"nothing new: {plural(sent['of'], 'row')} there"
    else:
        told = f"{plural(sent['rows'], 'row')} sent" + (f", {sent['had']} were there" if sent["had"] else "")
    return f"{told}  {sent['where']}"
