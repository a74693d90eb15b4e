"""Small helpers for text: English words, and what must not be printed."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

ALLOWED = "\n\t"
FORBIDDEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, lone surrogates, separators of lines and paragraphs
DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # turn the text around that follows


def plural(number: int, noun: str) -> str:
    """1 run, 5 runs, 0 runs."""
    return f"{number} {noun}{'s' * (number != 1)}"


def listed(names: Sequence[str]) -> str:
    """The names with commas between them; with semicolons if a name has a comma."""
    return ("; " if any("," in name for name in names) else ", ").join(names)


def control_character(text: str) -> str:
    """The first character of `text` that must not be printed, as U+001B; "" if there is none."""
    for character in text:
        if character in ALLOWED or character.isascii() and character.isprintable():
            continue
        if character in DIRECTIONS or unicodedata.category(character) in FORBIDDEN:
            return f"U+{ord(character):04X}"
    return ""


def unprintable(content: Any, place: str = "") -> Iterator[str]:
    """One line per text in nested tables and lists that contains such a character: where, and which."""
    if isinstance(content, dict):
        for key, value in content.items():
            if found := control_character(key):
                yield f"a key of {place or 'the top level'} contains the control character {found}"
            else:
                yield from unprintable(value, f"{place}.{key}" if place else key)
    elif isinstance(content, list):
        for value in content:
            yield from unprintable(value, place)
    elif isinstance(content, str) and (found := control_character(content)):
        yield f"{place} contains the control character {found}"
