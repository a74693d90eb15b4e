"""The power of an experiment's claims as text and JSON. Simulates nothing."""

import json
from dataclasses import asdict

from repro.claims.power import DECIDABLE, Power
from repro.claims.rules.plan import DRAWS, MOST_SEEDS, POWER
from repro.spec import Experiment


def as_text(experiment: Experiment, found: list[Power], times: list[str]) -> str:
    """One line per claim, then what is not decidable. `times`: one line per hardware."""
    lines = [
        f"{experiment.name}: chance of “reproduced” by each look if the published values are true "
        f"({DRAWS:,} draws, no Holm); seeds per arm for {100 * POWER:.0f}% at a single look"
    ]
    planned = [each for each in found if each.planned]
    width = max((len(each.claim.id) for each in planned), default=0)
    lines += [f"  {each.claim.id:{width}}  {_chances(each)}; {_needed(each)}" for each in planned]
    if bad := [each.claim.id for each in planned if not each.decidable]:
        lines.append(f"not decidable at the planned n (below {100 * DECIDABLE:.0f}%): {', '.join(bad)}")
    if other := [f"{each.claim.id} ({each.claim.kind})" for each in found if not each.planned]:
        lines.append(f"not planned, as the kind states no true value to plan by: {', '.join(other)}")
    return "\n".join([*lines, *times])


def _chances(each: Power) -> str:
    shown = ", ".join(f"n = {c.n}: {100 * c.reproduced:.0f}%" for c in each.chances) or "no look"
    sds = sorted({f"{sd:.2f}" for sd in each.sds})
    return f"{shown} (sd {' and '.join(sds)})"


def _needed(each: Power) -> str:
    return f"{each.seeds_needed} seeds" if each.seeds_needed else f"over {MOST_SEEDS} seeds"


def as_json(experiment: Experiment, found: list[Power], times: list[str]) -> str:
    rows = [
        {
            "id": each.claim.id,
            "kind": each.claim.kind,
            "primary": each.claim.primary,
            "planned": each.planned,
            "true_means": each.means,
            "sds": each.sds,
            "looks": [asdict(chance) for chance in each.chances],
            "decidable": each.decidable if each.planned else None,
            "seeds_needed": each.seeds_needed,
        }
        for each in found
    ]
    return json.dumps({"experiment": experiment.name, "draws": DRAWS, "claims": rows, "time_left": times}, indent=1)


def undecided(experiment: str, found: list[Power]) -> list[str]:
    """The claims that these seeds cannot decide, or hardly, one line each; none for kinds that cannot be planned."""
    return [f"{experiment}/{each.claim.id}: {_chances(each)}" for each in found if each.planned and not each.decidable]
