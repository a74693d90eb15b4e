"""A change that should not move numbers must leave the losses identical.

The first losses of ResNet-20 (resnet-depth, seed 0) on the real CIFAR-10 and of every arm's demo, so of every family,
block and optimizer, by the plain step in fp32. Where a change moves them, raise RECIPE_VERSION and write them anew:
`python tests/test_golden.py`.
"""

import json
from pathlib import Path

import pytest
import torch

from repro import spec
from repro.data import catalog
from repro.spec import DEMO, FULL, Scale
from repro.train.learner import Learner

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).with_name("golden_losses.json")
# Relative tolerance of each loss. Processors round differently, and training amplifies that: between an Intel Xeon and
# an AMD EPYC the losses of 94 demos differed by up to 2e-7, 7e-6, 2e-2 and 1e-1. The first two see the initialisation,
# the order, augmentation, both passes and an update; the others see a gross change of momentum or schedule.
TOLERANCES = (1e-4, 1e-4, 0.05, 0.2)


def losses(experiment: str, scale: Scale, data_dir: Path | None = None, arm: str = "") -> dict[str, list[float]]:
    """The first losses of each arm's seed 0, or of the one arm, by the run's name."""
    found = {}
    for run in spec.resolve(spec.load(experiment, ROOT), [0], arms=[arm] if arm else [], scale=scale):
        learner = Learner(run, torch.device("cpu"), data_dir)
        mine = []
        for _ in TOLERANCES:
            learner.iterate()
            mine.append(learner.meters.read()[0])
            learner.meters.reset()
        found[f"{run.name} {scale}"] = mine
    return found


def golden(experiment: str, scale: Scale) -> dict[str, object]:
    content = json.loads(GOLDEN.read_text())
    assert content["recipe_version"] == spec.RECIPE_VERSION, "write the losses anew: python tests/test_golden.py"
    return {
        name: [pytest.approx(loss, rel=rel) for loss, rel in zip(mine, TOLERANCES, strict=True)]
        for name, mine in content["losses"].items()
        if name.startswith(f"{experiment}/") and name.endswith(f" {scale}")
    }


def test_first_losses_of_resnet20_are_those_of_this_recipe_version(cifar10: Path) -> None:
    assert losses("resnet-depth", FULL, cifar10, "resnet20") == golden("resnet-depth", FULL)


@pytest.mark.parametrize("experiment", spec.names(ROOT))
def test_first_losses_of_the_demos_are_those_of_this_recipe_version(experiment: str) -> None:
    assert losses(experiment, DEMO) == golden(experiment, DEMO)


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = losses("resnet-depth", FULL, catalog.data_dir(), "resnet20")
    for name in spec.names(ROOT):
        found |= losses(name, DEMO)
    GOLDEN.write_text(json.dumps({"recipe_version": spec.RECIPE_VERSION, "losses": found}, indent=1) + "\n")
