"""`curves`: training and test error by iteration, as in the papers' figures: test solid, training dashed."""

from math import ceil, floor

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from repro.show.plots.look import FAINT, INK, arm_look, bare, beside, legend_width, sheet
from repro.show.plots.material import Material
from repro.spec import Arm

TRAIN_DASHES = (0, (3.5, 1.6))
FEW = 12  # with at most so many evaluations each is marked
MARKS = 8  # along a longer curve whose colour another arm has too
ONE_PANEL = 4  # arms beyond which each kind of network gets its own panel


def curves(material: Material) -> Figure:
    """Mean over seeds and the band from the lowest to the highest seed; vertical lines where the rate drops."""
    panels: dict[str, list[Arm]] = {}
    for arm in material.arms:
        panels.setdefault(material.recipes[arm.name].model.kind, []).append(arm)
    if len(material.arms) <= ONE_PANEL:
        panels = {"": list(material.arms)}
    diverged = int((material.counts.status == "diverged").sum())
    notes = [
        "Line: mean over seeds; band: lowest to highest seed. Training error is over the augmented batches since the "
        "evaluation before. Dotted vertical lines: the learning rate drops.",
        material.sizes(),
    ]
    if diverged:
        notes.insert(1, "Thin lines that end in a cross: runs that diverged, in neither mean nor band.")
    handles = [_handle(material, arm) for arm in material.arms]
    handles += [
        Line2D([], [], color=INK, label="test error"),
        Line2D([], [], color=INK, linestyle=TRAIN_DASHES, linewidth=1.0, label="training error"),
    ]
    width = (6.0 if len(panels) == 1 else 3.9 * len(panels)) + legend_width([str(h.get_label()) for h in handles])
    figure = sheet(material, "Training and test error by iteration", notes, width, 3.9)
    all_axes: list[Axes] = list(figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0])
    shown: list[pd.DataFrame] = []
    for axes, (name, arms) in zip(all_axes, panels.items(), strict=True):
        for drop in sorted({drop for arm in arms for drop in material.recipes[arm.name].schedule.drops}):
            axes.axvline(drop, color=FAINT, linewidth=0.9, linestyle=":", zorder=1, gid=f"drop:{drop}")
        for arm in arms:
            shown += _draw_arm(axes, material, arm)
        axes.set_title(name if len(panels) > 1 else "", loc="left")
        axes.set_xlabel("iteration")
        bare(axes, "y")
    end = max(recipe.schedule.iterations for recipe in (material.recipes[arm.name] for arm in material.arms))
    all_axes[0].set_xlim(0, 1.015 * end)
    all_axes[0].xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: f"{x / 1000:g}k" if x and end > 5000 else f"{x:g}")
    )
    all_axes[0].set_ylim(*y_range(shown, end))
    all_axes[0].yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
    all_axes[0].set_ylabel("error (%)")
    beside(all_axes[-1], handles)
    return figure


def _draw_arm(axes: Axes, material: Material, arm: Arm) -> list[pd.DataFrame]:
    """Draw the arm; its errors as frames with columns low, mean and high by iteration."""
    style = arm_look(material, arm)
    drawn = []
    by_seed = material.metrics(arm, "done")
    for kind, dashes, width in (("train", TRAIN_DASHES, 1.0), ("test", "-", 1.5)):
        if not by_seed:
            break
        errors = pd.DataFrame({seed: error(rows, kind) for seed, rows in by_seed.items()})
        over_seeds = pd.DataFrame({"low": errors.min(axis=1), "mean": errors.mean(axis=1), "high": errors.max(axis=1)})
        axes.plot(
            over_seeds.index,
            over_seeds["mean"],
            color=style.colour,
            linestyle=dashes,
            linewidth=width,
            marker=_marker(material, arm),
            markevery=1 if len(over_seeds) <= FEW else len(over_seeds) // MARKS,
            markersize=4 if kind == "test" else 3,
            zorder=3,
            gid=f"{kind}:{arm.name}",
        )
        axes.fill_between(
            over_seeds.index,
            over_seeds["low"],
            over_seeds["high"],
            color=style.colour,
            alpha=0.2,
            linewidth=0,
            zorder=2,
            gid=f"{kind}-band:{arm.name}",
        )
        drawn.append(over_seeds)
    for seed, rows in material.metrics(arm, "diverged").items():
        lost = error(rows, "test")
        axes.plot(lost.index, lost, color=style.colour, linewidth=0.7, zorder=2, gid=f"diverged:{arm.name}:{seed}")
        axes.plot(lost.index[-1:], lost.iloc[-1:].clip(upper=100), "x", color=style.colour, markersize=6, zorder=4)
    return drawn


def error(rows: pd.DataFrame, kind: str) -> pd.Series:
    """Training or test error (%) by iteration, from the rows of a metrics.csv."""
    by_iteration = rows.set_index("iteration")
    return by_iteration.test_error if kind == "test" else 100 - by_iteration.train_accuracy


def y_range(curves: list[pd.DataFrame], end: int) -> tuple[float, float]:
    """(low, high) in % that shows all but the first quarter of training, and that as far as it then fits.

    The papers cut at 20 %, which is what their networks give here; curves that never get low are shown whole.
    """
    if not curves:
        return 0, 100
    late = max(float(curve["high"][curve.index > end / 4].max()) for curve in curves)
    lowest = min(float(curve["low"].min()) for curve in curves)
    highest = max(float(curve["high"].max()) for curve in curves)
    top = highest if highest <= 1.6 * late else late
    step = 5 if top <= 50 else 10
    bottom = 0 if lowest < 0.5 * top else step * floor((lowest - 1) / step)
    return bottom, min(100, step * ceil(top / step))


def _marker(material: Material, arm: Arm) -> str:
    """Marks a short curve's evaluations, and a long one where its colour is another arm's too."""
    style, recipe = arm_look(material, arm), material.recipes[arm.name]
    few = recipe.schedule.iterations <= FEW * recipe.evaluate_every
    return style.marker if style.again or few else ""


def _handle(material: Material, arm: Arm) -> Line2D:
    style = arm_look(material, arm)
    n = len(material.runs(arm))
    label = f"{arm.label} (n = {n})"
    return Line2D([], [], color=style.colour, marker=_marker(material, arm), markersize=5, linewidth=2.2, label=label)
