"""Durations: parsing ("25m") and formatting ("3 h 05 min")."""

import re

from repro.errors import UserError

UNITS = {"s": 1, "m": 60, "h": 3600}


def parse(text: str) -> float:
    """ "90s", "25m", "2h" -> seconds; a bare number is seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not match or not float(match[1]):
        raise UserError(f"time {text!r} is not allowed; allowed: a number above 0, then s, m or h, such as 25m")
    return float(match[1]) * UNITS[match[2] or "s"]


def duration(seconds: float) -> str:
    """45 s, 12 min, 3 h 05 min, 2 d 4 h."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
