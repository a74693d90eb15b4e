"""A change that should not move numbers must leave the losses identical.

The first 20 losses of ResNet-20 (resnet-depth, seed 0) on the real CIFAR-10, in fp32. Where a change moves them,
raise RECIPE_VERSION and write them anew: `python tests/test_golden.py`.
"""

import json
from pathlib import Path

import pytest
import torch

from repro import spec
from repro.data import catalog
from repro.learner import Learner

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).with_name("golden_losses.json")


def losses(data_dir: Path, count: int = 20) -> list[float]:
    run = spec.resolve(spec.load("resnet-depth", ROOT), [0], arms=["resnet20"])[0]
    learner = Learner(run, torch.device("cpu"), data_dir)
    found = []
    for _ in range(count):
        learner.iterate()
        found.append(learner.meters.read()[0])
        learner.meters.reset()
    return found


def test_first_losses_of_resnet20_are_those_of_this_recipe_version(cifar10: Path) -> None:
    golden = json.loads(GOLDEN.read_text())
    assert golden["recipe_version"] == spec.RECIPE_VERSION, "write the losses anew: python tests/test_golden.py"
    assert losses(cifar10) == pytest.approx(golden["losses"], rel=1e-4)


if __name__ == "__main__":
    content = {"recipe_version": spec.RECIPE_VERSION, "losses": losses(catalog.data_dir())}
    GOLDEN.write_text(json.dumps(content, indent=1) + "\n")
