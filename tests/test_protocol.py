"""Which published numbers may be compared with ours."""

from typing import Any

import pytest

from repro.claims.protocol import mismatches
from repro.spec import Published


@pytest.mark.parametrize(
    ("number", "metric", "found"),
    [
        ({}, "final", []),
        ({"selection": "final"}, "final", []),
        ({"selection": "best-test"}, "final", ["selected: best-test"]),
        ({"selection": "best-validation"}, "final", ["selected: best-validation"]),
        ({"selection": "best-test"}, "best", []),
        ({"selection": "final"}, "best", ["selected: final"]),
        ({"same_protocol": False}, "final", ["different protocol"]),
        ({"selection": "best-validation"}, "best-validation", []),
        ({"dataset": "imagenet"}, "final", ["on imagenet, not comparable"]),
    ],
)
def test_what_keeps_a_number_from_being_compared(number: dict[str, Any], metric: str, found: list[str]) -> None:
    assert mismatches(Published(test_error=6.6, reference="he-2015", where="Table 1", **number), metric) == found
