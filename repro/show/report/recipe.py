"""A recipe in words: what the arms of an experiment share, what sets each apart, what it costs, on what it ran."""

from typing import Any

from repro import records
from repro.durations import duration
from repro.show.report.document import Table, Text, cells
from repro.show.report.gather import Part
from repro.show.tables import hardware_notes
from repro.spec import StatedRecipe
from repro.wording import plural

GROUPS = ("model", "optimizer", "schedule")
SAME = "as shared"


def _flat(recipe: StatedRecipe, stated_only: bool = False) -> dict[str, Any]:
    """Dotted keys; `stated_only`: without what is left at its default."""
    return records.flat(recipe.model_dump(mode="json", exclude_defaults=stated_only))


def _differing(recipes: list[dict[str, Any]]) -> list[str]:
    """The keys that some two recipes differ in, in the order of the schema."""
    keys = dict.fromkeys(key for recipe in recipes for key in recipe)
    return [key for key in keys if any(r.get(key) != recipes[0].get(key) for r in recipes)]


def shared(part: Part) -> Table:
    """The settings that all arms have in common at full scale, grouped."""
    recipes = [_flat(arm.recipe) for arm in part.experiment.arms]
    differing = _differing(recipes)
    grouped: dict[str, list[str]] = {"data and training": [], **{group: [] for group in GROUPS}}
    for key, value in recipes[0].items():
        group, _, rest = key.partition(".")
        if key not in differing and value is not None:
            grouped[group if rest else "data and training"].append(setting(rest or key, value))
    rows = tuple(cells(group, ", ".join(settings)) for group, settings in grouped.items() if settings)
    return Table(f"What all arms of {part.name} share", ("", "setting"), rows)


def arms(part: Part) -> Table:
    """An arm a row, with its settings of the keys that differ between arms."""
    recipes = {arm.name: _flat(arm.recipe) for arm in part.experiment.arms}
    differing = _differing(list(recipes.values()))
    rows = []
    for arm in part.experiment.arms:
        own, stated = recipes[arm.name], _flat(arm.recipe, stated_only=True)
        # a key that only one family of networks or optimizers has is worth a word where it is not at its default
        told = [key for key in differing if key in own and (all(key in r for r in recipes.values()) or key in stated)]
        rows.append(cells(arm.label, ", ".join(setting(key, own[key]) for key in told) or SAME))
    return Table(f"What sets the arms of {part.name} apart", ("arm", "its own settings"), tuple(rows))


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
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- cost ------------------------------------------------------------------------------------------------------------


def cost(part: Part) -> list[Text]:
    """The hours of the runs that count, on what hardware, and what the spec expects."""
    told: list[Text] = []
    runs = part.counted
    if len(runs):
        taken = int((runs.trained_as != "").sum())
        beside = f", {taken} taken over from another experiment" if taken else ""
        own = plural(len(runs) - taken, "run")
        told.append((f"Recorded: {duration(records.seconds_trained(runs))} over {own}{beside}.",))
        told += [(f"{line}.",) for line in hardware_notes(runs)]
    if part.full:
        for entry in part.experiment.costs:
            each = ", ".join(f"{part.label(arm)} {duration(60 * m)}" for arm, m in entry.minutes.items())
            told.append((f"Expected a run on {entry.hardware}: {each} ({entry.source}).",))
    return told
