"""Any two arms against each other: the difference with its interval, effect sizes, and McNemar's test a seed."""

import json
from pathlib import Path

from repro import plan, records, spec, stats, verdicts
from repro.describe import heading
from repro.errors import UserError
from repro.judge import arm_errors
from repro.show.verdicts import comparison

MARGIN = 0.3  # points; a difference within it is called negligible, and the seeds needed depend on it


def compare(root: Path, first: str, second: str, scale: str, paired: bool, as_json: bool) -> str:
    """`first` and `second` are EXPERIMENT/ARM. Reported is second - first in points of test error.

    UserError for an unknown arm, or arms that were tested on different images.
    """
    sides = [_side(root, name, scale) for name in (first, second)]
    (one, folders_one, trained_one), (other, folders_other, trained_other) = sides
    same = [
        seed for seed in sorted(trained_one.keys() & trained_other.keys()) if trained_one[seed] == trained_other[seed]
    ]
    verdict = verdicts.judge_difference(one, other, margin=MARGIN, paired=paired)
    exact = {}
    for seed in sorted(folders_one.keys() & folders_other.keys()):
        (top_one, label), (top_other, label_other) = (
            records.read_predictions(folders[seed]) for folders in (folders_one, folders_other)
        )
        if len(label) != len(label_other) or (label != label_other).any():
            raise UserError(f"{first} and {second} were not tested on the same images")
        exact[seed] = stats.mcnemar(top_one == label, top_other == label)
    if as_json:
        content = {
            "first": first,
            "second": second,
            "scale": scale,
            "points": verdict.estimate,
            "interval": [verdict.interval.low, verdict.interval.high] if verdict.interval else None,
            "p": verdict.p,
            "hedges_g": verdict.hedges_g,
            "probability_second_worse": verdict.probability,
            "seed_correlation": verdict.correlation,
            "same_run": same,
            "mcnemar": {
                seed: {"only_first": m.only_first, "only_second": m.only_second, "p": m.p} for seed, m in exact.items()
            },
        }
        return json.dumps(content, indent=1)
    lines = [f"{first} against {second}. {heading(scale)}.", comparison(verdict)]
    if same:
        seeds = ", ".join(map(str, same))
        lines.append(f"seed {seeds}: one run under both names, trained once; no difference can show there")
    lines += [
        f"seed {seed}: only {first} right on {m.only_first} images, only {second} on {m.only_second}; "
        f"McNemar's exact {f'p {m.p:.3g}' if m.p else 'p < 1e-300'}"
        for seed, m in exact.items()
    ]
    return "\n".join(lines)


def _side(root: Path, name: str, scale: str) -> tuple[verdicts.ArmErrors, dict[int, Path], dict[int, str]]:
    """The arm's errors; and by seed its runs' folders, and the names under which those were trained."""
    experiment_name, _, arm_name = name.partition("/")
    if not arm_name:
        raise UserError(f"{name!r} is not an arm; allowed: EXPERIMENT/ARM, such as bn-placement/original")
    experiment = spec.load(experiment_name, root)
    plan.check_arms(experiment, [arm_name])
    counts = records.counted(records.load(root, [experiment_name], scale))
    own = counts[counts.arm == arm_name]
    trained = {int(seed): twin or f"{name}/seed-{seed}" for seed, twin in zip(own.seed, own.trained_as, strict=True)}
    folders = {seed: records.folder_of(root, scale, experiment_name, arm_name, seed) for seed in trained}
    return arm_errors(experiment.arm(arm_name), counts, set(trained)), folders, trained
