"""repro bench: both loops train, and the floor counts what ResNet-20 costs."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import CPU, REPO

from repro import bench, spec
from repro.bench import limits, overhead, reference
from repro.data import catalog
from repro.data.dataset import Part
from repro.data.load import Images, Splits
from repro.data.sets.cifar10 import CIFAR10, Cifar10
from repro.errors import UserError
from repro.run.launch import tune
from repro.spec import Run
from repro.train.control import Settings
from repro.train.learner import Learner


class Few(Cifar10):
    """The first images alone: what is timed is timed, not awaited."""

    def read(self, directory: Path, part: Part, places: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        return super().read(directory, part, range(64))


@pytest.mark.slow
def test_bench_times_both_loops_and_counts_the_floor(
    cifar10: Path, edit: Callable[..., Path], small_root: Path, monkeypatch: pytest.MonkeyPatch, preloaded: object
) -> None:
    """Of ResNet-20, at the width that the kernels are made for, in batches of 16."""
    network = '{ name = "resnet-cifar", depth = 20 }'
    edit({'"digits"': '"cifar10"', '{ name = "resnet-cifar", depth = 8, width = 4 }': network})
    edit({"iterations = 12, drops = [6, 9]": "iterations = 1200, drops = [600, 900]"})
    monkeypatch.setitem(catalog.BUILT_IN, "cifar10", Few(**vars(CIFAR10) | {"train_images": 64, "test_images": 64}))
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(bench, "WORKERS", (0,))
    monkeypatch.setattr(bench, "MIN_ITERATIONS", 1)
    monkeypatch.setattr(bench, "WARM_UP", 1)
    monkeypatch.setattr(limits, "SIDE", {"cpu": 512})
    monkeypatch.setattr(limits, "MEGABYTES", 16)
    settings = Settings(data_dir=cifar10, threads=1)
    result = bench.bench(small_root, "tiny/original", settings, seconds=0.1)
    found = json.loads(json.dumps(result.as_dict()))
    fast, usual = (found[loop]["iterations_per_second"] for loop in ("fast", "reference"))
    assert fast > 0 and usual > 0 and found["ratio"] == pytest.approx(fast / usual)
    assert found["fast"]["images_per_second"] == pytest.approx(16 * fast)
    # 40.55 million multiplications an image in the convolutions and the linear layer; forward, and two gradients of all
    # but the first convolution, which has no gradient of its input
    multiplications = 16 * (3 * 40.55e6 - 9 * 3 * 16 * 32 * 32)
    assert found["floor"]["operations"] == pytest.approx(2 * multiplications, rel=0.01)
    assert 0 < found["floor"]["reached"] < 1.5 and found["hardware"]
    assert found["rows"][-1]["precision"] == "fp32", "where the first is bf16, fp32 stands beside it"
    measured = found["overhead"]
    extra = measured["evaluation_seconds"] / 6 + measured["checkpoint_seconds"] / max(1000, 30 * fast)
    assert measured["share"] == pytest.approx(100 * extra / (extra + 1 / fast))
    assert found["memory"]["megabytes"] > 0 and found["start_up_seconds"] > 0
    minimal = found["minimal"]["iterations_per_second"]
    assert found["rows"][0]["ratio_to_minimal"] == pytest.approx(fast / minimal)
    assert found["minimal_ratio"] == pytest.approx(minimal / usual)
    assert max(map(len, result.text().splitlines())) <= 100 and "minimal torch loop" in result.text()


@pytest.mark.parametrize("arm", ["mnist-mlp/file-order", "cifar-cnn/epochs8", "resnet-depth/resnet20"])
def test_the_other_loops_follow_the_recipe(arm: str) -> None:
    """On 60 made-up images of the recipe's shape: in file order, both loops' first batch is the plain step's."""
    run = bench.run_of(REPO, arm)
    data = catalog.describe(run.recipe.dataset)
    random = torch.Generator().manual_seed(0)
    shape = (60, data.channels, data.size, data.size)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
    images = Images(pixels, torch.randint(0, 10, (60,), generator=random))
    run = run.model_copy(update={"recipe": run.recipe.model_copy(update={"batch_size": 20})})
    learner = Learner(run, CPU, splits=Splits(images, None, images, data.classes))
    seen: list[torch.Tensor] = []

    def watch(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if isinstance(module, torch.nn.Sequential) and inputs[0].shape == (20, *shape[1:]):
            seen.append(inputs[0])

    with torch.nn.modules.module.register_module_forward_pre_hook(watch):
        for loop in (reference.reference_loop(run, learner, 0), reference.minimal_loop(run, learner)):
            next(loop)
    assert len(seen) >= 2
    if run.recipe.order == "file":
        for found in (seen[0], seen[-1]):
            torch.testing.assert_close(found, learner.transform.normalise(pixels[:20]))


def test_side_by_side_measures_one_run_and_one_a_core(cifar10: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rate(run: Run, settings: Settings, jobs: int, threads: int) -> tune.Rate:
        asked.append((jobs, threads))
        return tune.Rate(3.0 * jobs, "fp32")

    monkeypatch.setattr(tune, "rate", rate)
    run = spec.resolve(spec.load("resnet-depth", REPO), [0], arms=["resnet20"])[0]
    found = overhead.side_by_side(run, Settings(data_dir=cifar10), cores=4)
    assert asked == [(1, 4), (4, 1)] and found is not None and found.together / found.alone == 4
    assert overhead.side_by_side(run, Settings(), cores=1) is None


def test_a_model_is_an_arm_of_any_experiment() -> None:
    assert bench.run_of(REPO, "resnet56").name == "resnet-depth/resnet56/seed-0"
    assert bench.run_of(REPO, "vgg-depth/a").name == "vgg-depth/a/seed-0"
    with pytest.raises(UserError, match="'resnet-depth' has no arm 'resnet19'; .* Its arms are: resnet20, "):
        bench.run_of(REPO, "resnet19")
    with pytest.raises(UserError, match="unknown experiment 'vgg-dept'"):
        bench.run_of(REPO, "vgg-dept/a")
