"""W&B's offline file read back: history, config and summary of a run. The one place that knows its format.

wandb has no public reader. The file is LevelDB's log format (blocks of 32 KiB; chunks with checksum, length and type)
under a header of its own, and each entry is a `Record` of wandb's protobuf schema. Stays out: what the values mean.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCK = 32 * 1024  # bytes
HEADER = 7  # bytes: of the file, and of each chunk: checksum (4), length (2), type (1)
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


class Damaged(Exception):
    """The file ends early or holds other bytes than were written; the message says where."""


@dataclass
class Segment:
    """What one offline file holds. `exit_code` is None where the run was never finished."""

    id: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    step_metrics: dict[str, str] = field(default_factory=dict)  # metric or glob -> the metric of its x axis
    system_samples: int = 0
    files: list[str] = field(default_factory=list)
    artifacts: dict[str, list[str]] = field(default_factory=dict)  # name -> the paths in it
    exit_code: int | None = None


def read(path: Path) -> Segment:
    """The run in a `.wandb` file. Damaged where it is not whole; what wandb adds for itself (`_...`) is left out."""
    from wandb.proto import wandb_internal_pb2 as schema

    segment = Segment()
    for entry in _entries(path.read_bytes()):
        record = schema.Record.FromString(entry)  # type: ignore[attr-defined]
        kind = record.WhichOneof("record_type")
        if kind == "run":
            _read_run(segment, record.run)
        elif kind == "config":
            _update(segment.config, record.config)
        elif kind == "history":
            row: dict[str, Any] = {}
            for item in record.history.item:
                row[_key(item)] = json.loads(item.value_json)
            segment.history.append({key: value for key, value in row.items() if not key.startswith("_")})
        elif kind == "summary":
            _update(segment.summary, record.summary)
        elif kind == "metric":
            segment.step_metrics[record.metric.name or record.metric.glob_name] = record.metric.step_metric
        elif kind == "stats":
            segment.system_samples += 1
        elif kind == "files":
            segment.files += [file.path for file in record.files.files]
        elif kind == "artifact":
            segment.artifacts[record.artifact.name] = [entry.path for entry in record.artifact.manifest.contents]
        elif kind == "exit":
            segment.exit_code = record.exit.exit_code
    return segment


def _read_run(segment: Segment, run: Any) -> None:
    segment.id, segment.project, segment.group = run.run_id, run.project, run.run_group
    segment.job_type, segment.name, segment.tags = run.job_type, run.display_name, tuple(run.tags)
    _update(segment.config, run.config)


def _update(values: dict[str, Any], message: Any) -> None:
    """Apply a record of changes: nested keys as tables within tables."""
    for item in message.update:
        *outer, last = list(item.nested_key) or [item.key]
        if not (outer or [last])[0].startswith("_"):
            table = values
            for key in outer:
                table = table.setdefault(key, {})
            table[last] = json.loads(item.value_json)
    for item in message.remove:
        values.pop(item.key, None)


def _key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)


def _entries(content: bytes) -> Iterator[bytes]:
    """The log's entries, put together from their chunks."""
    if content[:4] != b":W&B":
        raise Damaged("not a .wandb file")
    position, parts = HEADER, []
    while position < len(content):
        left = BLOCK - position % BLOCK
        if left < HEADER:  # too little for a chunk: zeros up to the next block
            position += left
            continue
        head, start = content[position : position + HEADER], position + HEADER
        length, kind = int.from_bytes(head[4:6], "little"), head[6:7]
        data = content[start : start + length]
        if len(head) < HEADER or len(data) < length:
            raise Damaged(f"it ends in the middle of an entry, at byte {position}")
        if int.from_bytes(head[:4], "little") != zlib.crc32(kind + data):
            raise Damaged(f"the checksum at byte {position} does not match")
        parts.append(data)
        if kind[0] in (FULL, LAST):
            yield b"".join(parts)
            parts = []
        position = start + length
    if parts:
        raise Damaged("it ends in the middle of an entry")
