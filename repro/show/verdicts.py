"""A verdict in words: its sentences, label and difference. Does not judge: everything is in the `Verdict`.

Words that depend on the kind of claim are in the kind's file (`repro.claims.rules`).
"""

from repro.claims.judge import Judged, PostHoc
from repro.claims.rules import KINDS, Verdict, arm_text
from repro.claims.rules.plan import MOST_SEEDS, POWER
from repro.claims.rules.reasons import (
    ByDivergedRuns,
    ByDivergenceRates,
    ByRanks,
    DifferentProtocol,
    IfOneRun,
    IntervalLies,
    NoInterval,
    NoSpread,
    Note,
    NotMeasured,
    NotPaired,
    NotRecorded,
    NotYet,
    Paired,
    RefutesAlone,
    SeedsNeeded,
    TooFewPairs,
    TooFewRuns,
)
from repro.numbers import p_value, percent, points, span
from repro.wording import plural


def sentence(verdict: Verdict) -> str:
    """The outcome, the numbers behind it, and one sentence per note."""
    outcome = verdict.outcome.capitalize()
    return f"{f'{outcome}, {verdict.lean}' if verdict.lean else outcome}: {comparison(verdict)}"


def comparison(verdict: Verdict) -> str:
    """The same without the outcome, for a comparison that no claim is about."""
    return " ".join([f"{_why(verdict)}.", *(_note(note, verdict) for note in verdict.notes)])


def account(judged: Judged) -> str:
    """The verdict's sentence, then its look, corrections, the estimate over other seeds, and what is post hoc."""
    late = post_hoc(judged.post_hoc, len(judged.runs))
    parts = [sentence(judged.verdict), looks(judged), correction(judged), outside(judged)]
    return " ".join(filter(None, [*parts, late and f"Post hoc: {late}."]))


def looks(judged: Judged) -> str:
    """At which look the verdict was given, and which comes next; "" if no look can give one."""
    if judged.look is None and judged.next_look is None:
        return ""
    planned, now = judged.claim.looks, judged.look
    each = ", ".join(map(str, planned))
    missing = " and ".join(f"{plural(count, 'seed')} of {arm}" for arm, count in judged.lacks)
    comes = f"the {'next' if now else 'first'} look is at {judged.next_look} seeds per arm and lacks {missing}"
    if now is None:
        return f"{comes[0].upper()}{comes[1:]}."
    if not planned:
        return f"Judged at any number of seeds, here {now}: repeated looks are not corrected for."
    if judged.next_look is None:
        settled = judged.verdict.outcome in ("reproduced", "not reproduced")
        return f"{'Settled' if settled else 'Left open'} by the look at {now} seeds (looks: {each})."
    return f"As of the look at {now} seeds (looks: {each}); {comes}."


def correction(judged: Judged) -> str:
    """The p over the looks and after Holm."""
    verdict = judged.verdict
    if verdict.p is None or verdict.p_looks is None:
        return ""
    over = f"Over the looks {p_value(verdict.p_looks)}" if len(judged.claim.looks) > 1 else ""
    if not judged.claim.primary:
        return f"{f'{over}; secondary' if over else 'Secondary'}: not corrected for other claims."
    holm = "" if verdict.p_adjusted is None else f"after Holm over the primary claims {p_value(verdict.p_adjusted)}"
    text = ", ".join(filter(None, [over, holm]))
    return f"{text[0].upper()}{text[1:]}." if text else ""


def outside(judged: Judged) -> str:
    """The estimate over all seeds, where those are not the verdict's."""
    found = judged.overall
    if found is None or (found.estimate is None and judged.look is None):
        return ""
    estimate = [] if found.estimate is None else [f"{found.unit.signed(found.estimate)} {found.unit.difference}"]
    arms = [] if judged.look is None else ["; ".join(map(arm_text, found.arms))]
    return f"Outside the looks, over all seeds: {': '.join([*arms, *estimate])}."


def post_hoc(found: tuple[PostHoc, ...], runs: int) -> str:
    """How many of a claim's `runs` runs began before it was frozen in its present form; "" if none did."""
    return "; ".join(f"{each.runs} of its {runs} runs began {_when(each)}" for each in found)


def _when(found: PostHoc) -> str:
    if found.entry is None:
        return "before the claim was frozen"
    if found.then is None:
        return f"under version {found.entry.rules} of the rules"
    return f"under an earlier form of the claim ({found.entry.date:%Y-%m-%d}), which gives: {found.then.outcome}"


def deciding_step(verdict: Verdict) -> Verdict:
    """The difference that decided: for an order, its first refuted step, or else its ends, or else its first step."""
    if not verdict.steps:
        return verdict
    shown = [verdict.ends, *verdict.steps] if verdict.ends else [*verdict.steps]
    return next((step for step in shown if step.outcome == "not reproduced"), shown[0])


def label(judged: Judged) -> str:
    """Such as "inconclusive, consistent (different protocol)"."""
    verdict, caveats = judged.verdict, marks(judged)
    outcome = f"{verdict.outcome}, {verdict.lean}" if verdict.lean else verdict.outcome
    return f"{outcome} ({', '.join(caveats)})" if caveats else outcome


def marks(judged: Judged) -> list[str]:
    """The caveats of a verdict: "different protocol", "across processors", "post hoc"."""
    if judged.verdict.outcome == "no verdict":
        return []
    hardware = judged.runs.groupby("arm").hardware.agg(frozenset)  # of each arm
    found = {
        "different protocol": judged.verdict.different_protocol,
        "across processors": hardware.nunique() > 1,
        "post hoc": bool(judged.post_hoc),
    }
    return [mark for mark, there in found.items() if there]


def difference(verdict: Verdict) -> str:
    """The estimate with the deciding interval: +1.55 [+1.39, +1.71] 95%; "" if there is none."""
    if verdict.estimate is None or verdict.deciding is None:
        return ""
    unit, interval = verdict.unit, verdict.deciding
    name = "" if unit.difference == "points" else f" {unit.difference}"
    return f"{unit.signed(verdict.estimate)} {span(interval, unit)}{name} {percent(interval.level)}"


# --- why ----------------------------------------------------------------------------------------------------


def _why(verdict: Verdict) -> str:
    kind = KINDS[verdict.kind]
    match verdict.reason:
        case NotYet():
            return "; ".join(map(arm_text, verdict.arms))
        case TooFewRuns(name, runs):
            return f"{name} has {'no runs' if runs == 0 else 'one run; a verdict needs at least two seeds'}"
        case NotMeasured(what):
            return f"some records have no {what}"
        case NotRecorded(why):
            return why
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
            interval = f"{percent(verdict.interval.level)} interval {span(verdict.interval, verdict.unit)}"
            estimate = f"{verdict.unit.signed(verdict.estimate)} {verdict.unit.difference}"
            why = f"{estimate}, {interval} {kind.position(verdict)}"
        case _:
            return kind.explain(verdict)
    return f"{kind.compared(verdict)}: {why}"


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
        text += f"; the published size {points(size)} cannot be compared, as runs diverged"
    return text


# --- notes --------------------------------------------------------------------------------------------------


def _note(note: Note, verdict: Verdict) -> str:
    match note:
        case SeedsNeeded(have, effect, _, _):
            return _seeds_needed(verdict, have, effect)
        case IfOneRun(same):
            return f"Also so if the printed number is one run: {'yes' if same else 'no'}."
        case Paired(seeds, unpaired):
            of = "undefined" if verdict.correlation is None else f"{verdict.correlation:+.2f}"
            left_out = f"; {plural(unpaired, 'run')} without a partner left out" if unpaired else ""
            return f"Paired over {seeds} seeds, correlation {of}{left_out}."
        case NotPaired():
            return "Not paired, as runs diverged."
        case DifferentProtocol():
            return "Different protocol: the published number was selected or obtained differently from ours."


def _seeds_needed(verdict: Verdict, have: int, effect: float) -> str:
    power = f"{100 * POWER:.0f}% power to {KINDS[verdict.kind].aim(verdict, effect)}"
    unit = "seeds" if len(verdict.arms) == 1 else "seeds per arm"
    if verdict.seeds_needed is None:
        return f"At this spread not even {MOST_SEEDS} {unit} would give {power}."
    if verdict.seeds_needed <= have:
        return f"At this spread {have} {unit} already had {power}."
    return f"At this spread {verdict.seeds_needed} {unit} would give {power}."
