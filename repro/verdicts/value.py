"""The verdict on a value claim: an arm's mean test error against a published number."""

from dataclasses import replace

from repro import stats
from repro.stats import Summary
from repro.verdicts import words
from repro.verdicts.model import CHANCE_ERROR, NO_SPREAD, ArmErrors, Lean, Verdict, check


def judge_value(
    ours: ArmErrors,
    published: float,
    *,
    margin: float,
    published_sd: float | None = None,
    published_runs: int | None = None,
    alpha: float = 0.05,
    different_protocol: bool = False,
    diverged_error: float = CHANCE_ERROR,
) -> Verdict:
    """Is our mean test error the published one (%), within `margin`?

    A published sd over two runs or more makes it Welch's comparison of two summaries, and the prediction
    interval that of the mean of so many runs. Otherwise the published number is taken as one run, its spread unknown:
    on the safe side where it is a mean or median of several, since one run may fall farther off.
    `diverged_error`: what a diverged run counts as, in % (chance).
    """
    check(margin, alpha)
    base = Verdict("no verdict", "", different_protocol=different_protocol, runs=(ours.runs,))
    notes = words.notes([ours], different_protocol)
    if ours.runs < 2:
        return words.conclude(base, "no verdict", words.too_few(ours), notes)
    if ours.diverged:
        return _with_diverged(base, ours, published, margin, alpha, diverged_error, notes)

    known = None
    shown = f"{words.arm(ours)} against {published:.2f} % published"
    if published_sd is not None and published_runs is not None and published_runs >= 2:
        known = Summary(published_runs, published, published_sd)
        shown = f"{words.arm(ours)} against {published:.2f} ± {published_sd:.2f} % (n = {known.n}) published"
    elif published_sd is not None:
        notes = [
            f"The published ± {published_sd:.2f} is not used, as its number of runs is unstated.",
            *notes,
        ]
    summary = stats.summarize(ours.values)
    if summary.sd < NO_SPREAD:
        return words.conclude(base, "no verdict", f"{shown}: {words.SAME}", notes)
    return _by_intervals(base, summary, published, known, margin, alpha, shown, notes)


def _by_intervals(
    base: Verdict,
    ours: Summary,
    published: float,
    known: Summary | None,
    margin: float,
    alpha: float,
    shown: str,
    notes: list[str],
) -> Verdict:
    """The rule itself; `known` is the published mean, sd and n where all three are."""
    gap = stats.one_sample(ours, published) if known is None else stats.welch(known, ours)
    interval, p = gap.interval(1 - 2 * alpha), gap.tost(margin).p
    prediction = stats.prediction_interval(ours, 1 - alpha, runs=1 if known is None else known.n)
    base = replace(base, estimate=gap.points, interval=interval, prediction=prediction, p=p)
    text = f"{shown}: {words.difference(gap, interval)}"
    if interval.inside(margin):
        why = f"inside ±{margin:.2f}, equivalence {words.p_value(p)}"
        return words.conclude(base, "reproduced", f"{text} {why}", notes)
    further = "a further run" if known is None else f"the mean of {known.n} further runs"
    where = (
        f"where {further} would fall ({words.percent(1 - alpha)} prediction, "
        f"{prediction.low:.2f} to {prediction.high:.2f} %)"
    )
    if interval.outside(margin) and not prediction.holds(published):
        why = f"outside ±{margin:.2f}, and {published:.2f} is not {where}"
        return words.conclude(base, "not reproduced", f"{text} {why}", notes)

    why = f"neither inside nor outside ±{margin:.2f}"
    if interval.outside(margin):
        why = f"outside ±{margin:.2f}, but {published:.2f} is {where}"
    lean: Lean = "consistent" if abs(gap.points) < margin else "leaning against"
    needed = stats.seeds_for_equivalence(margin, [ours.sd], published=known, alpha=alpha)
    power = words.seeds(needed, ours.n, f"to show a true match within ±{margin:.2f}")
    return words.conclude(replace(base, seeds_needed=needed), lean, f"{text} {why}", [power, *notes])


def _with_diverged(
    base: Verdict,
    ours: ArmErrors,
    published: float,
    margin: float,
    alpha: float,
    diverged_error: float,
    notes: list[str],
) -> Verdict:
    """Never reproduced; refuted where no mean error within the claim lets so many runs diverge."""
    limit = published + margin
    p = stats.divergence_p(ours.diverged, ours.runs, limit, diverged_error)
    counted = f"{limit:.2f} % or less, a diverged run counted as {diverged_error:g} %"
    text = (
        f"{words.arm(ours)} against {published:.2f} % published: were the mean error {counted}, "
        f"so many would diverge with {words.p_value(p)} at most"
    )
    return words.conclude(base, "not reproduced" if p <= alpha else "leaning against", text, notes)
