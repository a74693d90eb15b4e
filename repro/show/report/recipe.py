"""An experiment's recipe and cost: settings that all arms share, settings that differ, hours and hardware."""

from typing import Any

from repro import records
from repro.durations import duration
from repro.show.report.document import Table, Text, cells
from repro.show.report.load import Part
from repro.show.tables import hardware_notes
from repro.spec import StatedRecipe
from repro.wording import plural

GROUPS = ("model", "weights", "optimizer", "schedule")
SAME = "as shared"


def _flat(recipe: StatedRecipe, stated_only: bool = False) -> dict[str, Any]:
    """The recipe with dotted keys. `stated_only`: without settings left at their default."""
    return records.flatten(recipe.model_dump(mode="json", exclude_defaults=stated_only))


def _differing(recipes: list[dict[str, Any]]) -> list[str]:
    """The keys in which the recipes differ, in the order of the schema."""
    keys = dict.fromkeys(key for recipe in recipes for key in recipe)
    return [key for key in keys if any(r.get(key) != recipes[0].get(key) for r in recipes)]


def shared(part: Part) -> Table:
    """The settings that all arms share at full scale, grouped."""
    recipes = [_flat(arm.recipe) for arm in part.experiment.arms]
    differing = _differing(recipes)
    grouped: dict[str, list[str]] = {"data and training": [], **{group: [] for group in GROUPS}}
    for key, value in recipes[0].items():
        group, _, rest = key.partition(".")
        if key not in differing and value is not None:
            known = group in GROUPS
            grouped[group if known else "data and training"].append(setting(rest if known else key, value))
    rows = tuple(cells(group, ", ".join(settings)) for group, settings in grouped.items() if settings)
    return Table(f"What all arms of {part.name} share", ("", "setting"), rows)


def arms(part: Part) -> Table:
    """One row per arm, with the settings that differ between arms."""
    recipes = {arm.name: _flat(arm.recipe) for arm in part.experiment.arms}
    differing = _differing(list(recipes.values()))
    rows = []
    for arm in part.experiment.arms:
        own, stated = recipes[arm.name], _flat(arm.recipe, stated_only=True)
        # a key that only one family of networks or optimizers has is shown only if it is not at its default
        shown = [key for key in differing if key in own and (all(key in r for r in recipes.values()) or key in stated)]
        rows.append(cells(arm.label, ", ".join(setting(key, own[key]) for key in shown) or SAME))
    return Table(f"What sets the arms of {part.name} apart", ("arm", "own settings"), tuple(rows))


def setting(key: str, value: Any) -> str:
    """ "optimizer.lr", 0.1 -> "optimizer.lr 0.1"; large numbers with commas, lists with "and"."""
    if isinstance(value, list):
        return f"{key} {' and '.join(map(_plain, value)) or 'none'}"
    return f"{key} {_plain(value)}"


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):  # an augmentation
        own = ", ".join(f"{key} {_plain(each)}" for key, each in value.items() if key != "name")
        return f"{value['name']} ({own})"
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- cost ------------------------------------------------------------------------------------------------------------


def cost(part: Part) -> list[Text]:
    """The hours and hardware of the counted runs, and the cost that the spec expects."""
    notes: list[Text] = []
    runs = part.counted
    if len(runs):
        taken = int((runs.trained_as != "").sum())
        reused = f", {taken} reused from another experiment" if taken else ""
        own = plural(len(runs) - taken, "run")
        notes.append((f"Recorded: {duration(records.seconds_trained(runs))} over {own}{reused}.",))
        notes += [(f"{line}.",) for line in hardware_notes(runs)]
    if part.full:
        for entry in part.experiment.costs:
            each = ", ".join(f"{part.label(arm)} {duration(60 * m)}" for arm, m in entry.minutes.items())
            notes.append((f"Expected per run on {entry.hardware}: {each} ({entry.source}).",))
    return notes
