"""The W&B Report of an experiment: one section per claim, with exactly the runs that its verdict counted.

At a reduced scale there is one section with all runs, without verdicts or published numbers.

Text and numbers come from `tables`. In the worker process; needs wandb-workspaces. Run sets list runs by id, so that
stale or unfinished runs of the project do not appear in a claim's curves.
"""

import json
from typing import Any
from urllib.parse import quote, unquote

import wandb_workspaces.reports.v2 as wr

from repro.records.results import Results
from repro.show import tables
from repro.show.tables import ClaimRow, Summary
from repro.tracking import content

TITLE_LENGTH = 128  # characters; W&B rejects longer titles
ERROR = "test error (%)"


def report(results: Results, summary: Summary, review_id: str, shown: list[str], entity: str) -> wr.Report:
    """The whole W&B Report. `review_id`: the id of the review run; `shown`: the keys that it logged."""
    experiment, counted = results.experiment, results.counted()
    blocks: list[Any] = [wr.P(f"{summary.source}."), wr.P(f"{summary.heading}."), wr.TableOfContents()]
    for claim in summary.claims:
        blocks += _section(claim, counted)
    if not summary.compared:
        blocks += [wr.H2("Early training"), wr.P("Claims are judged at full scale only.")]
        blocks.append(_panels(counted, [arm.name for arm in experiment.arms], "runs by arm"))
    blocks += [wr.H2("The arms"), wr.MarkdownBlock(tables.render([results], "md"))]
    blocks += [wr.H2("Figures and images"), _exhibits(review_id, shown)]
    if summary.compared:
        blocks += [wr.H2("Where the recipe departs from the paper")]
        blocks += [wr.UnorderedList([*summary.deviations]) if summary.deviations else wr.P("No known deviations.")]
    return wr.Report(
        project=experiment.paper,
        entity=entity,
        title=f"{experiment.name}: {summary.title}"[:TITLE_LENGTH],
        description=summary.heading,
        blocks=blocks,
        width="fluid",
    )


def _section(claim: ClaimRow, counted: Results) -> list[Any]:
    """The claim, its verdict, and its arms' runs."""
    lean = f", {claim.lean}" if claim.lean else ""
    where = f" ({claim.where})" if claim.where else ""
    margin = "" if claim.margin is None else f" Margin: {claim.margin:g} {claim.unit}."
    mark = ", post hoc" if claim.post_hoc else ""
    return [
        wr.H2(f"{claim.id}: {claim.verdict}{lean}{mark}"),
        wr.P(f"Claimed: {claim.says}{where}.{margin}"),
        wr.P(claim.sentence),
        _panels(counted, list(claim.arms), f"{claim.id}: runs by arm"),
    ]


def _panels(counted: Results, arms: list[str], title: str) -> Any:
    """The arms' runs: curves and final errors, with the published values at full scale."""
    runs = run_ids(counted, arms)
    if not runs:
        return wr.P("No counted runs yet.")
    full = counted.scale.is_full
    published = ["published_test_error"] if full else []
    return wr.PanelGrid(
        runsets=[_runset(title, runs, "config.arm")],
        panels=[
            wr.LinePlot(
                title="Test error by iteration" + " (flat line: published)" * full,
                x="iteration",
                y=["test_error", *published],
                title_x="iteration",
                title_y=ERROR,
                groupby=wr.Config("arm"),
                groupby_aggfunc="mean",
                groupby_rangefunc="minmax",
                smoothing_factor=0,
                layout=wr.Layout(x=0, y=0, w=14, h=9),
            ),
            wr.BarPlot(
                title="Final test error, mean over seeds",
                metrics=[wr.SummaryMetric(name) for name in ("final_test_error", *published)],
                title_x=ERROR,
                groupby=wr.Config("arm"),
                groupby_aggfunc="mean",
                groupby_rangefunc="minmax",
                layout=wr.Layout(x=14, y=0, w=10, h=9),
            ),
        ],
    )


def _runset(name: str, ids: list[str], *groupby: str) -> wr.Runset:
    order = [wr.OrderBy("Name", ascending=True)]
    return wr.Runset(name=name, filters=f"Metric('ID') in {json.dumps(ids)}", groupby=list(groupby), order=order)


def _exhibits(review_id: str, shown: list[str]) -> wr.PanelGrid:
    """The tables and figures that the review run logged."""
    pictures = [key for key in shown if key.startswith("figures/")]
    rows = [key for key in shown if key not in pictures]
    panels: list[Any] = [
        wr.WeavePanelSummaryTable(table_name=key, layout=wr.Layout(x=0, y=10 * i, w=24, h=10))
        for i, key in enumerate(rows)
    ]
    panels += [
        wr.MediaBrowser(media_keys=[key], num_columns=1, layout=wr.Layout(x=0, y=10 * (len(rows) + i), w=24, h=10))
        for i, key in enumerate(pictures)
    ]
    return wr.PanelGrid(runsets=[_runset("review", [review_id])], panels=panels)


def run_ids(counted: Results, arms: list[str]) -> list[str]:
    """The W&B ids of the arms' runs, in order of arms."""
    return [id for arm in arms for id in content.run_ids(counted.for_arms([arm]))]


def save(made: wr.Report, address: str) -> str:
    """Save the W&B Report online, replacing the one at `address` if given; return its URL."""
    if address:
        made.id = wr.Report.from_url(unquote(address)).id
    made.save()
    scheme, rest = made.url.split("://", 1)
    return f"{scheme}://{quote(rest, safe='/:')}"  # brackets from the title would break Markdown links


def as_json(made: wr.Report) -> dict[str, Any]:
    """The W&B Report as it would be saved, but with reproducible ids."""
    spec = json.loads(made._to_model().spec.model_dump_json(by_alias=True, exclude_none=True))
    return {
        "project": made.project,
        "title": made.title,
        "description": made.description,
        "spec": _with_fixed_ids(spec, iter(range(10**6))),
    }


def _with_fixed_ids(node: Any, numbers: Any) -> Any:
    """`node` with wandb's random ids of panels and run sets replaced by consecutive numbers."""
    if isinstance(node, list):
        return [_with_fixed_ids(item, numbers) for item in node]
    if not isinstance(node, dict):
        return node
    ids = ("id", "__id__") if "__id__" in node or "runFeed" in node else ()
    return {key: f"{next(numbers)}" if key in ids else _with_fixed_ids(value, numbers) for key, value in node.items()}
