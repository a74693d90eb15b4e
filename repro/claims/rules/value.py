"""The rule for a value claim: an arm's mean test error against a published number."""

from dataclasses import replace

from repro.claims import stats
from repro.claims.rules.model import NO_SPREAD, ArmErrors, Lean, Verdict, check, conclude, open_verdict
from repro.claims.rules.reasons import ByDivergedRuns, IntervalLies, NoSpread, SeedsNeeded, SpreadNotUsed, TooFewRuns
from repro.claims.stats import Summary


def judge_value(
    ours: ArmErrors,
    published: float,
    *,
    margin: float,
    published_sd: float | None = None,
    published_runs: int | None = None,
    alpha: float = 0.05,
    different_protocol: bool = False,
    chance_error: float | None = None,
) -> Verdict:
    """Is our mean test error within `margin` of the published one (%)?

    With a published sd over at least two runs this is Welch's comparison of two summaries, and the prediction interval
    is for the mean of that many runs. Otherwise the published number is treated as one run of unknown spread, which is
    conservative if it is a mean or median of several.
    `chance_error`: the error (%) of guessing among the data set's classes, which a diverged run counts as.
    ValueError if runs diverged and it is not given.
    """
    check(margin, alpha)
    base = open_verdict("value", [ours], different_protocol, margin, published)
    if ours.runs < 2:
        return conclude(base, "no verdict", TooFewRuns(ours.name, ours.runs))
    if ours.diverged:
        if chance_error is None:
            raise ValueError(f"{ours.name} has diverged runs, so chance_error must be given")
        return _with_diverged(base, published + margin, alpha, chance_error)

    known = None
    if published_sd is not None and published_runs is not None and published_runs >= 2:
        known = Summary(published_runs, published, published_sd)
        base = replace(base, published=known)
    elif published_sd is not None:
        base = replace(base, notes=(SpreadNotUsed(published_sd), *base.notes))
    summary = stats.summarize(ours.values)
    if summary.sd < NO_SPREAD:
        return conclude(base, "no verdict", NoSpread())
    return _by_intervals(base, summary, published, known, margin, alpha)


def _by_intervals(
    base: Verdict, ours: Summary, published: float, known: Summary | None, margin: float, alpha: float
) -> Verdict:
    """The rule itself. `known`: the published mean, sd and n, if all three are stated."""
    difference = stats.one_sample(ours, published) if known is None else stats.welch(known, ours)
    interval, p = difference.interval(1 - 2 * alpha), difference.tost(margin).p
    prediction = stats.prediction_interval(ours, 1 - alpha, runs=1 if known is None else known.n)
    base = replace(base, estimate=difference.points, interval=interval, prediction=prediction, p=p)
    if interval.inside(margin):
        return conclude(base, "reproduced", IntervalLies("inside", margin))
    outside = interval.outside(margin)
    reason = IntervalLies("outside" if outside else "across", margin)
    if outside and not prediction.holds(published):
        return conclude(base, "not reproduced", reason)
    lean: Lean = "consistent" if abs(difference.points) < margin else "leaning against"
    needed = stats.seeds_for_equivalence(margin, [ours.sd], published=known, alpha=alpha)
    return conclude(replace(base, seeds_needed=needed), lean, reason, SeedsNeeded(ours.n, margin))


def _with_diverged(base: Verdict, limit: float, alpha: float, chance_error: float) -> Verdict:
    """Never reproduced; refuted if no mean error up to `limit`, the claim's highest, makes this many runs likely to
    diverge."""
    (ours,) = base.arms
    p = stats.divergence_p(ours.diverged, ours.runs, limit, chance_error)
    reason = ByDivergedRuns(limit, chance_error, p)
    return conclude(base, "not reproduced" if p <= alpha else "leaning against", reason)
