"""A verdict in words: its sentences, label and difference. Does not judge: everything is in the `Verdict`."""

from repro.claims import stats
from repro.claims.judge import Judged, PostHoc
from repro.claims.rules import ArmErrors, Verdict
from repro.claims.rules.reasons import (
    ByDivergedRuns,
    ByDivergenceRates,
    ByRanks,
    DifferentProtocol,
    Interim,
    IntervalLies,
    NoInterval,
    NoSpread,
    Note,
    NotPaired,
    Paired,
    RefutesAlone,
    SeedsNeeded,
    SpreadNotUsed,
    TooFewPairs,
    TooFewRuns,
)
from repro.show.numbers import p_value, percent, points, published, span, spread
from repro.wording import plural


def sentence(verdict: Verdict) -> str:
    """The outcome, the numbers behind it, and one sentence per note."""
    outcome = verdict.outcome.capitalize()
    return f"{f'{outcome}, {verdict.lean}' if verdict.lean else outcome}: {comparison(verdict)}"


def comparison(verdict: Verdict) -> str:
    """The same without the outcome, for a comparison that no claim is about."""
    return " ".join([f"{_why(verdict)}.", *(_note(note, verdict) for note in verdict.notes)])


def post_hoc(found: tuple[PostHoc, ...], runs: int) -> str:
    """How many of a claim's `runs` runs began before it was frozen in its present form; "" if none did."""
    return "; ".join(f"{each.runs} of its {runs} runs began {_when(each)}" for each in found)


def _when(found: PostHoc) -> str:
    if found.entry is None:
        return "before the claim was frozen"
    if found.then is None:
        return f"under version {found.entry.rules} of the rules"
    return f"under an earlier form of the claim ({found.entry.date:%Y-%m-%d}), which gives: {found.then.outcome}"


def label(judged: Judged) -> str:
    """Such as "inconclusive, consistent (different protocol)"."""
    verdict, caveats = judged.verdict, marks(judged)
    outcome = f"{verdict.outcome}, {verdict.lean}" if verdict.lean else verdict.outcome
    return f"{outcome} ({', '.join(caveats)})" if caveats else outcome


def marks(judged: Judged) -> list[str]:
    """The caveats of a verdict: "different protocol", "post hoc"."""
    if judged.verdict.outcome == "no verdict":
        return []
    return ["different protocol"] * judged.verdict.different_protocol + ["post hoc"] * bool(judged.post_hoc)


def difference(verdict: Verdict) -> str:
    """The estimate with the deciding interval: +1.55 [+1.39, +1.71] 95%; "" if there is none."""
    if verdict.estimate is None or verdict.deciding is None:
        return ""
    return f"{points(verdict.estimate)} {span(verdict.deciding)} {percent(verdict.deciding.level)}"


def arm_text(errors: ArmErrors) -> str:
    """Such as "plain-56 13.20 ± 0.40 % (n = 4, 1 of 5 runs diverged)"."""
    n = len(errors.errors)
    diverged = f"{errors.diverged} of {errors.runs} runs diverged" if errors.diverged else ""
    if n == 0:
        return f"{errors.name} ({diverged or 'n = 0'})"
    e = stats.estimate(errors.values)
    return f"{errors.name} {e.mean:.2f}{spread(e.sd)} % ({', '.join(filter(None, [f'n = {n}', diverged]))})"


# --- why ----------------------------------------------------------------------------------------------------


def _why(verdict: Verdict) -> str:
    match verdict.reason:
        case None:
            return _order(verdict)
        case TooFewRuns(name, runs):
            return f"{name} has {'no runs' if runs == 0 else 'one run; a verdict needs at least two seeds'}"
        case TooFewPairs(shared):
            first, second = verdict.arms
            return f"{first.name} and {second.name} share {plural(shared, 'seed')}; pairing needs at least two"
        case NoSpread():
            why = "all seeds gave the same result, so there is no interval (does the seed have any effect?)"
        case NoInterval():
            why = "runs diverged, so there is no interval"
        case ByRanks(floor):
            why = _ranks(verdict, floor)
        case ByDivergenceRates(p):
            why = f"Fisher's exact test of equal divergence rates, {p_value(p)}"
        case ByDivergedRuns(limit, counted_as, p):
            why = (
                f"with a mean error of at most {limit:.2f} %, this many runs would diverge with {p_value(p)} at most "
                f"(a diverged run counts as {counted_as:g} %)"
            )
        case IntervalLies() | RefutesAlone():
            assert verdict.estimate is not None and verdict.interval is not None
            interval = f"{percent(verdict.interval.level)} interval {span(verdict.interval)}"
            why = f"{points(verdict.estimate)} points, {interval} {_position(verdict)}"
    return f"{_compared(verdict)}: {why}"


def _compared(verdict: Verdict) -> str:
    """What is compared with what, such as "plain-56 13.20 % (n = 1) against plain-20 9.10 % (n = 1)"."""
    if len(verdict.arms) == 2:
        first, second = verdict.arms
        return f"{arm_text(second)} against {arm_text(first)}"
    (ours,), target = verdict.arms, verdict.target
    assert target is not None
    if verdict.kind == "bound":
        return f"{arm_text(ours)} against a bound of {target:.2f} %"
    theirs = verdict.published
    number = published(target, theirs.sd if theirs else None, theirs.n if theirs else None, unit=" %")
    return f"{arm_text(ours)} against {number} published"


def _position(verdict: Verdict) -> str:
    """Where the interval lies, and what else the rule for this kind of claim considers."""
    if isinstance(verdict.reason, RefutesAlone):
        where = f"does not decide, as one of several comparisons is tested at {percent(verdict.reason.level)}"
        return where + _beside_difference(verdict)
    reason, p = verdict.reason, verdict.p
    assert isinstance(reason, IntervalLies) and p is not None
    match verdict.kind, reason.where:
        case "value", "outside":
            return f"outside ±{reason.bound:.2f}, {_predicted(verdict)}"
        case "value" | "equivalence", "inside":
            return f"inside ±{reason.bound:.2f}, equivalence {p_value(p)}"
        case "equivalence", "outside":
            return f"outside ±{reason.bound:.2f}"
        case "value" | "equivalence", "across":
            return f"neither inside nor outside ±{reason.bound:.2f}"
        case "non-inferiority", "above":
            return f"above {reason.bound:.2f}, non-inferiority {p_value(p)}"
        case "non-inferiority", "below":
            return f"below {reason.bound:.2f}"
        case "non-inferiority", "across":
            return f"neither above nor below {reason.bound:.2f}"
        case "bound", "above":
            return f"above zero, {p_value(p)}"
        case "bound", "below":
            return "below zero"
        case "difference", "above":
            return f"above zero{_though_negligible(verdict)}{_beside_difference(verdict)}"
        case "difference", "below":
            return f"below zero, the opposite direction{_beside_difference(verdict)}"
        case "difference", "inside":
            return f"inside ±{reason.bound:.2f}, negligible{_beside_difference(verdict)}"
        case "difference", _:
            return f"including zero{_beside_difference(verdict)}"
    return "including zero"


def _though_negligible(verdict: Verdict) -> str:
    """Says of a difference above zero that it is also shown to be within the margin."""
    assert verdict.margin is not None and verdict.interval is not None
    shown = verdict.outcome == "reproduced" and verdict.interval.inside(verdict.margin)
    return f", although within ±{verdict.margin:.2f}" if shown else ""


def _predicted(verdict: Verdict) -> str:
    """Whether the published number lies where further runs are predicted to fall."""
    prediction, target = verdict.prediction, verdict.target
    assert prediction is not None and target is not None
    lies = f"but {target:.2f} is inside" if prediction.holds(target) else f"and {target:.2f} is outside"
    further = "a further run" if verdict.published is None else f"the mean of {verdict.published.n} further runs"
    between = f"{prediction.low:.2f} to {prediction.high:.2f} %"
    return f"{lies} the {percent(prediction.level)} prediction interval of {further}, {between}"


def _beside_difference(verdict: Verdict) -> str:
    """Whether the published size lies in the prediction interval, then p and effect sizes."""
    size, prediction, text = verdict.target, verdict.prediction, ""
    if size is not None and prediction is not None:
        where = "inside" if prediction.holds(size) else "outside"
        interval = f"{percent(prediction.level)} prediction interval {span(prediction)}"
        text = f", the published {points(size)} {where} the {interval}"
    assert verdict.p is not None
    text += f"; {p_value(verdict.p)}"
    if verdict.hedges_g is not None:
        text += f", Hedges' g {verdict.hedges_g:+.2f}"
    if verdict.probability is not None:
        text += f", worse with probability {verdict.probability:.2f}"
    return text


def _ranks(verdict: Verdict, floor: float | None) -> str:
    (first, second), p, size = verdict.arms, verdict.p, verdict.target
    assert p is not None and verdict.probability is not None
    text = (
        f"with diverged runs ranked last, {second.name} is worse than {first.name} "
        f"with probability {verdict.probability:.2f}, exact rank test {p_value(p)}"
    )
    if floor is not None:
        text += f" (with this few runs it cannot be below {floor:.3f})"
    if size is not None:
        text += f"; the published size {points(size)} cannot be tested, as runs diverged"
    return text


# --- an order -----------------------------------------------------------------------------------------------


def _order(verdict: Verdict) -> str:
    pairs = [f"{_names(each)} {_step(each)}" for each in verdict.steps]
    if verdict.ends:
        pairs.append(f"its ends, {_names(verdict.ends)} {_step(verdict.ends)}")
    return f"{' < '.join(map(arm_text, verdict.arms))}: {'; '.join(pairs)}"


def _names(step: Verdict) -> str:
    first, second = step.arms
    return f"{second.name} - {first.name}"


def _step(step: Verdict) -> str:
    """One of an order's differences, in short."""
    if step.estimate is None or step.deciding is None or step.margin is None:
        return (f"by ranks, {p_value(step.p)}, " if step.p is not None else "") + step.outcome
    paired = "" if step.correlation is None else f", paired with correlation {step.correlation:+.2f}"
    interval = f"{percent(step.deciding.level)} interval {span(step.deciding)}"
    why = ""
    if step.outcome == "not reproduced":
        why = " below zero" if step.deciding.high < 0 else f" inside ±{step.margin:.2f}, negligible"
    elif step.outcome == "inconclusive" and step.deciding.high < 0 and step.refuting is not None:
        why = f", but not below zero at the {percent(step.refuting.level)} needed to refute, {span(step.refuting)}"
    return f"{points(step.estimate)} points, {interval}{why}{paired}, {step.outcome}"


# --- notes --------------------------------------------------------------------------------------------------


def _note(note: Note, verdict: Verdict) -> str:
    match note:
        case SeedsNeeded(have, effect):
            return _seeds_needed(verdict, have, effect)
        case SpreadNotUsed(sd):
            return f"The published ± {sd:.2f} is not used, as its number of runs is not stated."
        case Paired(seeds, unpaired):
            of = "undefined" if verdict.correlation is None else f"{verdict.correlation:+.2f}"
            left_out = f"; {plural(unpaired, 'run')} without a partner left out" if unpaired else ""
            return f"Paired over {seeds} seeds, correlation {of}{left_out}."
        case NotPaired():
            return "Not paired, as runs diverged."
        case Interim(name, missing):
            return f"Interim: {name} lacks {plural(missing, 'seed')} that another arm of the claim has."
        case DifferentProtocol():
            return "Different protocol: the published number was selected or obtained differently from ours."


def _seeds_needed(verdict: Verdict, have: int, effect: float) -> str:
    aims = {
        "value": f"show a true match within ±{effect:.2f}",
        "difference": f"detect a true difference of {effect:.2f}",
        "order": f"detect a true step of {effect:.2f}",
        "equivalence": f"show true equality inside ±{effect:.2f}",
        "non-inferiority": f"show true equality above -{effect:.2f}",
    }
    power = f"{100 * stats.POWER:.0f}% power to {aims[verdict.kind]}"
    unit = "seeds" if verdict.kind == "value" else "seeds per arm"
    if verdict.seeds_needed is None:
        return f"At this spread not even {stats.MOST_SEEDS} {unit} would give {power}."
    if verdict.seeds_needed <= have:
        return f"At this spread {have} {unit} already had {power}."
    return f"At this spread {verdict.seeds_needed} {unit} would give {power}."
