"""A random test: a few dozen cases by default, and with --fuzz-cases as many as one likes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy

ROUND = 500  # cases that hypothesis draws at a time: it slows down with their number

Fuzz = Callable[[SearchStrategy[Any], Callable[[Any], None]], None]


def fuzzer(request: pytest.FixtureRequest, record_property: Callable[[str, object], None], quick: int) -> Fuzz:
    """fuzz(strategy, check): calls `check` with `quick` random cases, or as many as --fuzz-cases asks for.

    The cases are the same on every machine: the rounds have the seeds 0, 1, 2, ... A failing case is shrunk and shown.
    """
    least = request.config.getoption("--fuzz-cases")

    def fuzz(strategy: SearchStrategy[Any], check: Callable[[Any], None]) -> None:
        cases = 0

        def counted(case: Any) -> None:
            nonlocal cases
            cases += 1
            check(case)

        def round_of(examples: int, number: int) -> None:
            limits = settings(
                max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            limits(seed(number)(given(strategy)(counted)))()

        round_of(quick, 0)
        number = 1
        while cases < least:
            round_of(min(ROUND, least - cases), number)
            number += 1
        record_property("cases", cases)

    return fuzz


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Where each value of a tree of tables and lists stands, as a container and a key."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)
