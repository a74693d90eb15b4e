"""Words that the sentences of several kinds share."""

from repro.claims import stats
from repro.claims.rules.model import ArmErrors, Verdict
from repro.numbers import percent


def arm_text(errors: ArmErrors) -> str:
    """Such as "plain-56 13.20 ± 0.40 % (n = 4, 1 of 5 runs diverged)"."""
    n, unit = len(errors.errors), errors.unit
    diverged = f"{errors.diverged} of {errors.runs} runs diverged" if errors.diverged else ""
    if n == 0:
        return f"{errors.name} ({diverged or 'n = 0'})"
    e = stats.estimate(errors.values)
    mean = unit.value(e.mean) + ("" if e.sd is None else f" ± {unit.value(e.sd)}")
    return f"{errors.name} {mean} {unit.name} ({', '.join(filter(None, [f'n = {n}', diverged]))})"


def predicted(verdict: Verdict) -> str:
    """Whether the published number lies where further runs are predicted to fall."""
    prediction, target, unit = verdict.prediction, verdict.target, verdict.unit
    assert prediction is not None and target is not None
    lies = "but {} is inside" if prediction.holds(target) else "and {} is outside"
    further = "a further run" if verdict.further == 1 else f"the mean of {verdict.further} further runs"
    between = f"{unit.value(prediction.low)} to {unit.value(prediction.high)} {unit.name}"
    where = f"the {percent(prediction.level)} prediction interval of {further}, {between}"
    return f"{lies.format(unit.value(target))} {where}"
