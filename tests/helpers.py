"""What several test files share: a spec, small runs and their bits, networks and their gradients."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from repro import models, records
from repro.data.batches import Draws
from repro.spec import FULL, Recipe, Run
from repro.train import checkpoint
from repro.train.control import Progress, Settings, Stop
from repro.train.learner import Learner
from repro.train.loop import train

REPO = Path(__file__).resolve().parent.parent
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
CIFAR = (3, 32, 32)
SETTINGS = Settings(threads=1, checkpoint_every=10, checkpoint_seconds=0)

TINY = """\
name = "tiny"
title = "Two tiny networks"
source = "no paper, Table 1"
paper = "tiny"

[[reference]]
id = "nobody"
author = "Nobody"
title = "No paper"

[base]
dataset = "digits"
batch_size = 16
model = { name = "resnet-cifar", depth = 8, width = 4 }
optimizer = { name = "sgd", lr = 0.05, momentum = 0.9 }
schedule = { iterations = 12, drops = [6, 9] }
evaluate_every = 6

[[arm]]
name = "original"
label = "Original"
published = { test_error = 40.0, reference = "nobody", where = "Table 1" }

[[arm]]
name = "bn-after-add"
label = "BN after addition"
model = { block = "bn-after-add" }

[demo]
schedule = { iterations = 6, drops = [3] }
evaluate_every = 3

[[claim]]
id = "bn-after-add-is-worse"
kind = "difference"
arms = ["original", "bn-after-add"]
margin = 0.3
why_margin = "less would not matter"
says = "batch norm after the addition is worse"
origin = "own"
primary = true
"""


# --- runs ------------------------------------------------------------------------------------------------------------


def recipe(**changes: object) -> Recipe:
    """Of a ResNet-8 on the handwritten digits as they are."""
    fields = {
        "dataset": "digits",
        "batch_size": 100,
        "image_size": 8,
        "augment": ["pad-crop-2", "hflip"],
        "model": {"name": "resnet-cifar", "depth": 8},
        "optimizer": {"name": "sgd", "lr": 0.1},
        "schedule": {"iterations": 10},
    }
    return Recipe.model_validate(fields | changes)


def small_run(seed: int = 0, iterations: int = 40, **changes: object) -> Run:
    """A network with dropout, so that every stream of the seed is in play; 1437 images, so 23 batches are an epoch."""
    fields = {
        "dataset": "digits",
        "image_size": 32,
        "augment": ["pad-crop-1", "hflip"],
        "batch_size": 64,
        "model": {"name": "vgg", "config": "A", "width_divisor": 32, "fc_width": 512, "init": "he-fan-in"},
        "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4},
        "schedule": {"iterations": iterations, "drops": [iterations // 2]},
        "evaluate_every": 16,
    }
    recipe = Recipe.model_validate(fields | changes)
    return Run(experiment="tests", arm="small", seed=seed, scale=FULL, recipe=recipe)


@dataclass
class StopAfter(Stop):
    """Stops once `iterations` more have been made."""

    iterations: int = 0

    def requested(self) -> str:
        self.iterations -= 1
        return "test" if self.iterations < 0 else ""


def finish(run: Run, folder: Path, settings: Settings = SETTINGS, stop: Stop | None = None) -> list[Progress]:
    folder.mkdir(exist_ok=True)
    return list(train(run, folder, settings, stop or Stop()))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = checkpoint.load(folder, [records.read_run(folder).fingerprint], print)  # type: ignore[union-attr]
    assert state is not None
    result: dict[str, torch.Tensor] = state["learner"]["model"]
    return result


def assert_same_bits(one: Path, other: Path) -> None:
    """Weights, metrics (all but the speed) and, of finished runs, predictions."""
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
    metrics = [records.read_metrics(folder).drop(columns="images_per_second") for folder in (one, other)]
    assert metrics[0].equals(metrics[1])
    finished = {records.read_run(folder).is_finished for folder in (one, other)}  # type: ignore[union-attr]
    if finished == {False}:
        return
    for x, y in zip(records.read_predictions(one), records.read_predictions(other), strict=True):
        assert np.array_equal(x, y)


# --- networks and their gradients ------------------------------------------------------------------------------------


def network(dtype: torch.dtype = torch.float32, depth: int = 14, **args: object) -> torch.nn.Sequential:
    net = models.build("resnet-cifar", depth=depth, seed=3, **args)
    return net.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


def batch(images: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(5)
    return torch.randn(images, *CIFAR, generator=random), torch.randint(0, 10, (images,), generator=random)


def gradient(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.double().contiguous().flatten() for p in net.parameters() if p.grad is not None])


def away(found: torch.Tensor, true: torch.Tensor) -> float:
    return float((found - true).norm() / true.norm())


def gentle(run: Run) -> Run:
    """At a learning rate at which rounding is not amplified; with 8 layers and 16 images, for the time it takes."""
    optimizer = run.recipe.optimizer.model_copy(update={"lr": 1e-4})
    model = run.recipe.model.model_copy(update={"depth": 8})
    return with_recipe(run, optimizer=optimizer, model=model, batch_size=16)


def with_recipe(run: Run, **changes: object) -> Run:
    """The run with these fields of its recipe, unchecked."""
    return run.model_copy(update={"recipe": run.recipe.model_copy(update=changes)})


def loss_of(learner: Learner) -> float:
    learner.iterate()
    loss, _ = learner.meters.read()
    learner.meters.reset()
    return loss


# --- GPUs -------------------------------------------------------------------------------------------------------------


def needs_gpu(test: Any) -> Any:
    """Skipped without one, and deterministic, as every run is."""
    skipping = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    return pytest.mark.gpu(skipping(pytest.mark.usefixtures("deterministic")(test)))


class Played:
    """In a graph's place where there is no GPU."""

    def __init__(self, update: object, *_: object) -> None:
        self.update = update

    def run(self, draws: Draws) -> None:
        self.update(draws)  # type: ignore[operator]
