"""Several looks at growing data: the p over the looks, and the level that each look may use.

A(p) is the chance that, without a true difference, the smallest two-sided p of a t test on one sample over the planned
looks is at most p. looks.json holds it for the looks of the shipped experiments, from 4,000,000 draws; for other looks
it is computed once per process, from a tenth of them. `python -m repro.claims.stats.looks 3,5 3,5,10` prints the file.
"""

import json
import sys
from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
import scipy
from numpy.typing import NDArray

SEED = 20261127
DRAWS = 4_000_000
FEWER = 400_000
NUMBERS_AT_ONCE = 1_000_000
GRID = np.logspace(-6, 0, 301)  # the p at which A is stored; between them, its logarithm is interpolated


def over_looks(p: float, looks: Sequence[int]) -> float:
    """A(p); p itself for fewer than two looks. Below 1e-6 it is A(1e-6)."""
    if len(looks) < 2:
        return p
    return float(np.exp(np.interp(np.log(max(p, GRID[0])), np.log(GRID), _log_chances(tuple(looks)))))


def level(alpha: float, looks: Sequence[int]) -> float:
    """The largest p for which A(p) is at most `alpha`."""
    if len(looks) < 2:
        return alpha
    return float(np.exp(np.interp(np.log(alpha), _log_chances(tuple(looks)), np.log(GRID))))


def hits(looks: Sequence[int], draws: int) -> list[int]:
    """In how many of `draws` the smallest p over the looks is at most each p of GRID."""
    rng, found = np.random.default_rng(SEED), np.zeros(GRID.size, int)
    left = draws
    while left:
        x = rng.standard_normal((min(left, max(1, NUMBERS_AT_ONCE // looks[-1])), looks[-1]))
        t = [np.sqrt(n) * x[:, :n].mean(1) / x[:, :n].std(1, ddof=1) for n in looks]
        smallest = np.min([2 * scipy.special.stdtr(n - 1, -abs(v)) for n, v in zip(looks, t, strict=True)], axis=0)
        found += np.searchsorted(np.sort(smallest), GRID, side="right")
        left -= len(x)
    return [int(count) for count in found]


@cache
def stored() -> dict[tuple[int, ...], list[int]]:
    """Looks -> hits of DRAWS draws, as in looks.json."""
    content = json.loads(resources.files(__package__).joinpath("looks.json").read_text(encoding="utf-8"))
    return {tuple(map(int, looks.split(","))): counts for looks, counts in content.items()}


@cache
def _log_chances(looks: tuple[int, ...]) -> NDArray[np.float64]:
    known = stored().get(looks)
    counts, draws = (known, DRAWS) if known else (hits(looks, FEWER), FEWER)
    found: NDArray[np.float64] = np.log((np.array(counts) + 1) / (draws + 1))
    return found


if __name__ == "__main__":
    tables = {text: hits([int(n) for n in text.split(",")], DRAWS) for text in sys.argv[1:]}
    print("{\n" + ",\n".join(f'"{text}": {json.dumps(counts)}' for text, counts in tables.items()) + "\n}")
