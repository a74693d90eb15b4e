"""The runs that an experiment lacks at full scale, and the commands that train them."""

from repro.show.report.document import Break, Cell, Code, Inline, Link, Text, cells, prose
from repro.show.report.load import Part

FEWEST = 3  # seeds per arm; with fewer, a t-interval is too wide to be useful
MOST = 30  # seeds per arm; more are not suggested
COLUMNS = ("experiment", "undecided", "why", "to train what is missing")


def target_seeds(part: Part) -> int:
    """As many seeds as any arm has, and at least `FEWEST`."""
    return max([FEWEST, *(int(seed) + 1 for seed in part.counted.seed)])


def missing_seeds(part: Part) -> dict[str, list[int]]:
    """Arm -> the seeds below `target_seeds` without a counted run. Arms that lack none are left out."""
    found = {}
    for arm in part.experiment.arms:
        have = set(part.counted.seed[part.counted.arm == arm.name])
        if seeds := [seed for seed in range(target_seeds(part)) if seed not in have]:
            found[arm.name] = seeds
    return found


def command(part: Part, arms: list[str], count: int) -> str:
    """The command for seeds 0 to count-1 of `arms`; it skips completed runs."""
    some = "".join(f" --arm {arm}" for arm in arms) if len(arms) < len(part.experiment.arms) else ""
    return f"repro run {part.name}{some} --seeds {count}"


def fill_commands(part: Part) -> list[str]:
    """The command that would train the missing runs, if there are any."""
    missing = list(missing_seeds(part))
    return [command(part, missing, target_seeds(part))] if missing else []


def notes(part: Part) -> list[Text]:
    """One line per thing that is missing."""
    missing = missing_seeds(part)
    notes: list[Text] = []
    if missing:
        none = [part.label(arm) for arm, seeds in missing.items() if len(seeds) == target_seeds(part)]
        some: dict[str, list[str]] = {}
        for arm, seeds in missing.items():
            if len(seeds) < target_seeds(part):
                some.setdefault(", ".join(map(str, seeds)), []).append(part.label(arm))
        what = ["Every run."] if len(none) == len(part.experiment.arms) else []
        if not what:
            what += [f"No run of {'; '.join(none)}."] if none else []
            every = [part.label(arm.name) for arm in part.experiment.arms]
            what += [
                f"No seed {seeds} of {'any arm' if arms == every else '; '.join(arms)}." for seeds, arms in some.items()
            ]
        notes.append((" ".join(what), Break(), Code(fill_commands(part)[0])))
    if part.left_out:
        notes.append(
            (
                "Trained on uncommitted changes and left out. Move them away to train these runs again:",
                *(inline for folder in part.left_out for inline in (Break(), Code(folder))),
            )
        )
    for judged in part.judged:
        claim, verdict = judged.claim, judged.verdict
        if verdict.seeds_needed and min(verdict.runs) < verdict.seeds_needed <= MOST:
            notes.append(
                (
                    *prose(f"To decide “{claim.says}” with 80% power at the observed spread:"),
                    Break(),
                    Code(command(part, list(claim.arms), verdict.seeds_needed)),
                )
            )
    return notes


def undecided(part: Part) -> tuple[Cell, ...] | None:
    """The row of an experiment: how many of its claims are not decided, and why; None if all are."""
    counted = [judged.verdict for judged in part.judged if not judged.claim.same_as]
    open_ = [verdict for verdict in counted if verdict.outcome in ("no verdict", "inconclusive")]
    if not open_:
        return None
    waiting = [verdict for verdict in open_ if verdict.outcome == "no verdict"]
    without = sum(min(verdict.runs) == 0 for verdict in waiting)
    counts = {
        "without runs of some arm": without,
        "with too few seeds": len(waiting) - without,
        "inconclusive": len(open_) - len(waiting),
    }
    why = ", ".join(f"{n} {what}" for what, n in counts.items() if n) if len(part.counted) else "no runs"
    name: Inline = Link(part.name, f"#{part.name}") if len(part.runs) else Code(part.name)
    return (
        Cell((name, f": {part.experiment.title}")),
        *cells(f"{len(open_)} of {len(counted)}", why),
        Cell(tuple(Code(command) for command in fill_commands(part))),
    )
