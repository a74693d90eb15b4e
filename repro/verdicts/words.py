"""The sentences of verdicts, from numbers. Stays out: decisions."""

from collections.abc import Sequence
from dataclasses import replace

from repro import stats
from repro.stats import Difference, Interval
from repro.verdicts.model import ArmErrors, Lean, Outcome, Verdict

SAME = "all seeds gave the same, and without spread there is no interval (does the seed reach the run?)"


def conclude(base: Verdict, outcome: Outcome | Lean, text: str, after: Sequence[str]) -> Verdict:
    """`base` with its outcome, a lean meaning inconclusive, and the sentence "Outcome: text. After."."""
    if outcome == "consistent" or outcome == "leaning against":
        base, head = replace(base, verdict="inconclusive", lean=outcome), f"Inconclusive, {outcome}"
    else:
        base, head = replace(base, verdict=outcome), outcome.capitalize()
    return replace(base, sentence=" ".join([f"{head}: {text}.", *after]))


def arm(errors: ArmErrors) -> str:
    """Such as "plain-56 13.20 ± 0.40 % (n = 4, 1 of 5 runs diverged)": never a number without its n."""
    n = len(errors.errors)
    diverged = f"{errors.diverged} of {errors.runs} runs diverged" if errors.diverged else ""
    if n == 0:
        return f"{errors.name} ({diverged or 'n = 0'})"
    e = stats.estimate(errors.values)
    mean_sd = f"{e.mean:.2f}" if e.sd is None else f"{e.mean:.2f} ± {e.sd:.2f}"
    return f"{errors.name} {mean_sd} % ({', '.join(filter(None, [f'n = {n}', diverged]))})"


def points(value: float) -> str:
    """Signed; zero as +0.00."""
    return f"{round(value, 2) + 0.0:+.2f}"


def percent(level: float) -> str:
    return f"{100 * level:.3g}%"


def span(interval: Interval) -> str:
    return f"[{points(interval.low)}, {points(interval.high)}]"


def difference(gap: Difference, interval: Interval) -> str:
    return f"{points(gap.points)} points, {percent(interval.level)} interval {span(interval)}"


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def effect(verdict: Verdict) -> str:
    """How large a difference is beside the spread; empty where no spread was seen."""
    told = [] if verdict.hedges_g is None else [f"Hedges' g {verdict.hedges_g:+.2f}"]
    told += [] if verdict.probability is None else [f"worse with probability {verdict.probability:.2f}"]
    return "".join(f", {part}" for part in told)


def size(published: float | None, prediction: Interval | None) -> str:
    """How a published size stands to the prediction interval; empty without one."""
    if published is None or prediction is None:
        return ""
    where = "in" if prediction.holds(published) else "not in"
    interval = f"{percent(prediction.level)} prediction {span(prediction)}"
    return f", the published {points(published)} {where} the {interval}"


def too_few(errors: ArmErrors) -> str:
    return f"{errors.name} has {'no run' if errors.runs == 0 else 'one run, and one seed gives no verdict'}"


def seeds(needed: int | None, have: int, aim: str, unit: str = "seeds") -> str:
    """The sentence on the seeds that 80% power needs; `aim` such as "to see a true difference of 0.30"."""
    power = f"{100 * stats.POWER:.0f}% power {aim}"
    if needed is None:
        return f"At this spread not even {stats.MOST_SEEDS} {unit} would give {power}."
    if needed <= have:
        return f"At this spread {have} {unit} already had {power}."
    return f"At this spread {needed} {unit} would give {power}."


def notes(arms: Sequence[ArmErrors], different_protocol: bool) -> list[str]:
    """What holds beside any verdict: missing runs, another protocol."""
    lacking = [(a.name, f"{a.missing} seed" + "s" * (a.missing > 1)) for a in arms if a.missing]
    said = [f"Interim: {name} lacks {seeds} that another arm of the claim has." for name, seeds in lacking]
    if different_protocol:
        said.append("Different protocol: the published number was selected or obtained otherwise than ours.")
    return said


def pairing(seeds: int, alone: int, correlation: float | None) -> str:
    """What a paired comparison rests on; `alone`: runs whose seed the other arm lacks."""
    of = "correlation undefined" if correlation is None else f"correlation {correlation:+.2f}"
    left_out = f"; {alone} run{'s' * (alone > 1)} without a partner left out" if alone else ""
    return f"Paired over {seeds} seeds, {of}{left_out}."


def step(verdict: Verdict, margin: float) -> str:
    """One of an order's differences, short."""
    if verdict.estimate is None or verdict.deciding is None:
        return (f"by ranks, {p_value(verdict.p)}, " if verdict.p is not None else "") + verdict.verdict
    paired = "" if verdict.correlation is None else f", paired with correlation {verdict.correlation:+.2f}"
    interval = f"{percent(verdict.deciding.level)} interval {span(verdict.deciding)}"
    why = ""
    if verdict.verdict == "not reproduced":
        why = " below zero" if verdict.deciding.high < 0 else f" inside ±{margin:.2f}, negligible"
    elif verdict.verdict == "inconclusive" and verdict.deciding.high < 0 and verdict.refuting is not None:
        why = f", but not below zero at the {percent(verdict.refuting.level)} that refutes, {span(verdict.refuting)}"
    return f"{points(verdict.estimate)} points, {interval}{why}{paired}, {verdict.verdict}"
