"""The power of an experiment's claims as text and JSON. Simulates nothing."""

import json
from dataclasses import asdict, dataclass

from rich.console import RenderableType

from repro.claims.power import DECIDABLE, Power
from repro.claims.rules.plan import DRAWS, MOST_SEEDS, POWER
from repro.show import terminal
from repro.show.layout import Column
from repro.spec import Experiment


@dataclass(frozen=True)
class Expected:
    """The time that `runs` of the runs left take one after the other on one hardware."""

    hardware: str
    runs: int
    seconds: int


@dataclass(frozen=True)
class TimeLeft:
    """The full-scale runs of `seeds` seeds per arm that are done and left, with the time left, also as `text`."""

    seeds: int
    done: int
    left: int
    damaged: int
    expected: list[Expected]
    text: str


def as_text(experiment: Experiment, found: list[Power], times: TimeLeft, width: int) -> str:
    """For a terminal: a row per claim that can be planned, then what is not decidable, and the time left."""
    planned = [each for each in found if each.planned]
    parts: list[RenderableType] = [
        terminal.text(
            f"{experiment.name}: chance of “reproduced” by each look if the published values are true "
            f"({DRAWS:,} draws, no Holm); seeds per arm for {100 * POWER:.0f}% at a single look",
            width,
        )
    ]
    if planned:
        parts += [*terminal.tables(_columns(planned), width), ""]
    if bad := [each.claim.id for each in planned if not each.decidable]:
        line = f"not decidable at the planned n (below {100 * DECIDABLE:.0f}%): {', '.join(bad)}"
        parts.append(terminal.text(line, width))
    if other := [f"{each.claim.id} ({each.claim.kind})" for each in found if not each.planned]:
        line = f"not planned, as the kind states no true value to plan by: {', '.join(other)}"
        parts.append(terminal.text(line, width))
    return terminal.printed([*parts, terminal.text(times.text, width)], width)


def _columns(planned: list[Power]) -> list[Column]:
    looks = sorted({chance.n for each in planned for chance in each.chances})
    return [
        Column("claim", [each.claim.id for each in planned], words=True),
        *(Column(f"n = {n}", [_at(each, n) for each in planned]) for n in looks),
        Column("sd", [_sds(each) for each in planned]),
        Column(f"seeds for {100 * POWER:.0f}%", [_needed(each) for each in planned]),
    ]


def _at(each: Power, n: int) -> str:
    return next((f"{100 * chance.reproduced:.0f}%" for chance in each.chances if chance.n == n), "")


def _sds(each: Power) -> str:
    return " and ".join(sorted({f"{sd:.2f}" for sd in each.sds}))


def _needed(each: Power) -> str:
    return str(each.seeds_needed) if each.seeds_needed else f"over {MOST_SEEDS}"


def as_json(experiment: Experiment, found: list[Power], times: TimeLeft) -> str:
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
    left = asdict(times)
    del left["text"]
    return json.dumps({"experiment": experiment.name, "draws": DRAWS, "claims": rows, "time_left": left}, indent=1)


def undecided(experiment: str, found: list[Power]) -> list[str]:
    """The claims that these seeds cannot decide, or hardly, one line each; none for kinds that cannot be planned."""
    return [f"{experiment}/{each.claim.id}: {_chances(each)}" for each in found if each.planned and not each.decidable]


def _chances(each: Power) -> str:
    shown = ", ".join(f"n = {c.n}: {100 * c.reproduced:.0f}%" for c in each.chances) or "no look"
    return f"{shown} (sd {_sds(each)})"
