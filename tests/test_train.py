"""The loop: what it writes, that a killed run ends with the same bits, what happens when the disk or the loss fails."""

import copy
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from helpers import StopAfter, assert_same_bits, finish, recipe, small_run, weights

from repro import records
from repro.models.layers import GhostBatchNorm2d
from repro.spec import Run, Schedule, StatedRecipe
from repro.spec.epochs import epochs_to_iterations, resolve_schedule
from repro.spec.resolve import scaled
from repro.step import plain as step
from repro.train import checkpoint, loop, optim
from repro.train.control import Settings, Stop
from repro.train.learner import Learner


def test_a_run_stopped_at_random_iterations_ends_with_the_same_bits(tmp_path: Path) -> None:
    run, rng = small_run(), random.Random(20)
    finish(run, tmp_path / "straight")
    for _ in range(3):
        last = finish(run, tmp_path / "halting", stop=StopAfter(iterations=rng.randrange(1, 12)))[-1]
        assert last.status == "interrupted"
    assert finish(run, tmp_path / "halting")[-1].status == "done"
    assert_same_bits(tmp_path / "straight", tmp_path / "halting")
    assert len(records.read_run(tmp_path / "halting").sessions) == 4  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.fault(
    "SIGKILL in mid-epoch",
    "the same command, given again, ends with the bits of an undisturbed run",
)
def test_a_run_killed_in_mid_epoch_ends_with_the_same_bits(tmp_path: Path) -> None:
    """SIGKILL, no chance to save: the run goes on from its last checkpoint, up to 19 iterations back."""
    run = small_run(iterations=60)
    finish(run, tmp_path / "straight")
    script = tmp_path / "child.py"
    script.write_text(
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from helpers import finish, small_run\n"
        "finish(small_run(iterations=60), Path(sys.argv[2]))\n"
    )
    killed = tmp_path / "killed"
    killed.mkdir()
    child = subprocess.Popen([sys.executable, script, Path(__file__).parent, killed])
    while not (killed / checkpoint.PREVIOUS).exists() and child.poll() is None:
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    record = records.read_run(killed)
    assert record and record.status == "running" and not (killed / "predictions.npz").exists()
    finish(run, killed)
    assert_same_bits(tmp_path / "straight", killed)


@dataclass
class Seconds(StopAfter):
    """A clock by which each iteration takes a second."""

    now: float = 0.0

    def requested(self) -> str:
        self.now += 1
        return super().requested()

    def monotonic(self) -> float:
        return self.now

    perf_counter = staticmethod(time.perf_counter)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "iterations", "expected"),
    [(0, 99, [10, 20, 30, 40, 50, 55]), (21, 99, [30, 55]), (3600, 99, [55]), (3600, 25, [25])],
)
def test_checkpoints_keep_their_distance_in_iterations_and_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, iterations: int, expected: list[int]
) -> None:
    """One is written at the end and on stopping, however short ago the last was."""
    saved, clock = [], Seconds(iterations=iterations)
    monkeypatch.setattr(checkpoint, "save", lambda folder, state: saved.append(state["learner"]["iteration"]))
    monkeypatch.setattr(loop, "time", clock)
    settings = Settings(threads=1, checkpoint_every=10, checkpoint_seconds=seconds)
    finish(small_run(iterations=55), tmp_path / "run", settings, clock)
    assert saved == expected


def test_what_a_finished_run_leaves(tmp_path: Path) -> None:
    run = small_run(train_split="train1200")
    steps = finish(run, tmp_path / "run")
    record, metrics = records.read_run(tmp_path / "run"), records.read_metrics(tmp_path / "run")
    assert record is not None
    assert metrics.iteration.tolist() == [16, 32, 40]  # every 16th, and the last
    assert metrics.lr.tolist() == pytest.approx([0.05, 0.005, 0.005])
    assert record.status == steps[-1].status == "done" and record.iteration == 40
    assert record.final.test_error == metrics.test_error.iloc[-1] == steps[-1].test_error
    assert record.best.test_error == metrics.test_error.min()
    best = metrics.loc[metrics.validation_error.idxmin()]
    assert record.best_on_validation.iteration == best.iteration
    assert record.final.train_error == pytest.approx(100 - metrics.train_accuracy.iloc[-1])
    top1, label = records.read_predictions(tmp_path / "run")
    assert top1.dtype == np.uint8 and 100 * (top1 != label).mean() == pytest.approx(record.final.test_error)
    session = record.sessions[0]
    assert session.threads == 1 and session.precision == "fp32"
    assert session.model_dump()["packages"]["torch"]
    assert 0 < record.wall_seconds < 600
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "checkpoint.pt",
        "metrics.csv",
        "predictions.npz",
        "run.json",
    ]


def test_it_learns(tmp_path: Path) -> None:
    run = small_run(
        iterations=120,
        image_size=8,
        augment=[],
        model={"name": "resnet-cifar", "depth": 8, "width": 8},
        evaluate_every=120,
    )
    assert finish(run, tmp_path / "run")[-1].test_error < 15  # chance is 90


def test_a_diverged_run_is_recorded_with_its_error(tmp_path: Path) -> None:
    steps = finish(small_run(iterations=400, diverge_above=0.5), tmp_path / "run")
    record = records.read_run(tmp_path / "run")
    assert record and steps[-1].status == record.status == "diverged"
    assert record.iteration == 16  # the first look after the bound was passed: an evaluation
    assert record.final.test_error > 0 and (tmp_path / "run" / "predictions.npz").exists()


def test_a_run_that_diverged_at_its_end_stays_diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is broken off between its last checkpoint and its record's last word."""
    run = small_run(iterations=16, diverge_above=0.5)
    with monkeypatch.context() as broken, pytest.raises(OSError, match="full"):
        broken.setattr(records, "write_predictions", Mock(side_effect=OSError("full")))
        finish(run, tmp_path / "run")
    assert finish(run, tmp_path / "run")[-1].status == "diverged"


def test_what_another_process_has_finished_is_not_opened_again(tmp_path: Path) -> None:
    finish(small_run(), tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    steps = finish(small_run(), tmp_path / "run")
    assert [(step.status, step.note) for step in steps] == [("done", "another process has already finished this run")]
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_nan_is_divergence(tmp_path: Path) -> None:
    run = small_run(optimizer={"name": "sgd", "lr": 1e30})
    finish(run, tmp_path / "run")
    record, metrics = records.read_run(tmp_path / "run"), records.read_metrics(tmp_path / "run")
    assert record and record.status == "diverged"
    assert np.isnan(metrics.train_loss.iloc[-1])


@pytest.mark.fault(
    "a damaged checkpoint",
    "the one before it is used; the same bits",
)
def test_a_damaged_checkpoint_is_told_and_the_one_before_it_used(tmp_path: Path) -> None:
    run = small_run()
    finish(run, tmp_path / "straight")
    finish(run, tmp_path / "run", stop=StopAfter(iterations=25))
    path = tmp_path / "run" / checkpoint.CURRENT
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    steps = finish(run, tmp_path / "run")
    assert "damaged" in steps[0].note and str(path) in steps[0].note
    assert steps[0].iteration == 20  # checkpoints at 10, 20 and the stop at 25
    assert_same_bits(tmp_path / "straight", tmp_path / "run")


def test_a_resumed_runs_speed_is_of_its_own_session(tmp_path: Path) -> None:
    """The stretch before the stop took an hour by the checkpoint: that says nothing about how fast it goes on."""
    run, folder = small_run(evaluate_every=40), tmp_path / "run"
    finish(run, folder, stop=StopAfter(iterations=5))
    state = checkpoint.load(folder, [records.read_run(folder).fingerprint], print)  # type: ignore[union-attr]
    assert state is not None
    checkpoint.save(folder, state | {"window_seconds": 3600.0})
    begun = time.perf_counter()
    speeds = [p.iterations_per_second for p in finish(run, folder) if p.iteration == 40 and p.iterations_per_second > 0]
    assert speeds and speeds[0] > 35 / (time.perf_counter() - begun)


def test_where_no_checkpoint_is_sound_the_run_begins_anew_and_says_so(tmp_path: Path) -> None:
    run = small_run()
    finish(run, tmp_path / "run", stop=StopAfter(iterations=25))
    for name in (checkpoint.CURRENT, checkpoint.PREVIOUS):
        (tmp_path / "run" / name).write_bytes(b"junk")
    note = finish(run, tmp_path / "run")[0].note
    assert note.startswith("damaged: ") and note.endswith("; no intact checkpoint is left, so training restarts")
    assert all(name in note for name in (checkpoint.CURRENT, checkpoint.PREVIOUS))


def test_a_checkpoint_of_another_recipe_is_not_gone_on_with(tmp_path: Path) -> None:
    finish(small_run(), tmp_path / "run", stop=StopAfter(iterations=15))
    first = finish(small_run(seed=1), tmp_path / "run", stop=StopAfter(iterations=0))[0]
    assert first.iteration == 0


@pytest.mark.fault(
    "a full disk while a checkpoint is written",
    "the old one stays whole",
)
def test_a_full_disk_while_a_checkpoint_is_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run()
    finish(run, tmp_path / "run", stop=StopAfter(iterations=12))
    before = (tmp_path / "run" / checkpoint.CURRENT).read_bytes()
    real = os.fsync

    def full(descriptor: int) -> None:
        if os.fstat(descriptor).st_size > 100_000:  # only the checkpoint is that large
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    steps = finish(run, tmp_path / "run")
    assert any("No space left" in step.note and "iteration 20" in step.note for step in steps)
    assert steps[-1].status == "done"  # training itself went on
    assert (tmp_path / "run" / checkpoint.CURRENT).read_bytes() == before
    assert not list((tmp_path / "run").glob("*.part"))


def test_a_time_limit_stops_with_a_checkpoint(tmp_path: Path) -> None:
    run = small_run(iterations=10_000)
    finish(run, tmp_path / "run", stop=StopAfter(iterations=1))  # loads all that training needs, however long it takes
    steps = finish(run, tmp_path / "run", stop=Stop(deadline=time.monotonic() + 1))
    record = records.read_run(tmp_path / "run")
    assert record and steps[-1].status == record.status == "interrupted" and record.reason == "time limit"
    assert (tmp_path / "run" / checkpoint.CURRENT).exists() and record.iteration > 1


@pytest.mark.parametrize(("given", "there"), [({}, ":4096:8"), ({"CUBLAS_WORKSPACE_CONFIG": ":16:8"}, ":16:8")])
def test_cublas_is_set_up_before_torch_can_call_it(given: dict[str, str], there: str) -> None:
    """By the first import, which brings no torch; what the user has set stays."""
    environment = {name: value for name, value in os.environ.items() if name != "CUBLAS_WORKSPACE_CONFIG"} | given
    script = "import os, sys, repro; print(os.environ['CUBLAS_WORKSPACE_CONFIG'], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [there, "False"]


def test_learning_rate_by_iteration() -> None:
    schedule = Schedule.model_validate(
        {"iterations": 64000, "drops": [32000, 48000], "warmup": {"lr": 0.01, "iterations": 400}}
    )
    rates = {0: 0.01, 399: 0.01, 400: 0.1, 31999: 0.1, 32000: 0.01, 47999: 0.01, 48000: 0.001, 63999: 0.001}
    for iteration, rate in rates.items():
        assert optim.learning_rate(schedule, 0.1, iteration) == pytest.approx(rate)


@pytest.mark.parametrize("last_batch", ["keep", "wrap"])
def test_a_cosine_schedule_in_epochs_is_torchs_stepped_once_per_epoch(last_batch: Any) -> None:
    stated = StatedRecipe.model_validate(
        recipe().model_dump() | {"last_batch": last_batch, "schedule": {"epochs": 200, "shape": "cosine"}}
    )
    schedule = resolve_schedule(stated).schedule
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=200)
    rates = []
    for epoch in range(200):
        first, after = (epochs_to_iterations(stated, n) if n else 0 for n in (epoch, epoch + 1))
        rates += [optimizer.param_groups[0]["lr"]] * (after - first)
        optimizer.step(), scheduler.step()
    found = [optim.learning_rate(schedule, 0.1, iteration) for iteration in range(schedule.iterations)]
    assert found == pytest.approx(rates, rel=1e-9, abs=1e-12)


def test_a_cosine_schedule_in_iterations_moves_at_each_and_keeps_its_shape_when_shortened() -> None:
    quarters = [2, 1 + 0.5**0.5, 1, 1 - 0.5**0.5]
    schedule = Schedule(iterations=4, shape="cosine")
    assert [optim.learning_rate(schedule, 2.0, i) for i in range(4)] == pytest.approx(quarters)
    full = recipe(schedule={"iterations": 16, "shape": "cosine", "pieces": 4})
    short = scaled(full, Fraction(1, 2)).schedule
    assert [optim.learning_rate(short, 2.0, 2 * i + 1) for i in range(4)] == pytest.approx(quarters)


def test_the_learning_rate_is_set_where_it_changes_and_after_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    run = small_run(schedule={"iterations": 9, "drops": [4, 6], "warmup": {"lr": 0.0, "iterations": 2}})
    fresh, resumed = (Learner(run, torch.device("cpu")) for _ in range(2))
    for _ in range(7):
        fresh.iterate()
    resumed.restore(copy.deepcopy(fresh.state()))
    for learner in (fresh, resumed):
        learner.iterate()
        assert learner.optimizer.param_groups[0]["lr"] == learner.rate == pytest.approx(0.0005)
    told = Mock()
    monkeypatch.setattr(optim, "set_learning_rate", told)
    learner = Learner(run, torch.device("cpu"))
    for _ in range(9):
        learner.iterate()
    assert [call.args[1] for call in told.call_args_list] == pytest.approx([0.0, 0.05, 0.005, 0.0005])


def sgd(gradient: torch.Tensor, state: torch.Tensor, nesterov: bool) -> torch.Tensor:
    """Momentum 0.9 as PyTorch writes it; `state` is the velocity."""
    state.mul_(0.9).add_(gradient)
    return gradient + 0.9 * state if nesterov else state


def adam(gradient: torch.Tensor, state: torch.Tensor, update: int) -> torch.Tensor:
    """Kingma & Ba's Algorithm 1 with its defaults; `state` holds both moments."""
    state[0].mul_(0.9).add_(0.1 * gradient)
    state[1].mul_(0.999).add_(0.001 * gradient**2)
    return state[0] / (1 - 0.9**update) / ((state[1] / (1 - 0.999**update)).sqrt() + 1e-8)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam"])
def test_updates_are_the_papers(name: str, fused: bool) -> None:
    """Those of the learner against the rules written out by hand, over a warm-up and two drops of the rate."""
    moving = {"momentum": 0.9, "nesterov": name == "nesterov"} if name != "adam" else {}
    optimizer = {"name": name if name == "adam" else "sgd", "lr": 0.05, "weight_decay": 0.01, **moving}
    schedule = {"iterations": 5, "drops": [2, 4], "warmup": {"lr": 0.01, "iterations": 1}}
    run = small_run(optimizer=optimizer, schedule=schedule)
    learner = Learner(run, torch.device("cpu"))
    learner.optimizer = optim.build(run.recipe, learner.model, fused)
    parameters = list(learner.model.parameters())
    states = [torch.zeros(2, *p.shape) if name == "adam" else torch.zeros_like(p) for p in parameters]
    for update, rate in enumerate([0.01, 0.05, 0.005, 0.005, 0.0005], start=1):
        before = [p.detach().clone() for p in parameters]
        learner.iterate()
        for p, old, state in zip(parameters, before, states, strict=True):
            assert p.grad is not None
            gradient = p.grad + 0.01 * old
            step = adam(gradient, state, update) if name == "adam" else sgd(gradient, state, name == "nesterov")
            torch.testing.assert_close(p.detach() - old, -rate * step, rtol=1e-3, atol=1e-6 * rate + 1e-7)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_final_network_is_evaluated_in_fp32_too(tmp_path: Path, precision: str) -> None:
    settings = Settings(threads=1, precision=precision, step="plain")
    finish(small_run(), tmp_path / "run", settings)
    record = records.read_run(tmp_path / "run")
    assert record and record.run.recipe.precision == precision
    trained = Learner(small_run(), torch.device("cpu"))
    trained.model.load_state_dict(weights(tmp_path / "run"))
    assert record.final.test_error_fp32 == trained.test_in_fp32().error
    if precision == "fp32":
        assert record.final.test_error_fp32 == record.final.test_error
    assert record.best and record.best.test_error_fp32 is None


def test_weight_decay_can_spare_norms_and_biases() -> None:
    run = small_run(optimizer={"name": "sgd", "lr": 0.05, "weight_decay": 0.01, "decay_norm_and_bias": False})
    decayed, spared = Learner(run, torch.device("cpu")).optimizer.param_groups
    assert decayed["weight_decay"] == 0.01 and spared["weight_decay"] == 0
    assert {p.dim() for p in spared["params"]} == {1} and {p.dim() for p in decayed["params"]} == {2, 4}


def test_bn_batch_reaches_the_network() -> None:
    run = small_run(bn_batch=32, image_size=8, model={"name": "resnet-cifar", "depth": 8})
    learner = Learner(run, torch.device("cpu"))
    norms = [m for m in learner.model.modules() if isinstance(m, GhostBatchNorm2d)]
    assert norms and all(norm.group == 32 for norm in norms)
    learner.iterate()


@pytest.mark.parametrize(
    ("device", "size", "images"),
    [
        ("cpu", 32, 500),
        ("cpu", 64, 500),
        ("cpu", 224, 40),
        ("cuda", 28, 2500),
        ("cuda", 32, 2500),
        ("cuda", 224, 51),
        ("cuda", 9999, 1),
    ],
)
def test_images_are_evaluated_in_batches_that_fit_the_device(device: str, size: int, images: int) -> None:
    assert step.evaluation_batch(torch.device(device), size, size) == images


def test_each_image_is_evaluated_once_whatever_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Learner(small_run(), torch.device("cpu"))
    whole, asked = learner.test(), []
    monkeypatch.setattr(step, "evaluation_batch", lambda *what: asked.append(what) or 100)
    parts = learner.test()
    assert asked == [(torch.device("cpu"), 32, 32)]
    assert torch.equal(parts.predictions, whole.predictions) and parts.error == whole.error
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)


@pytest.mark.parametrize("change", [lambda r: r, lambda r: small_run(seed=1)], ids=["same-seed", "other-seed"])
def test_arms_share_their_seeds_order(change: Callable[[Run], Run]) -> None:
    """Two arms with one seed see the same images in the same order with the same crops: what pairing stands on."""
    a = Learner(small_run(), torch.device("cpu"))
    run = change(small_run(image_size=32, model={"name": "vgg", "config": "B", "width_divisor": 32}))
    b = Learner(run, torch.device("cpu"))
    same = all(
        torch.equal(getattr(a.sampler.batch(5), k), getattr(b.sampler.batch(5), k)) for k in ("index", "corner", "flip")
    )
    assert same == (run.seed == 0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_sees_the_same_batches_and_nearly_the_same_losses(tmp_path: Path) -> None:
    run = small_run(image_size=8, model={"name": "resnet-cifar", "depth": 8})
    cpu, gpu = (Learner(run, torch.device(kind)) for kind in ("cpu", "cuda"))
    assert torch.equal(cpu.sampler.batch(30).corner, gpu.sampler.batch(30).corner.cpu())
    for _ in range(5):
        cpu.iterate(), gpu.iterate()
    assert gpu.meters.read()[0] == pytest.approx(cpu.meters.read()[0], rel=1e-4)
    for name, halting in (("straight", False), ("halting", True)):
        settings = Settings(device="cuda", checkpoint_every=10, checkpoint_seconds=0)
        if halting:
            finish(run, tmp_path / name, settings, StopAfter(iterations=17))
        finish(run, tmp_path / name, settings)
    assert_same_bits(tmp_path / "straight", tmp_path / "halting")
