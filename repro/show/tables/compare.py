"""A comparison of any two arms: difference with interval, effect sizes, and McNemar's test per seed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from repro.claims import rules, stats
from repro.claims.evidence import arm_errors
from repro.claims.rules import arm_text
from repro.errors import UserError
from repro.numbers import points
from repro.records.results import Results
from repro.show.verdicts import comparison
from repro.spec import Arm, Scale
from repro.wording import plural

MARGIN = 0.3  # points; smaller differences are called negligible, and the seeds needed depend on it


@dataclass(frozen=True)
class Side:
    """An arm to compare, with its counted runs."""

    arm: Arm
    results: Results

    @property
    def name(self) -> str:
        return f"{self.results.name}/{self.arm.name}"

    @property
    def trained_as(self) -> dict[int, str]:
        """Seed -> the experiment/arm/seed under which its run was trained."""
        runs = self.results.runs
        return {int(s): twin or f"{self.name}/seed-{s}" for s, twin in zip(runs.seed, runs.trained_as, strict=True)}

    def errors(self) -> rules.ArmErrors:
        return arm_errors(self.arm, self.results.runs)

    def predictions(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        return self.results.predictions(self.results.run(self.arm.name, seed))


def sides(root: Path, names: list[str], scale: Scale) -> list[Side]:
    """Load arms given as EXPERIMENT/ARM. UserError for an unknown one."""
    loaded: dict[str, Results] = {}
    found = []
    for name in names:
        experiment, _, arm = name.rpartition("/")
        if not (experiment and arm):
            raise UserError(f"{name!r} is not an arm; allowed: EXPERIMENT/ARM, such as bn-placement/original")
        if experiment not in loaded:
            loaded[experiment] = Results.load(root, experiment, scale)
        results = loaded[experiment]
        found.append(Side(results.experiment.arm(arm), results.counted().for_arms([arm])))
    return found


def compare(first: Side, second: Side, paired: bool, as_json: bool) -> str:
    """Report second - first in points of test error. UserError for arms tested on different images.

    At a reduced scale and in demos: the means and their difference, without intervals and tests.
    """
    scale = first.results.scale
    shared = sorted(first.trained_as.keys() & second.trained_as.keys())
    same = [seed for seed in shared if first.trained_as[seed] == second.trained_as[seed]]
    exact = {seed: _mcnemar(first, second, seed) for seed in shared}
    if scale.is_full:
        content, lines = _tested(first, second, paired, exact)
    else:
        content, lines = _means(first.errors(), second.errors(), paired)
    if as_json:
        names = {"first": first.name, "second": second.name, "scale": str(scale)}
        return json.dumps(names | content | {"same_run": same}, indent=1)
    if same:
        seeds = ", ".join(map(str, same))
        lines.insert(1, f"seed {seeds}: both arms share one run, so their results are identical")
    return "\n".join([f"{first.name} against {second.name}. {scale.heading}.", *lines])


def _mcnemar(first: Side, second: Side, seed: int) -> stats.McNemar:
    (top_one, label), (top_other, label_other) = first.predictions(seed), second.predictions(seed)
    if len(label) != len(label_other) or (label != label_other).any():
        raise UserError(f"{first.name} and {second.name} were not tested on the same images")
    return stats.mcnemar(top_one == label, top_other == label)


def _means(first: rules.ArmErrors, second: rules.ArmErrors, paired: bool) -> tuple[dict[str, Any], list[str]]:
    """For JSON, and as text. `paired`: the difference over the seeds that both arms have."""
    means = [float(arm.values.mean()) if arm.errors else None for arm in (first, second)]
    if paired:
        changes = stats.paired_values(first.errors, second.errors)
        change = float(changes.mean()) if changes.size else None
    else:
        change = None if means[0] is None or means[1] is None else means[1] - means[0]
    over = f", over {plural(changes.size, 'shared seed')}" if paired else ""
    text = f"{arm_text(second)} against {arm_text(first)}"
    line = f"{text}." if change is None else f"{text}: {points(change)} points{over}."
    return {"means": means, "points": change}, [line]


def _tested(
    first: Side, second: Side, paired: bool, exact: dict[int, stats.McNemar]
) -> tuple[dict[str, Any], list[str]]:
    """For JSON, and as text: the difference with its interval and effect sizes, then McNemar's test per seed."""
    verdict = rules.judge_difference(first.errors(), second.errors(), margin=MARGIN, paired=paired)
    content = {
        "points": verdict.estimate,
        "interval": [verdict.interval.low, verdict.interval.high] if verdict.interval else None,
        "p": verdict.p,  # of no difference; of one that matters, if it is shown to be negligible
        "hedges_g": verdict.hedges_g,
        "probability_second_worse": verdict.probability,
        "seed_correlation": verdict.correlation,
        "mcnemar": {
            seed: {"only_first": m.only_first, "only_second": m.only_second, "p": m.p} for seed, m in exact.items()
        },
    }
    one, other = first.arm.label, second.arm.label
    if one == other:
        one, other = first.name, second.name
    lines = [
        f"seed {seed}: only {one} correct on {m.only_first} images, only {other} on {m.only_second}; "
        f"McNemar's exact {f'p = {m.p:.3g}' if m.p else 'p < 1e-300'}"
        for seed, m in exact.items()
    ]
    return content, [comparison(verdict), *lines]
