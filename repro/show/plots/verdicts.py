"""The figure of all verdicts: one row per claim, with the interval that decided it and where the claim is true."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from repro.claims.judge import Judged
from repro.claims.rules import Outcome, Verdict
from repro.show.plots.style import FAINT, INK, PALETTE, captioned_figure, house_style, settled, wrapped
from repro.show.verdicts import deciding_step
from repro.spec import Experiment

COLOURS: dict[Outcome, str] = {"reproduced": PALETTE[2], "not reproduced": PALETTE[3], "inconclusive": FAINT}
TRUE, SMALL = "#DCEBE5", "#ECECEC"  # where the claim is true, where it is too small to matter
LABELS, PANEL, OUTCOMES, ROW = 3.9, 3.4, 1.3, 0.72  # inches
NOTE = (
    "One row per claim whose verdict rests on an interval. Mark: the difference as estimated; bar: the interval that "
    "decided. Shaded: what the claim predicts. Each row has its own axis."
)


@dataclass(frozen=True)
class Row:
    """A claim with its experiment."""

    experiment: Experiment
    judged: Judged

    @property
    def label(self) -> str:
        """The claim, and below it what the axis shows."""
        claim = self.judged.claim
        quantity = claim.quantity([self.experiment.arm(arm).label for arm in claim.arms])
        says = wrapped(f"{self.experiment.name}: {claim.says}", LABELS - 0.2)
        return f"{says}\n{wrapped(f'{quantity} ({self.step.unit.difference})', LABELS - 0.2)}".replace(
            " - ", " \u2212 "
        )

    @property
    def step(self) -> Verdict:
        """The difference that decided."""
        return deciding_step(self.judged.verdict)

    @property
    def negligible(self) -> float:
        """The margin below which a claimed difference is too small to matter; 0 for kinds without such a margin."""
        one_sided = self.judged.claim.region(self.step) == (0.0, np.inf)
        return (self.step.margin or 0.0) if one_sided else 0.0


def verdicts(claims: list[tuple[Experiment, Judged]]) -> Figure:
    """The claims (experiment, judged) in the given order; an interval must have decided each."""
    rows = [Row(*each) for each in claims]
    with house_style():
        figure = captioned_figure("Verdicts", [NOTE], LABELS + PANEL + OUTCOMES, ROW * len(rows) + 0.3)
        panels: list[Axes] = list(figure.subplots(len(rows), 1, squeeze=False)[:, 0])
        for axes, row in zip(panels, rows, strict=True):
            _draw(axes, row)
        _legend(panels[0], rows)
        return settled(figure)


def _draw(axes: Axes, row: Row) -> None:
    step, claim = row.step, row.judged.claim
    outcome = row.judged.verdict.outcome
    assert step.estimate is not None and step.deciding is not None
    low, high = _limits(row)
    true_from, true_to = claim.region(step)
    axes.axvspan(max(true_from, low), min(true_to, high), color=TRUE, linewidth=0, zorder=0)
    if row.negligible:
        axes.axvspan(0, row.negligible, color=SMALL, linewidth=0, zorder=0)
    axes.axvline(0, color=FAINT, linewidth=0.9, zorder=1)
    colour = COLOURS[outcome]
    ends = [step.deciding.low, step.deciding.high]
    axes.plot(ends, [0, 0], color=colour, linewidth=2.4, zorder=3, gid=f"interval:{claim.id}")
    axes.plot([step.estimate], [0], "o", color=colour, markersize=6, zorder=4, gid=f"estimate:{claim.id}")
    axes.set_xlim(low, high)
    axes.set_ylim(-1, 1)
    axes.set_yticks([0], [row.label])
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.tick_params(axis="x", labelsize=7.5, pad=1)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(visible=False)
    axes.annotate(
        outcome,
        (1, 0.5),
        xycoords="axes fraction",
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        size=8.5,
        weight="bold",
        color=colour,
    )


def _limits(row: Row) -> tuple[float, float]:
    """An axis with the interval, zero, and the finite ends of where the claim is true."""
    assert row.step.deciding is not None
    region = [end for end in row.judged.claim.region(row.step) if np.isfinite(end)]
    ends = [0.0, row.step.deciding.low, row.step.deciding.high, row.negligible, *region]
    room = 0.12 * (max(ends) - min(ends))
    return min(ends) - room, max(ends) + room


def _legend(axes: Axes, rows: list[Row]) -> None:
    outcomes = {row.judged.verdict.outcome for row in rows}
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=colour, marker="o", markersize=5, linewidth=2.4, label=outcome)
        for outcome, colour in COLOURS.items()
        if outcome in outcomes
    ]
    handles.append(Patch(color=TRUE, label="what the claim predicts"))
    if any(row.negligible for row in rows):
        handles.append(Patch(color=SMALL, label="too small to matter"))
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(handles), labelcolor=INK)
