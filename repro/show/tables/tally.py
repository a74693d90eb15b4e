"""How many claims have which verdict, for `--check`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from repro.claims.judge import judge
from repro.claims.rules import VERDICTS, Outcome
from repro.records.results import Results
from repro.wording import plural


@dataclass(frozen=True)
class Tally:
    """Each claim, as experiment/claim, with its outcome. At a reduced scale no claim is judged."""

    outcomes: dict[str, Outcome]

    def named(self, outcome: Outcome) -> list[str]:
        return [name for name, found in self.outcomes.items() if found == outcome]

    def __str__(self) -> str:
        """Such as "4 of 9 claims judged: 1 reproduced, 3 not reproduced"; what was not reproduced is named below."""
        counts = Counter(self.outcomes.values())
        judged = len(self.outcomes) - counts["no verdict"]
        each = ", ".join(f"{counts[outcome]} {outcome}" for outcome in VERDICTS if counts[outcome])
        line = f"{judged} of {plural(len(self.outcomes), 'claim')} judged{f': {each}' if each else ''}"
        failed = self.named("not reproduced")
        return f"{line}\nnot reproduced: {', '.join(failed)}" if failed else line


def tally(experiments: Iterable[Results]) -> Tally:
    """Of every claim of the experiments."""
    found: dict[str, Outcome] = {}
    for results in experiments:
        verdicts = {each.claim.id: each.verdict.outcome for each in judge(results)} if results.scale.is_full else {}
        for claim in results.experiment.claims:
            found[f"{results.name}/{claim.id}"] = verdicts.get(claim.id, "no verdict")
    return Tally(found)
