"""`repro wandb sync`: sends records to W&B, whether or not they were mirrored during training. Imports no wandb."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from repro import records
from repro.errors import UserError
from repro.records.results import Results
from repro.tracking import content, mirror
from repro.tracking.process import Message, Worker
from repro.wording import plural

SILENCE = 180.0  # seconds without a message before the worker is killed; starting or finishing a run takes less

PrintLine = Callable[[str], None]


@dataclass(frozen=True)
class PendingRecord:
    """A record to send, or the reason to skip it, or why it cannot be sent."""

    name: str
    folder: Path
    status: str
    rows: int = 0
    skip_reason: str = ""
    error: str = ""


def pending(experiments: list[Results]) -> list[PendingRecord]:
    """The experiments' records, ordered by experiment, arm and seed."""
    found = []
    for each in experiments:
        faults = {fault.path.parent: str(fault) for fault in each.faults}
        position = {arm.name: i for i, arm in enumerate(each.experiment.arms)}
        runs = each.recorded.to_dict("records")
        for run in sorted(runs, key=lambda run: (position.get(run["arm"], len(position)), run["seed"])):
            name, folder = f"{each.name}/{run['arm']}/seed-{run['seed']}", each.folder(run["arm"], run["seed"])
            record = PendingRecord(name, folder, run["status"])
            if run["status"] == "damaged":
                found.append(replace(record, error=faults[folder]))
            elif run["stale"]:
                found.append(replace(record, skip_reason=f"stale: {run['stale']}"))
            else:
                found.append(_checked(record, run["iteration"]))
        rows = {record.folder for record in found}
        unread = sorted(folder for folder in faults if folder not in rows)  # they have no row
        found += [PendingRecord("/".join(f.parts[-3:]), f, "damaged", error=faults[f]) for f in unread]
    return found


def _checked(record: PendingRecord, iteration: int) -> PendingRecord:
    """The record with its number of rows up to `iteration`, unless it is being trained or damaged."""
    try:
        with records.locked(record.folder):
            rows = content.metrics(record.folder)
            return replace(record, rows=sum(row["iteration"] <= iteration for row in rows))
    except records.Busy:
        return replace(record, skip_reason="being trained")
    except UserError as error:
        return replace(record, error=str(error))
    except OSError as error:  # such as a read-only folder, in which another machine may be training
        return replace(record, error=f"cannot lock {record.folder}: {error.strerror}")


def mode() -> str:
    """WANDB_MODE, or online if it is unset. UserError if it disables W&B."""
    wanted = mirror.from_environment() or "online"
    if wanted == "off":
        raise UserError("WANDB_MODE disables W&B; allowed for this command: online, offline")
    return wanted


def sync(root: Path, experiments: list[Results], dry_run: bool, print_line: PrintLine) -> bool:
    """Send what W&B lacks, and print one line per run; return whether all succeeded.

    A run that cannot be sent does not keep the others from being sent.
    """
    runs = pending(experiments)
    width = max((len(run.name) for run in runs), default=0)
    for run in runs:
        if run.skip_reason:
            print_line(f"{run.name:{width}}  skipped, {run.skip_reason}")
        elif run.error:
            print_line(f"{run.name:{width}}  not sent: {run.error}")
    sending = {str(run.folder.resolve()): run for run in runs if not (run.skip_reason or run.error)}
    sound = not any(run.error for run in runs)
    if dry_run:
        for run in sending.values():
            print_line(f"{run.name:{width}}  would be sent: {run.status}, {plural(run.rows, 'row')}")
        return sound
    specs = {each.name: str(each.experiment.file.resolve()) for each in experiments}
    job = mirror.job("sync", root, mode(), folders=list(sending), specs=specs)
    messages: list[Message] = []

    def on_message(message: Message) -> None:
        messages.append(message)
        if sent := message.get("sent"):
            print_line(f"{sending[sent['folder']].name:{width}}  {outcome(sent)}")

    if not sending:
        print_line("no other records to send" if runs else "no records to send; `repro status` lists what there is")
        return sound
    complete = work(job, on_message, messages, print_line)
    sent = [message["sent"] for message in messages if "sent" in message]
    sound &= not any("error" in run or run.get("rows_before", 0) > run.get("rows_recorded", 0) for run in sent)
    return complete and sound


def work(
    job: dict[str, Any], on_message: Callable[[Message], None], messages: list[Message], print_line: PrintLine
) -> bool:
    """Run the job in a worker; return whether it succeeded, and print why not. `on_message` must fill `messages`."""
    code = Worker(job, on_message).await_end(SILENCE)
    if problem := next((m["problem"] for m in messages if "problem" in m), None):
        print_line(f"W&B: {problem}")
    elif code is None:
        print_line(f"W&B: no response for {SILENCE:.0f} s")
    elif code:
        print_line(f"W&B: its process ended with exit code {code}")
    return code == 0


def outcome(sent: dict[str, Any]) -> str:
    """What was sent of a run and where to, in words; or why it was not."""
    if "error" in sent:
        return f"not sent: {sent['error']}"
    if "skip_reason" in sent:
        return f"skipped, {sent['skip_reason']}"
    before, recorded, new = sent["rows_before"], sent["rows_recorded"], sent["rows_sent"]
    if before > recorded:
        text = f"W&B has {plural(before, 'row')}, the record only {recorded}: delete the run on W&B and sync again"
    elif not new:
        text = f"up to date with {plural(recorded, 'row')}"
    else:
        text = f"{plural(new, 'row')} sent" + (f", {before} already there" if before else "")
    return f"{text}  {sent['where']}"
