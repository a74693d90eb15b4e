"""A change that should not move numbers must leave the losses identical.

The first losses of ResNet-20 (resnet-depth, seed 0) on the real CIFAR-10 and of every arm's demo, so of every family,
block and optimizer, by the plain step in fp32. Where a change moves them, raise RECIPE_VERSION and write them anew:
`python tests/test_golden.py`.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from repro import spec
from repro.data import catalog
from repro.spec import DEMO, FULL, Scale
from repro.train.learner import Learner

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).with_name("golden_losses.json")
COUNT = 4  # losses of each arm
CLOSE = 1e-4  # relative
STEADY = 2  # the first losses, which agree on every processor: they see initialisation, order, both passes, an update
NUDGE, ROOM = 1e-6, 10  # relative change of every weight; how often the change that it makes is allowed


def losses(
    experiment: str, scale: Scale, data_dir: Path | None = None, arms: Sequence[str] = (), nudge: float = 0.0
) -> dict[str, list[float]]:
    """The first losses of each arm's seed 0, or of `arms`, by the run's name; from weights that are off by `nudge`."""
    found = {}
    for run in spec.resolve(spec.load(experiment, ROOT), [0], arms=list(arms), scale=scale):
        learner = Learner(run, torch.device("cpu"), data_dir)
        if nudge:
            noise = torch.Generator().manual_seed(0)
            with torch.no_grad():
                for weight in learner.model.parameters():
                    weight.mul_(1 + nudge * torch.randn(weight.shape, generator=noise))
        mine = []
        for _ in range(COUNT):
            learner.iterate()
            mine.append(learner.meters.read()[0])
            learner.meters.reset()
        found[f"{run.name} {scale}"] = mine
    return found


def check(experiment: str, scale: Scale, data_dir: Path | None = None, arms: Sequence[str] = ()) -> None:
    """All losses are the golden ones, within CLOSE.

    Processors round differently, and some networks amplify that within two updates. A later loss may be farther off by
    ROOM times what a change of every weight by NUDGE makes of it here. (Between an Intel Xeon and an AMD EPYC it was at
    most 2.9 times that, in 14 of 82 demos.)
    """
    found, expected = losses(experiment, scale, data_dir, arms), golden(experiment, scale)
    assert found.keys() == expected.keys()
    for name, mine in found.items():
        off = [abs(loss - theirs) / abs(theirs) for loss, theirs in zip(mine, expected[name], strict=True)]
        if max(off) <= CLOSE:
            continue
        assert max(off[:STEADY]) <= CLOSE, (name, mine, expected[name])
        arm = name.split("/")[1]
        nudged = losses(experiment, scale, data_dir, [arm], NUDGE)[name]
        for loss, theirs, moved in list(zip(mine, expected[name], nudged, strict=True))[STEADY:]:
            assert abs(loss - theirs) <= max(CLOSE * abs(theirs), ROOM * abs(moved - loss)), (
                name,
                mine,
                expected[name],
            )


def golden(experiment: str, scale: Scale) -> dict[str, list[float]]:
    content = json.loads(GOLDEN.read_text())
    assert content["recipe_version"] == spec.RECIPE_VERSION, "write the losses anew: python tests/test_golden.py"
    return {
        name: mine
        for name, mine in content["losses"].items()
        if name.startswith(f"{experiment}/") and name.endswith(f" {scale}")
    }


def test_first_losses_of_resnet20_are_those_of_this_recipe_version(cifar10: Path) -> None:
    check("resnet-depth", FULL, cifar10, ["resnet20"])


@pytest.mark.slow
@pytest.mark.parametrize("experiment", spec.names(ROOT))
def test_first_losses_of_the_demos_are_those_of_this_recipe_version(experiment: str) -> None:
    check(experiment, DEMO)


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = losses("resnet-depth", FULL, catalog.data_dir(), ["resnet20"])
    for name in spec.names(ROOT):
        found |= losses(name, DEMO)
    GOLDEN.write_text(json.dumps({"recipe_version": spec.RECIPE_VERSION, "losses": found}, indent=1) + "\n")
