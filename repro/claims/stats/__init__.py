"""Estimates, intervals and tests for per-seed test errors: numbers in, numbers out.

Imports no torch; simulates with fixed generators only. Verdicts are in `repro.claims.rules`.
Specs import this, so scipy's modules are loaded on first use: `scipy.special` takes a quarter of a second.
Units: test errors in % of images, differences in points of test error, probabilities in [0, 1].

| file | what it holds |
|---|---|
| `student.py` | means, differences, their intervals and predictions, all by Student's t |
| `p_values.py` | p values of a difference, by Student's t: zero, above or below a bound, inside or outside a margin |
| `looks.py`, `looks.json` | several looks at growing data: the p over the looks, the level per look |
| `draws.py` | draws of normal samples, look by look, to simulate a rule by |
| `effect.py` | effect sizes: Hedges' g, P(A > B) |
| `exact.py` | tests that do not assume normal errors: ranks, diverged runs, McNemar |
| `multiple.py` | several tests at once: Holm, order claims |
| `gap.py` | what other readings of a recipe change, and how far that explains a gap to a printed number |

Student's t assumes independent seeds with roughly normal errors. Diverged runs violate that; `exact.py` handles them.
"""

from repro.claims.stats.draws import Drawn, Sample, samples
from repro.claims.stats.effect import hedges_g, probability_greater
from repro.claims.stats.exact import McNemar, divergence_p, divergence_rates_p, mcnemar, rank_test, rank_test_floor
from repro.claims.stats.gap import Effect, Printed, effect, gap, total
from repro.claims.stats.looks import level, over_looks
from repro.claims.stats.multiple import holm
from repro.claims.stats.p_values import Measured, above_p, below_p, inside_p, outside_p, zero_p
from repro.claims.stats.student import (
    Difference,
    Estimate,
    Interval,
    Summary,
    estimate,
    one_sample,
    paired,
    paired_values,
    prediction_interval,
    satterthwaite,
    summarize,
    welch,
    welch_prediction_interval,
)

__all__ = [
    "Difference",
    "Drawn",
    "Effect",
    "Estimate",
    "Interval",
    "McNemar",
    "Measured",
    "Printed",
    "Sample",
    "Summary",
    "above_p",
    "below_p",
    "divergence_p",
    "divergence_rates_p",
    "effect",
    "estimate",
    "gap",
    "hedges_g",
    "holm",
    "inside_p",
    "level",
    "mcnemar",
    "one_sample",
    "outside_p",
    "over_looks",
    "paired",
    "paired_values",
    "prediction_interval",
    "probability_greater",
    "rank_test",
    "rank_test_floor",
    "samples",
    "satterthwaite",
    "summarize",
    "total",
    "welch",
    "welch_prediction_interval",
    "zero_p",
]
