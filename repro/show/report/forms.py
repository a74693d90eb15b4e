"""Forms that conferences ask for, answered from specs and records; what only a person knows is left blank.

`neurips`: the questions of the NeurIPS paper checklist that concern experiments answered, the others named. `mlrc`: the
summary and the sections of the Machine Learning Reproducibility Challenge's template.
"""

from collections.abc import Callable

import pandas as pd

from repro import records
from repro.data import catalog
from repro.durations import duration
from repro.errors import UserError
from repro.show.report import claims, missing, recipe
from repro.show.report.document import Bullets, Code, Element, Heading, Paragraph, Strong, Table, Text, cells, prose
from repro.show.report.load import Part, Report
from repro.wording import plural

BLANK: Text = (Strong("[for the authors to answer]"),)
SEEDS = (
    "Every mean is over seeds. A seed decides the initial weights, the order of the images, augmentation and dropout, "
    "in separate random streams; the test images do not vary. ± is the standard deviation over seeds (ddof = 1). "
    "Intervals are Student's t, which assumes normal errors; with few seeds that cannot be checked. docs/statistics.md "
    "has the rules, which were fixed before the runs."
)


def neurips(report: Report) -> list[Element]:
    parts = _with_runs(report)
    answers: dict[str, list[Element]] = {
        "Claims": [Paragraph(("The claims, fixed as tests before the runs, and their verdicts:",)), *_verdicts(parts)],
        "Limitations": [Paragraph(("Where the recipes depart from their sources:",)), *_deviations(parts)],
        "Theory assumptions and proofs": [Paragraph(BLANK)],
        "Experimental result reproducibility": [_code(), Bullets(tuple(_commands(parts)))],
        "Open access to data and code": [_data(parts)],
        "Experimental setting and details": _recipes(parts),
        "Experiment statistical significance": [Paragraph((SEEDS,))],
        "Experiments compute resources": _compute(parts),
        "Code of ethics": [Paragraph(BLANK)],
        "Broader impacts": [Paragraph(BLANK)],
        "Safeguards": [Paragraph(BLANK)],
        "Licenses for existing assets": [_data(parts), Paragraph(BLANK)],
        "New assets": [Paragraph(("Records, figures and this package; see its licence and README.",))],
        "Crowdsourcing and research with human subjects": [Paragraph(BLANK)],
        "Institutional review board approvals": [Paragraph(BLANK)],
        "Declaration of the use of large language models": [Paragraph(BLANK)],
    }
    body: list[Element] = [Heading(1, "NeurIPS paper checklist")]
    for number, (question, answer) in enumerate(answers.items(), start=1):
        body += [Heading(2, f"{number}. {question}"), *answer]
    return body


def mlrc(report: Report) -> list[Element]:
    parts = _with_runs(report)
    return [
        Heading(1, "Reproducibility report"),
        Heading(2, "Reproducibility summary"),
        Heading(3, "Scope of reproducibility"),
        Bullets(tuple(_scope(parts))),
        Heading(3, "Methodology"),
        _code(),
        Paragraph((_total(parts),)),
        Heading(3, "Results"),
        Paragraph((claims.tally(report),)),
        *[
            element
            for title in ("What was easy", "What was difficult", "Communication with the original authors")
            for element in (Heading(3, title), Paragraph(BLANK))
        ],
        Heading(2, "1 Introduction"),
        Paragraph(BLANK),
        Heading(2, "2 Scope of reproducibility"),
        *_by_experiment(parts, lambda part: [claims.tested(part)] if part.experiment.claims else []),
        Heading(2, "3 Methodology"),
        Heading(3, "3.1 Models"),
        _models(parts),
        Heading(3, "3.2 Datasets"),
        _data(parts),
        Heading(3, "3.3 Hyperparameters"),
        *_recipes(parts),
        Heading(3, "3.4 Experimental setup and code"),
        _code(),
        Bullets(tuple(_commands(parts))),
        Heading(3, "3.5 Computational requirements"),
        *_compute(parts),
        Heading(2, "4 Results"),
        Paragraph((SEEDS,)),
        *_verdicts(parts),
        Heading(2, "5 Discussion"),
        Paragraph(BLANK),
    ]


FORMS = {"neurips": neurips, "mlrc": mlrc}


def _with_runs(report: Report) -> list[Part]:
    """The experiments with counted runs at full scale. UserError if there are none."""
    if not (parts := [part for part in report.full if len(part.counted)]):
        raise UserError("a form is filled in from runs at full scale, and there are none: repro run EXPERIMENT")
    return parts


def _scope(parts: list[Part]) -> list[Text]:
    """The primary claims, with their sources."""
    return [
        (*prose(claim.says), f" ({part.experiment.cited(claim) or 'our own question'})")
        for part in parts
        for claim in part.experiment.claims
        if claim.primary
    ]


def _by_experiment(parts: list[Part], content: Callable[[Part], list[Element]]) -> list[Element]:
    """The content of each experiment that has any, under its name."""
    return [each for part in parts if (found := content(part)) for each in (Heading(4, part.name), *found)]


def _verdicts(parts: list[Part]) -> list[Element]:
    return _by_experiment(parts, lambda part: [claims.table(claims.claim_views(part))] if part.judged else [])


def _recipes(parts: list[Part]) -> list[Element]:
    return _by_experiment(parts, lambda part: [recipe.shared(part), recipe.arms(part)])


def _deviations(parts: list[Part]) -> list[Element]:
    def content(part: Part) -> list[Element]:
        found = tuple(prose(f"{d.what}: {d.why}") for d in part.experiment.deviations)
        return [Bullets(found)] if found else []

    return _by_experiment(parts, content)


def _code() -> Paragraph:
    return Paragraph(
        (
            "The recipes were implemented anew in this package. Each record in ",
            Code("results/"),
            " holds the resolved recipe, the seed, the commit, the packages and the hardware of its run, and ",
            Code("repro show EXPERIMENT --arm ARM"),
            " prints the same before a run. On a CPU, the same commit, step and number of threads give the same bits.",
        )
    )


def _commands(parts: list[Part]) -> list[Text]:
    return [(Code(missing.command(part, _arms(part), int(part.counted.seed.max()) + 1)),) for part in parts]


def _arms(part: Part) -> list[str]:
    return [arm.name for arm in part.experiment.arms if arm.name in set(part.counted.arm)]


def _data(parts: list[Part]) -> Element:
    names = sorted({part.experiment.arm(arm).recipe.dataset for part in parts for arm in _arms(part)})
    rows = []
    for name in names:
        dataset = catalog.built_in(name)
        size = f"{dataset.train_images:,} + {dataset.test_images:,}" if dataset else "–"
        rows.append(cells(name, dataset.title if dataset else "images in a folder", size))
    return Table("Data sets", ("data set", "source", "training + test images"), tuple(rows))


def _models(parts: list[Part]) -> Element:
    rows = [
        cells(part.name, part.label(arm), part.results.recipes[arm].model.kind, f"{_parameters(part, arm):,}")
        for part in parts
        for arm in _arms(part)
    ]
    return Table("Models", ("experiment", "arm", "network", "parameters"), tuple(rows))


def _parameters(part: Part, arm: str) -> int:
    return int(part.counted.parameters[part.counted.arm == arm].iloc[0])


def _compute(parts: list[Part]) -> list[Element]:
    """Time per run and in all, with the runs that do not count."""
    rows = [
        cells(part.name, part.label(str(arm)), str(hardware), str(len(runs)), duration(runs.wall_seconds.mean()))
        for part in parts
        for (arm, hardware), runs in part.counted.groupby(["arm", "hardware"], sort=False)
    ]
    columns = ("experiment", "arm", "hardware", "runs", "wall time per run, mean")
    return [Table("Compute", columns, tuple(rows), "runs"), Paragraph((_total(parts),))]


def _total(parts: list[Part]) -> str:
    every = pd.concat([part.runs for part in parts])
    others = len(every) - sum(len(part.counted) for part in parts)
    also = f", {plural(others, 'run')} among them unfinished, failed, stale, damaged or not pooled" if others else ""
    return f"In all {plural(len(every), 'run')} took {duration(records.seconds_trained(every))} of wall time{also}."
