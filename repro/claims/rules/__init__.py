"""Verdicts on claims: per-seed test errors and plain numbers in, a `Verdict` out: outcome, reason, notes, numbers.

Stays out: specs, records, tables, torch; the arithmetic is in `repro.claims.stats`, the sentences are in `repro.show.verdicts`.
Units: test errors in % of images; differences, sizes and margins in points of test error.

| file | what it holds |
|---|---|
| `model.py` | `ArmErrors`, `Verdict`, Holm over an experiment's verdicts |
| `reasons.py` | why a verdict came out as it did, and what stands beside it |
| `value.py`, `bound.py` | the rules on an arm against a published number, or a bound |
| `arms.py`, `equality.py` | the rules on arms against each other: one is better; none is, or not by enough to matter |
| `pair.py` | two arms before any rule: their difference, or what bars one |

These are the rules as they are computed today; docs/statistics.md holds version 2 and what of it is still to come.

The rules at level alpha = 0.05; another alpha makes 95% into 1 - alpha and 90% into 1 - 2 alpha.

| claim | reproduced | not reproduced |
|---|---|---|
| value | 90% interval of ours - published inside ±margin | 90% interval outside ±margin and the published number outside the 95% prediction interval |
| difference | 95% interval of worse - better above zero and, where the claim names a size, that inside the 95% prediction interval | 95% interval below zero or inside ±margin |
| order | every adjacent step is a reproduced difference | some step, or last - first, is not reproduced, at alpha / their number |
| equivalence | 90% interval of second - first inside ±margin | 90% interval outside ±margin |
| non-inferiority | 90% interval of second - first above -margin | 90% interval below -margin |
| bound | 90% interval of ours - bound above zero | 90% interval below zero |

The rest is inconclusive. Each rule errs with probability alpha at most in either direction, a difference with alpha/2
(the truth at the margin; a true difference of zero; a published number drawn from our own runs). That is exact for
one sample and pairs and approximate for Welch: by simulation at n = 3, 1.8 to 2.2% for 2.5% where the sds differ by a
factor of two or less, 2.8% (and 5.6% for 5%) at a factor of four. An equivalence is not refuted by an interval that
excludes zero: a true difference within the margin has one too, given seeds enough.

What else had to be decided:

- Significant and negligible. A difference above zero is reproduced even if it is shown to be within the margin, and
  the sentence says so. If the claim names a size and the runs contradict it, it is then not reproduced. A margin
  as large as the size is refused: a true difference of that size would be called negligible.
- A published number of five runs scatters less than one of a single run, so the prediction interval that a named size
  must lie in is that of as many runs; a median counts as the mean of 2/pi as many.
- No run, or one: no verdict. An order is refuted by a step that is refuted, whatever its other steps lack.
- No spread (all seeds gave the same error, or all pairs the same difference): no verdict. An interval of zero width
  would decide anything, and unseen noise is more often a seed that reached nothing than a noiseless network.
- Diverged runs count but have no error that a t-interval could hold, and leaving them out would be a selection.
  A value is then never reproduced; it is not reproduced if, were the mean error at published + margin, so many runs
  would diverge with probability alpha at most (`stats.divergence_p`), a diverged run counting as a guess among the
  data set's classes. A difference goes by exact ranks over all runs, diverged ones last, unpaired, with no word about
  its size. An equivalence or non-inferiority is never reproduced; it is not reproduced if the arms diverge at different
  rates, or the first at the higher one (Fisher).
- Missing runs (seeds that another arm of the claim has) hold no verdict up. It is interim, and the sentence counts them.
- A paired claim uses the seeds that both arms have, and the sentence counts the others.
- Seeds needed are for a truth at the size or else the margin (difference), at the margin (order) or at zero (the
  others), never for the one seen.
"""  # noqa: E501 (tables)

from repro.claims.rules.arms import judge_difference, judge_order
from repro.claims.rules.bound import judge_bound
from repro.claims.rules.equality import judge_equivalence, judge_non_inferiority
from repro.claims.rules.model import DECIDED, ArmErrors, Lean, Outcome, Verdict, adjust
from repro.claims.rules.value import judge_value

__all__ = [
    "DECIDED",
    "ArmErrors",
    "Lean",
    "Outcome",
    "Verdict",
    "adjust",
    "judge_bound",
    "judge_difference",
    "judge_equivalence",
    "judge_non_inferiority",
    "judge_order",
    "judge_value",
]
