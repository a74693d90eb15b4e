"""What an arm's deviations are worth, as rows for the terminal, the report and the figure, and as JSON."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import RenderableType

from repro.claims import why
from repro.claims.deviations import AFTERWARDS
from repro.claims.rules import arm_text
from repro.claims.stats import Effect
from repro.claims.why import Change, Explanation
from repro.numbers import points, published, span
from repro.show import terminal
from repro.show.layout import Column
from repro.spec import Deviation


@dataclass(frozen=True)
class Row:
    """`name`: the deviation's id or the kind of the row. `says`: the deviation, or how the number is made."""

    kind: Literal["deviation", "sum", "gap", "unexplained"]
    name: str
    says: str
    effect: Effect | None

    @property
    def number(self) -> str:
        """+0.52 [+0.31, +0.73]"""
        if not self.effect:
            return "not measured"
        return " ".join([points(self.effect.points), *([span(self.effect.interval)] if self.effect.interval else [])])

    @property
    def n(self) -> str:
        return why.count(self.effect) if self.effect else ""


def rows(found: Explanation) -> list[Row]:
    """A row per deviation; then the sum, the gap and what is unexplained, where there are any."""
    listed = [Row("deviation", c.other.id, _says(c.other.deviation), c.effect) for c in found.changes]
    if found.total and sum(c.effect is not None for c in found.changes) > 1:
        listed.append(Row("sum", "sum", "of the measured effects", found.total))
    if found.gap:
        listed.append(Row("gap", "gap", "ours - printed", found.gap))
    if found.unexplained:
        listed.append(Row("unexplained", "unexplained", "gap + sum", found.unexplained))
    return listed


def _says(deviation: Deviation) -> str:
    return f"{deviation.what} ({AFTERWARDS})" if deviation.afterwards else deviation.what


def conclusion(found: Explanation) -> str:
    """What is left of the gap, in a sentence; "" without a gap or a measured effect."""
    if not (found.gap and found.unexplained):
        return ""
    becomes = f"With every measured effect added, the gap of {points(found.gap.points)} points becomes "
    left = becomes + points(found.unexplained.points)
    interval = found.unexplained.interval
    if interval is None:
        return f"{left}; an interval takes two seeds that have every reading."
    left = f"{left} {span(interval)}"
    if not found.within_seed_noise:
        return f"{left}, more than seed noise: the interval excludes 0."
    if interval.holds(found.gap.points):
        return f"{left}: within seed noise, but so is the whole gap; more seeds would tell."
    return f"{left}, within seed noise: the interval includes 0."


def numbers(found: Explanation) -> str:
    """Our error and the printed one: ResNet-20 8.25 ± 0.30 % (n = 4), printed 8.75 %."""
    number = found.published
    if not number:
        return arm_text(found.ours)
    return f"{arm_text(found.ours)}, printed {published(number.test_error, number.sd, number.runs, number.statistic)} %"


def as_text(experiment: str, found: Explanation, width: int) -> str:
    """For a terminal of `width` columns."""
    effect = "effect [95% interval]" if found.scale.is_full else "effect"
    listed = rows(found)
    columns = [
        Column("deviation", [row.name for row in listed], words=True),
        Column("what", [row.says for row in listed], words=True),
        Column(effect, [row.number for row in listed]),
        Column("n", [row.n for row in listed]),
    ]
    deviations = sum(row.kind == "deviation" for row in listed)
    below = filter(None, [conclusion(found), *(f"- {note}" for note in why.notes(found))])
    parts: list[RenderableType] = [
        terminal.text(f"{experiment}: what the deviations of {found.arm.label} are worth", width, style="bold"),
        terminal.text(f"{found.scale.heading}. Test error, {numbers(found)}.", width),
        terminal.text("Effects: other reading - stated recipe, in points, mean over seeds.", width),
        *terminal.tables(columns, width, ruled=[deviations - 1]),
        "",
        *(terminal.text(line, width) for line in below),
    ]
    return terminal.printed(parts, width)


def as_json(experiment: str, found: Explanation, trained: dict[str, Any] | None = None) -> str:
    """`trained`: how the runs of the command ended, if it trained any."""
    number = found.published
    content = {
        "experiment": experiment,
        "arm": found.arm.name,
        "scale": str(found.scale),
        "ours": dict(found.ours.errors),
        "published": number.model_dump(mode="json") if number else None,
        "deviations": [_change(change) for change in found.changes],
        "sum": _effect(found.total),
        "gap": _effect(found.gap),
        "unexplained": _effect(found.unexplained),
        "within_seed_noise": found.within_seed_noise,
        "notes": why.notes(found),
    }
    return json.dumps(content | ({"training": trained} if trained else {}), indent=1, ensure_ascii=False)


def _change(change: Change) -> dict[str, Any]:
    return {
        "id": change.other.id,
        "what": change.other.deviation.what,
        "arm": change.other.arm.name,
        "errors": dict(change.errors.errors),
        "diverged": change.errors.diverged,
        "effect": _effect(change.effect),
    }


def _effect(effect: Effect | None) -> dict[str, Any] | None:
    if not effect:
        return None
    interval = [effect.interval.low, effect.interval.high] if effect.interval else None
    return {"points": effect.points, "interval": interval, "n": list(effect.n)}
