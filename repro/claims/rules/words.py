"""Words that the sentences of several kinds share."""

from repro.claims import stats
from repro.claims.rules.model import ArmErrors


def arm_text(errors: ArmErrors) -> str:
    """Such as "plain-56 13.20 ± 0.40 % (n = 4, 1 of 5 runs diverged)"."""
    n, unit = len(errors.errors), errors.unit
    diverged = f"{errors.diverged} of {errors.runs} runs diverged" if errors.diverged else ""
    if n == 0:
        return f"{errors.name} ({diverged or 'n = 0'})"
    e = stats.estimate(errors.values)
    mean = unit.value(e.mean) + ("" if e.sd is None else f" ± {unit.value(e.sd)}")
    return f"{errors.name} {mean} {unit.name} ({', '.join(filter(None, [f'n = {n}', diverged]))})"
