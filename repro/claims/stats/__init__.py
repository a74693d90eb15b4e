"""Estimates, intervals, tests and power for per-seed test errors: numbers in, numbers out.

Reads no files, draws no random numbers, imports no torch. Verdicts are in `repro.claims.rules`.
Specs import this, so scipy's modules are loaded on first use: `scipy.special` takes a quarter of a second.
Units: test errors in % of images, differences in points of test error, probabilities in [0, 1].

| file | what it holds |
|---|---|
| `student.py` | means, differences, their intervals, predictions and TOST, all by Student's t |
| `effect.py` | effect sizes: Hedges' g, P(A > B) |
| `exact.py` | tests that do not assume normal errors: ranks, diverged runs, McNemar |
| `multiple.py` | several tests at once: Holm, order claims |
| `power.py` | seeds needed |
| `gap.py` | what other readings of a recipe change, and how far that explains a gap to a printed number |

Student's t assumes independent seeds with roughly normal errors. Diverged runs violate that; `exact.py` handles them.
"""

from repro.claims.stats.effect import hedges_g, probability_greater
from repro.claims.stats.exact import McNemar, divergence_p, divergence_rates_p, mcnemar, rank_test, rank_test_floor
from repro.claims.stats.gap import Effect, Printed, effect, gap, total
from repro.claims.stats.multiple import holm, order_p
from repro.claims.stats.power import MOST_SEEDS, POWER, seeds_for_difference, seeds_for_equivalence
from repro.claims.stats.student import (
    Difference,
    Estimate,
    Interval,
    Summary,
    Tost,
    estimate,
    one_sample,
    paired,
    paired_values,
    prediction_interval,
    summarize,
    welch,
    welch_prediction_interval,
)

__all__ = [
    "MOST_SEEDS",
    "POWER",
    "Difference",
    "Effect",
    "Estimate",
    "Interval",
    "McNemar",
    "Printed",
    "Summary",
    "Tost",
    "divergence_p",
    "divergence_rates_p",
    "effect",
    "estimate",
    "gap",
    "hedges_g",
    "holm",
    "mcnemar",
    "one_sample",
    "order_p",
    "paired",
    "paired_values",
    "prediction_interval",
    "probability_greater",
    "rank_test",
    "rank_test_floor",
    "seeds_for_difference",
    "seeds_for_equivalence",
    "summarize",
    "total",
    "welch",
    "welch_prediction_interval",
]
