"""Records for machines: an RO-Crate, one JSON-LD file that says which run made which files, from what and with what.

RO-Crate 1.1 with the profile Process Run Crate 0.5. Each finished run that is not stale is an action: its instrument is
repro at the run's commit, its objects are the spec and the data set, its results the files of its folder. Paths are
relative to the project's folder, because a crate cannot hold files outside the folder of its metadata file.

The same records give the same bytes: no dates but theirs, and no host, user or path of this machine.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from repro import records
from repro.data import catalog
from repro.errors import UserError
from repro.files import write_atomically
from repro.records.record import Record, Session
from repro.records.results import Results
from repro.wording import plural

NAME = "ro-crate-metadata.json"
CRATE, PROFILE = "https://w3id.org/ro/crate/1.1", "https://w3id.org/ro/wfrun/process/0.5"
ROOT = "./"
STATUS = {  # a diverged run has results, but has not completed its schedule
    "done": "http://schema.org/CompletedActionStatus",
    "diverged": "http://schema.org/FailedActionStatus",
}
RUN_FILES = {
    "run.json": ("application/json", "the record: recipe, seed, commit, packages and hardware, final errors"),
    "metrics.csv": ("text/csv", "loss and error at each evaluation"),
    "predictions.npz": ("application/zip", "predicted and true class of each test image, in NumPy's format"),
}
NO_LICENCE = "No licence is given; ask the authors before you use these records."
Entity = dict[str, Any]


@dataclass(frozen=True)
class Author:
    """A person who ran the experiments, with the address of their ORCID record."""

    name: str
    orcid: str

    @classmethod
    def parse(cls, text: str) -> "Author":
        """The author in "NAME <https://orcid.org/0000-0000-0000-0000>". UserError for anything else."""
        found = re.fullmatch(r"\s*(\S[^<>]*?)\s*<(https://orcid\.org/(?:\d{4}-){3}\d{3}[\dX])>\s*", text)
        if not found:
            raise UserError(f"--author {text!r}; allowed: 'NAME <https://orcid.org/0000-0000-0000-0000>'")
        return cls(*found.groups())


def write(root: Path, experiments: list[Results], authors: list[Author], out: Path | None = None) -> Path:
    """Write the crate's metadata to `out`, or into the project's folder `root`; return the path.

    UserError if there is no finished run, or the file cannot be written.
    """
    path = out or root / NAME
    content = metadata(root, experiments, authors)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return path


def metadata(root: Path, experiments: list[Results], authors: list[Author]) -> bytes:
    """The crate's metadata as JSON-LD. UserError if the experiments have no finished run."""
    usable = [each.usable() for each in experiments]
    runs = [(each, record) for each in usable for folder in each.folders() if (record := records.read_run(folder))]
    if not runs:
        scales = ", ".join(dict.fromkeys(str(each.scale) for each in experiments))
        raise UserError(f"no finished run of {', '.join(each.name for each in experiments)} at scale {scales}")
    files: list[Entity] = []
    others: list[Entity] = [_person(author) for author in authors]
    actions: list[Entity] = []
    for results, record in runs:
        spec, data = _spec(results), _data_set(record)
        software = [_software(session) for session in record.sessions]
        made = _run_files(results, record)
        people = [_person(author) for author in authors]
        actions.append(_action(results, record, software, [spec, data], made, people))
        files += [spec, *made]
        others += [data, *software]
    licence = _licence(root)
    files += [*licence, *_report(root)]
    files, others = _distinct(files), _distinct(others)
    names = ", ".join(dict.fromkeys(results.name for results, _ in runs))
    about = {
        "@id": ROOT,
        "@type": "Dataset",
        "name": f"Training runs of {names}",
        "description": f"The records of {plural(len(runs), 'run')} that test published claims about image classifiers: "
        "for each run its recipe, seed, commit and hardware, its errors during training, and its predictions.",
        "datePublished": max(str(record.finished) for _, record in runs),
        "license": _references(licence) if licence else NO_LICENCE,
        "conformsTo": {"@id": PROFILE},
        "hasPart": _references(files),
        "mentions": _references(actions),
    } | ({"author": _references(map(_person, authors))} if authors else {})
    profile = {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    descriptor = {"@id": NAME, "@type": "CreativeWork", "about": {"@id": ROOT}, "conformsTo": {"@id": CRATE}}
    graph = [descriptor, about, profile, *others, *actions, *files]
    text = json.dumps({"@context": f"{CRATE}/context", "@graph": graph}, indent=1, ensure_ascii=False)
    return text.encode() + b"\n"


# --- a run -----------------------------------------------------------------------------------------------------------


def _action(
    results: Results,
    record: Record,
    software: list[Entity],
    objects: list[Entity],
    made: list[Entity],
    people: list[Entity],
) -> Entity:
    name = f"{record.experiment}/{record.arm}/seed-{record.seed}"
    found: Entity = {
        "@id": f"#{_address(_below_root(results, record, ''))}",
        "@type": "CreateAction",
        "name": f"Training of {name}{'' if record.scale.is_full else f' at scale {record.scale}'}",
        "description": _description(record),
        "instrument": _references(_distinct(software)),
        "object": _references(objects),
        "result": _references(made),
        "actionStatus": STATUS[record.status],
    }
    if started := record.sessions[0].started:
        found["startTime"] = started
    found["endTime"] = record.finished
    if record.status == "diverged":
        found["error"] = f"the loss diverged at iteration {record.iteration:,}"
    if people:
        found["agent"] = _references(people)
    return found


def _description(record: Record) -> str:
    """Iterations, hardware, precision, step and packages, and the final error."""
    end = record.run.recipe.schedule.iterations
    text = f"{record.iteration:,} of {end:,} iterations, "
    text += ", then ".join(dict.fromkeys(map(_machine, record.sessions)))
    if record.final:
        text += f". Final test error {record.final.test_error:.2f} %"
    if record.trained_as:
        text += f". The record was copied from that of {record.trained_as}, which is the same run"
    return f"{text}."


def _machine(session: Session) -> str:
    threads = [plural(session.threads, "CPU thread")] if session.threads else []
    return ", ".join(
        [
            f"on {session.hardware}",
            session.precision,
            f"step {session.step}",
            *threads,
            *(f"{name} {version}" for name, version in session.packages.items()),
        ]
    )


def _run_files(results: Results, record: Record) -> list[Entity]:
    found = []
    for name, (form, text) in RUN_FILES.items():
        path = _below_root(results, record, name)
        if (results.root / path).is_file():
            found.append(_file(results.root, path, form, text))
    return found


def _software(session: Session) -> Entity:
    """repro at the session's commit, or of its version if that is not known; one with changes is another."""
    commit, dirty = session.commit or session.installed_version or "unknown", session.dirty
    changes = f" with {'uncommitted ' * bool(session.commit)}changes {dirty}" if dirty else ""
    known = f"commit {commit}" if session.commit or not session.installed_version else f"version {commit}"
    return {
        "@id": f"#repro-{commit}{f'-{dirty}' if dirty else ''}",
        "@type": "SoftwareApplication",
        "name": "repro",
        "description": f"repro at {known}{changes}",
        "softwareVersion": f"{commit}{f'-dirty-{dirty}' if dirty else ''}",
    }


def _data_set(record: Record) -> Entity:
    name = str(record.run.recipe.model_dump()["dataset"])
    dataset = catalog.built_in(name)
    text = "Images in a folder"
    if dataset:
        text = f"{dataset.train_images:,} training images and {dataset.test_images:,} test images"
    return {
        "@id": f"#data-{_address(name)}-{record.data_checksum}",
        "@type": "CreativeWork",
        "name": dataset.title if dataset else name,
        "description": f"{text}. Checksum {record.data_checksum}.",
        "identifier": name,
    }


def _spec(results: Results) -> Entity:
    """The experiment's file; its description alone if it lies outside the folder, as a built-in one does."""
    file, text = results.experiment.file.resolve(), "the experiment's specification: recipes, arms and claims."
    text = f"{text} {results.experiment.title}"
    if file.is_relative_to(root := results.root.resolve()):
        return _file(results.root, file.relative_to(root).as_posix(), "application/toml", text)
    return {"@id": f"#spec-{results.name}", "@type": "CreativeWork", "name": file.name, "description": text}


# --- the rest of the crate -------------------------------------------------------------------------------------------


def _person(author: Author) -> Entity:
    return {"@id": author.orcid, "@type": "Person", "name": author.name}


def _licence(root: Path) -> list[Entity]:
    """The folder's licence file, if it has one."""
    for path in sorted(root.glob("LICEN[CS]E*")):
        if path.is_file():
            title = path.read_text(encoding="utf-8", errors="replace").strip().partition("\n")[0].strip()
            entity = _file(root, path.name, "text/plain", "the licence of this folder")
            return [entity | {"@type": ["File", "CreativeWork"], "name": title or path.name}]
    return []


def _report(root: Path) -> list[Entity]:
    if not (root / "REPORT.md").is_file():
        return []
    return [_file(root, "REPORT.md", "text/markdown", "the verdicts on all claims, with tables and figures")]


def _file(root: Path, path: str, form: str, text: str) -> Entity:
    return {
        "@id": _address(path),
        "@type": "File",
        "name": path,
        "description": text,
        "encodingFormat": form,
        "contentSize": str((root / path).stat().st_size),
    }


def _below_root(results: Results, record: Record, name: str) -> str:
    """The POSIX path of a file of the run's folder, or of the folder itself if `name` is empty."""
    return (results.folder(record.arm, record.seed) / name).relative_to(results.root).as_posix()


def _address(path: str) -> str:
    return quote(path, safe="/+")


def _references(entities: Iterable[Entity]) -> Entity | list[Entity]:
    """Links to the entities; RO-Crate wants a single one outside a list."""
    found = [{"@id": entity["@id"]} for entity in entities]
    return found[0] if len(found) == 1 else found


def _distinct(entities: list[Entity]) -> list[Entity]:
    """The entities, each identifier once, in order."""
    return list({entity["@id"]: entity for entity in entities}.values())
