"""Small helpers for English text."""


def plural(number: int, noun: str) -> str:
    """1 run, 5 runs, 0 runs."""
    return f"{number} {noun}{'s' * (number != 1)}"
