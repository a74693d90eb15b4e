"""What runs an experiment lacks at full scale, and the exact command for them. Does not weigh if they are worth it."""

from repro.show.report.document import Break, Code, Text
from repro.show.report.gather import Part

FEWEST = 3  # seeds an arm: below that a t-interval is too wide to be of use
MOST = 30  # seeds an arm that anyone would train; a command for more is no advice


def seeds(part: Part) -> int:
    """As many as any arm has, and `FEWEST` at least."""
    return max([FEWEST, *(int(seed) + 1 for seed in part.counted.seed)])


def gaps(part: Part) -> dict[str, list[int]]:
    """Arm -> the seeds of `seeds` that it has no counted run of; arms that lack none are left out."""
    found = {}
    for arm in part.experiment.arms:
        have = set(part.counted.seed[part.counted.arm == arm.name])
        if lack := [seed for seed in range(seeds(part)) if seed not in have]:
            found[arm.name] = lack
    return found


def command(part: Part, arms: list[str], count: int) -> str:
    """The command for seeds 0 to count-1 of `arms`; it passes over what is done."""
    some = "".join(f" --arm {arm}" for arm in arms) if len(arms) < len(part.experiment.arms) else ""
    return f"repro run {part.name}{some} --seeds {count}"


def fill(part: Part) -> list[str]:
    """The command that would fill the gaps; none where there are none."""
    lacking = list(gaps(part))
    return [command(part, lacking, seeds(part))] if lacking else []


def told(part: Part) -> list[Text]:
    """A line each thing that is missing."""
    lacking = gaps(part)
    told: list[Text] = []
    if lacking:
        none = [part.label(arm) for arm, lack in lacking.items() if len(lack) == seeds(part)]
        some: dict[str, list[str]] = {}
        for arm, lack in lacking.items():
            if len(lack) < seeds(part):
                some.setdefault(", ".join(map(str, lack)), []).append(part.label(arm))
        what = ["Every run."] if len(none) == len(part.experiment.arms) else []
        if not what:
            what += [f"No run of {'; '.join(none)}."] if none else []
            every = [part.label(arm.name) for arm in part.experiment.arms]
            what += [
                f"No seed {lack} of {'any arm' if arms == every else '; '.join(arms)}." for lack, arms in some.items()
            ]
        told.append((" ".join(what), Break(), Code(fill(part)[0])))
    if part.left_out:
        told.append(
            (
                "Trained on uncommitted changes and left out; to be trained anew, once moved away:",
                *(inline for folder in part.left_out for inline in (Break(), Code(folder))),
            )
        )
    for judged in part.judged:
        claim, verdict = judged.claim, judged.verdict
        if verdict.seeds_needed and min(verdict.runs) < verdict.seeds_needed <= MOST:
            told.append(
                (
                    f"To decide “{claim.says}” with 80% power at the spread seen:",
                    Break(),
                    Code(command(part, list(claim.arms), verdict.seeds_needed)),
                )
            )
    return told
