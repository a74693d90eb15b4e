"""Any two arms against each other: the difference with its interval, effect sizes, and McNemar's test a seed."""

import json
from pathlib import Path

from repro import plan, records, spec, stats, verdicts
from repro.errors import UserError
from repro.judge import arm_errors
from repro.spec import Scale

MARGIN = 0.3  # points; a difference within it is called negligible, and the seeds needed depend on it


def compare(root: Path, first: str, second: str, scale: Scale, paired: bool, as_json: bool) -> str:
    """`first` and `second` are EXPERIMENT/ARM. Reported is second - first in points of test error.

    UserError for an unknown arm, or arms that were tested on different images.
    """
    sides = [_side(root, name, scale) for name in (first, second)]
    (one, runs_one, trained_one), (other, runs_other, trained_other) = sides
    same = [
        seed for seed in sorted(trained_one.keys() & trained_other.keys()) if trained_one[seed] == trained_other[seed]
    ]
    verdict = verdicts.judge_difference(one, other, margin=MARGIN, paired=paired)
    exact = {}
    for seed in sorted(runs_one.keys() & runs_other.keys()):
        (top_one, label), (top_other, label_other) = (
            records.read_predictions(records.run_folder(root, runs[seed])) for runs in (runs_one, runs_other)
        )
        if len(label) != len(label_other) or (label != label_other).any():
            raise UserError(f"{first} and {second} were not tested on the same images")
        exact[seed] = stats.mcnemar(top_one == label, top_other == label)
    if as_json:
        content = {
            "first": first,
            "second": second,
            "scale": str(scale),
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
    lines = [f"{first} against {second}. {scale.heading}.", _words(verdict)]
    if same:
        seeds = ", ".join(map(str, same))
        lines.append(f"seed {seeds}: one run under both names, trained once; no difference can show there")
    lines += [
        f"seed {seed}: only {first} right on {m.only_first} images, only {second} on {m.only_second}; "
        f"McNemar's exact {f'p {m.p:.3g}' if m.p else 'p < 1e-300'}"
        for seed, m in exact.items()
    ]
    return "\n".join(lines)


def _words(verdict: verdicts.Verdict) -> str:
    """A comparison claims nothing, so the outcome's name goes and its numbers stay."""
    return verdict.sentence.split(": ", 1)[1]


def _side(root: Path, name: str, scale: Scale) -> tuple[verdicts.ArmErrors, dict[int, spec.Run], dict[int, str]]:
    """The arm's errors; and by seed its runs, and the names under which those were trained."""
    experiment_name, _, arm_name = name.partition("/")
    if not arm_name:
        raise UserError(f"{name!r} is not an arm; allowed: EXPERIMENT/ARM, such as bn-placement/original")
    experiment = spec.load(experiment_name, root)
    plan.check_arms(experiment, [arm_name])
    counts = records.counted(records.load(root, [experiment_name], scale))
    own = counts[counts.arm == arm_name]
    trained = {int(seed): twin or f"{name}/seed-{seed}" for seed, twin in zip(own.seed, own.trained_as, strict=True)}
    runs = spec.resolve(experiment, list(trained), arms=[arm_name], scale=scale)
    return arm_errors(experiment.arm(arm_name), counts, set(trained)), {run.seed: run for run in runs}, trained
