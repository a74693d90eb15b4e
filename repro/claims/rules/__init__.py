"""The kinds of claims, one file each: the fields in a spec, the rule, the words. `KINDS` lists them.

A rule takes per-seed errors and plain numbers and returns a `Verdict` with outcome, reason, notes and numbers. The
arithmetic is in `repro.claims.stats`; specs and records are not read here.
Units: test errors in % of images; differences, sizes and margins in points of test error.

| file | what it holds |
|---|---|
| `claim.py` | `Claim`, the interface of a kind, with the fields that all kinds share |
| `published.py`, `metrics.py` | a published number; what a claim may be about |
| `model.py` | `ArmErrors`, `Verdict`, Holm over an experiment's verdicts |
| `reasons.py`, `words.py` | the reasons for a verdict and the notes on it; words that several kinds share |
| `value.py`, `bound.py`, `curve.py` | the kinds that compare an arm with a published number, bound or curve |
| `difference.py`, `order.py`, `equality.py` | the kinds that compare arms: one is better; the difference is too small to matter |
| `worst_classes.py` | the kind that compares the classes of one arm |
| `pair.py` | what all rules on two arms start from: their difference, or why there is none |

These are the rules as computed today. docs/statistics.md holds version 2 and lists which of its rules are not implemented.

The rules at level alpha = 0.05; in general, 95% is 1 - alpha and 90% is 1 - 2 alpha.

| claim | reproduced | not reproduced |
|---|---|---|
| value | 90% interval of ours - published inside ±margin | 90% interval outside ±margin and the published number outside the 95% prediction interval |
| difference | 95% interval of worse - better above zero and, where the claim names a size, that inside the 95% prediction interval | 95% interval below zero or inside ±margin |
| order | every adjacent step is a reproduced difference | some step, or last - first, is not reproduced, at alpha / their number |
| equivalence | 90% interval of second - first inside ±margin | 90% interval outside ±margin |
| non-inferiority | 90% interval of second - first above -margin | 90% interval below -margin |
| bound | 90% interval of ours - bound on the claimed side of zero | 90% interval on the other side |
| curve | at every point, 90% interval of ours - published inside ±margin | at some point, at alpha / number of points, interval outside ±margin and the published number outside the prediction interval |
| worst-classes | 90% interval of lowest error of the named - highest of the others, per seed, above zero | 90% interval below zero |

Everything else is inconclusive. Each rule errs with probability alpha at most in either direction, a difference with
alpha/2 (with the truth at the margin; a true difference of zero; a published number drawn from our own runs). This is
exact for one sample and for pairs, and approximate for Welch: in simulations at n = 3 the error is 1.8 to 2.2% instead
of 2.5% if the sds differ by a factor of two or less, and 2.8% (5.6% instead of 5%) at a factor of four. An interval
that excludes zero does not refute an equivalence: with enough seeds, any true difference within the margin gives one.

Details:

- Significant but negligible: a difference above zero is reproduced even if it is shown to be within the margin, and
  the sentence says so. If the claim names a size and the runs contradict it, such a difference is not reproduced. A
  margin as large as the size is an error, because a true difference of that size would be called negligible.
- A named size must lie in the prediction interval for as many runs as the published number is over, since a mean of
  five runs varies less than a single run; a median counts as the mean of 2/pi as many.
- With no run or one there is no verdict. One refuted step refutes an order, even if other steps have no verdict.
- Without spread (all seeds gave the same error, or all pairs the same difference) there is no verdict. An interval of
  zero width would decide anything, and the usual cause is a seed that has no effect, not a noiseless network.
- Diverged runs count, since leaving them out would be selection, but have no error for a t-interval.
  A value is then never reproduced. It is not reproduced if, with the mean error at published + margin, this many runs
  would diverge with probability alpha at most (`stats.divergence_p`); a diverged run counts as a guess among the
  data set's classes. A difference is decided by exact ranks over all runs, diverged ones last, unpaired and without
  regard to its size. An equivalence or non-inferiority is never reproduced; it is not reproduced if the arms diverge at
  different rates, or the first at the higher one (Fisher).
- Missing runs (seeds that another arm of the claim has) do not delay a verdict. It is interim, and the sentence counts
  them.
- A paired claim uses the seeds that both arms have, and the sentence counts the others.
- Seeds needed assume a true difference equal to the size or else the margin (difference), the margin (order) or zero
  (the others), never the one observed.
"""  # noqa: E501 (tables)

from repro.claims.rules.bound import Bound, judge_bound
from repro.claims.rules.claim import Claim, Design, Evidence, When
from repro.claims.rules.curve import Curve, judge_curve
from repro.claims.rules.difference import Difference, judge_difference
from repro.claims.rules.equality import Equivalence, NonInferiority, judge_equivalence, judge_non_inferiority
from repro.claims.rules.metrics import METRICS, TEST_ERRORS
from repro.claims.rules.model import DECIDED, ArmErrors, Lean, Outcome, Verdict, adjust
from repro.claims.rules.order import Order, judge_order
from repro.claims.rules.published import Published
from repro.claims.rules.value import Value, judge_value
from repro.claims.rules.words import arm_text
from repro.claims.rules.worst_classes import WorstClasses, judge_worst_classes

KINDS: dict[str, type[Claim]] = {
    "value": Value,
    "difference": Difference,
    "order": Order,
    "equivalence": Equivalence,
    "non-inferiority": NonInferiority,
    "bound": Bound,
    "curve": Curve,
    "worst-classes": WorstClasses,
}

__all__ = [
    "DECIDED",
    "KINDS",
    "METRICS",
    "TEST_ERRORS",
    "ArmErrors",
    "Claim",
    "Design",
    "Evidence",
    "Lean",
    "Outcome",
    "Published",
    "Verdict",
    "When",
    "adjust",
    "arm_text",
    "judge_bound",
    "judge_curve",
    "judge_difference",
    "judge_equivalence",
    "judge_non_inferiority",
    "judge_order",
    "judge_value",
    "judge_worst_classes",
]
