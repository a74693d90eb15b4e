"""The kinds of claims, one file each: the fields in a spec, the rule, the words. `KINDS` lists them.

A rule takes per-seed errors and plain numbers and returns a `Verdict` with outcome, reason, notes and numbers. The
arithmetic is in `repro.claims.stats`; specs and records are not read here.
Units: test errors in % of images; differences, sizes and margins in points of test error.

| file | what it holds |
|---|---|
| `claim.py` | `Claim`, the interface of a kind, with the fields that all kinds share |
| `published.py`, `metrics.py` | a published number; what a claim may be about |
| `levels.py` | `Levels`: alpha, shared by a claim's looks and by several tests of one claim |
| `model.py` | `ArmErrors`, `Verdict` |
| `plan.py` | `Plan`: what a kind's rule is simulated from; the chance of a verdict, the seeds needed |
| `reasons.py`, `words.py` | the reasons for a verdict and the notes on it; words that several kinds share |
| `value.py`, `bound.py`, `curve.py` | the kinds that compare an arm with a published number, bound or curve |
| `difference.py`, `order.py`, `equality.py` | the kinds that compare arms: one is better; the difference is too small to matter |
| `worst_classes.py` | the kind that compares the classes of one arm |
| `pair.py` | what all rules on two arms start from: their difference, or why there is none |

docs/statistics.md holds the rules in words and is binding. What each file adds to it:

- A kind's p values are functions of one difference or of many (`stats.Measured`), so that the rule that judges is the
  rule that is simulated. "Reproduced" and "not reproduced" each have a p, and it decides at `Levels.t`.
- `Levels.of` is the number of tests any one of which refutes: the pairs of an order, the points of a curve.
- With no run or one there is no verdict. One refuted step refutes an order, even if other steps have no verdict.
- Without spread (all seeds gave the same error, or all pairs the same difference) there is no verdict. An interval of
  zero width would decide anything, and the usual cause is a seed that has no effect, not a noiseless network.
- Diverged runs count, since leaving them out would be selection, but have no error for a t-interval. Exact tests on
  ranks, rates or counts stand in (`stats.exact`), at `Levels.exact`.
- A paired claim uses the seeds that both arms have, and the sentence counts the others.
- Seeds needed assume a true difference equal to the size or else the margin (difference), the margin (order) or zero
  (the others), never the one observed.
"""  # noqa: E501 (tables)

from repro.claims.rules.bound import Bound, judge_bound
from repro.claims.rules.claim import Claim, Design, Evidence, When
from repro.claims.rules.curve import Curve, judge_curve
from repro.claims.rules.difference import Difference, judge_difference
from repro.claims.rules.equality import Equivalence, NonInferiority, judge_equivalence, judge_non_inferiority
from repro.claims.rules.levels import Levels
from repro.claims.rules.metrics import METRICS, TEST_ERRORS
from repro.claims.rules.model import DECIDED, VERDICTS, ArmErrors, Lean, Outcome, Verdict
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
    "VERDICTS",
    "KINDS",
    "METRICS",
    "TEST_ERRORS",
    "ArmErrors",
    "Claim",
    "Design",
    "Evidence",
    "Lean",
    "Levels",
    "Outcome",
    "Published",
    "Verdict",
    "When",
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
