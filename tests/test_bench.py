"""repro bench: both loops train, and the floor counts what ResNet-20 costs."""

import json
from pathlib import Path

import pytest

from repro import bench
from repro.errors import UserError
from repro.train import Settings

REPO = Path(__file__).resolve().parent.parent


def test_bench_times_both_loops_and_counts_the_floor(cifar10: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(bench, "WORKERS", (0,))
    found = json.loads(json.dumps(bench.bench(REPO, "resnet20", Settings(data_dir=cifar10), seconds=0.1).as_dict()))
    fast, reference = (found[loop]["iterations_per_second"] for loop in ("fast", "reference"))
    assert fast > 0 and reference > 0 and found["ratio"] == pytest.approx(fast / reference)
    assert found["fast"]["images_per_second"] == pytest.approx(128 * fast)
    # 40.55 million multiplications an image in the convolutions and the linear layer; forward, and two gradients of all
    # but the first convolution, which has no gradient of its input
    multiplications = 128 * (3 * 40.55e6 - 9 * 3 * 16 * 32 * 32)
    assert found["floor"]["operations"] == pytest.approx(2 * multiplications, rel=0.01)
    assert 0 < found["floor"]["reached"] < 1.5 and found["hardware"]


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--model resnet19 is not known; allowed: resnet20"):
        bench.bench(REPO, "resnet19", Settings())
