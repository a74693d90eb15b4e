"""The review run of an experiment on W&B: tables, figures, hardest images, spec and REPORT.md. In the worker process.

Numbers come from `tables` and pictures from `plots`; nothing is computed here.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import wandb
from PIL import Image

from repro.data import catalog
from repro.errors import UserError
from repro.records.results import Results
from repro.show import plots
from repro.show.plots import hardest, pixels, plot_data
from repro.show.tables import Summary, summarise
from repro.spec import Experiment
from repro.tracking import client, content, sections

MOST_IMAGES = 24
JOB_TYPE = "review"


def make(
    results: Results, destination: client.Destination, address: str, send_message: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Log the review run; online, also save the W&B Report, replacing the one at `address` if given.

    Returns what was logged and where, the W&B Report as JSON, and its URL ("" offline). `send_message` gets progress.
    """
    summary, experiment, name, scale = summarise(results), results.experiment, results.name, results.scale
    info = content.WandbRunInfo(
        id=f"{JOB_TYPE}-{name}-{content.scale_tag(scale)}",
        project=experiment.paper,
        group=name,
        job_type=JOB_TYPE,
        name=f"{JOB_TYPE}-{name}",
        tags=(experiment.paper, content.scale_tag(scale), JOB_TYPE),
        config={"experiment": name, "scale": str(scale), "title": experiment.title, "source": experiment.source},
    )
    exhibits = {}
    for key, exhibit in exhibits_of(results, summary):
        exhibits[key] = exhibit
        send_message({"drawn": key})
    run = client.start_run(info, destination)
    run.log(exhibits)
    run.log_artifact(_documents(results.root, results.experiment))
    where, entity = run.url or str(next(client.segments(destination, info.id))), run.entity
    outcomes = Counter(claim.verdict for claim in summary.claims)
    client.finish(
        run, {f"claims_{outcome.replace(' ', '_')}": count for outcome, count in outcomes.items()}, failed=False
    )
    report = sections.report(results, summary, info.id, list(exhibits), entity or "")
    saved = sections.save(report, address) if destination.mode == "online" else ""
    as_json = sections.as_json(report) | {"experiment": name, "scale": str(scale)}
    return {"logged": [*exhibits, "spec and REPORT.md"], "where": where, "report": as_json, "address": saved}


def exhibits_of(results: Results, summary: Summary) -> Iterator[tuple[str, Any]]:
    """What the review run shows: arms, claims (at full scale), figures, and the images that most runs misclassify."""
    yield "arms", _table([asdict(row) for row in summary.rows])
    if summary.claims:
        yield "claims", _table([asdict(row) for row in summary.claims])
    private = content.images_are_private(results)
    for kind in plots.FIGURES:
        if kind == "hardest" and private:
            continue
        if figure := plots.figure(results, kind):
            yield f"figures/{kind}", wandb.Image(Image.open(io.BytesIO(plots.encode(figure, "png"))))
    if not private and (images := hardest_table(results)):
        yield "hardest", images


def hardest_table(results: Results) -> wandb.Table | None:
    """The test images that most runs misclassify, with each arm's predictions; None without predictions or data."""
    data = plot_data.make_plot_data(results)
    try:
        found = hardest.hardest_images(data.labels, data.predictions, MOST_IMAGES)
        dataset = catalog.describe(data.dataset, data.data_dir)
        size = data.recipes[data.arms[0].name].image_size
        shown, _ = pixels.read_images(dataset, data.data_dir, [hard.index for hard in found], size)
    except (plots.NothingToDraw, UserError):  # no predictions, or the data set is not on this machine
        return None
    classes, runs = data.classes, len(data.predictions)
    rows = []
    for hard, image in zip(found, shown, strict=True):
        row = {
            "image": wandb.Image(image),
            "index in the test set": hard.index,
            "true class": classes[data.labels[hard.index]],
            "commonest wrong prediction": classes[hard.predicted],
            "runs wrong": hard.wrong,
            "of runs": runs,
        }
        for arm in data.arms:
            predicted = Counter(classes[run.top1[hard.index]] for run in data.predictions_of(arm))
            row[f"{arm.name} predicts"] = ", ".join(f"{name} x{count}" for name, count in predicted.most_common())
        rows.append(row)
    return _table(rows) if rows else None


def _table(rows: list[dict[str, Any]]) -> wandb.Table:
    """A table of plain values; all numbers are floats, since W&B wants one type per column."""
    columns: list[str | int] = list(rows[0])
    return wandb.Table(
        columns=columns, data=[[_cell(value) for value in row.values()] for row in rows], allow_mixed_types=True
    )


def _cell(value: Any) -> Any:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _documents(root: Path, experiment: Experiment) -> wandb.Artifact:
    """The spec and REPORT.md, the only files that are sent."""
    artifact = wandb.Artifact(f"{JOB_TYPE}-{experiment.name}", type=JOB_TYPE)
    artifact.add_file(str(experiment.file))
    if (root / "REPORT.md").is_file():
        artifact.add_file(str(root / "REPORT.md"))
    return artifact
