"""The GPU's fast steps: an update as a CUDA graph, compiled blocks, runs side by side. Half of it needs no GPU."""

import copy
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from helpers import (
    CIFAR,
    CPU,
    CUDA,
    REPO,
    Played,
    assert_same_bits,
    batch,
    finish,
    gentle,
    gradient,
    loss_of,
    needs_gpu,
    network,
    small_run,
)

from repro import spec
from repro.errors import UserError
from repro.run import launch
from repro.run.launch.interleaved import interleaved
from repro.spec import Run
from repro.step import method
from repro.step.compiled import CompiledStep
from repro.step.cuda_graph import garbage_collection_paused, restoring
from repro.step.plain import PlainStep
from repro.train import learner
from repro.train.control import Settings, Stop
from repro.train.learner import Learner

# torch.compile looks at it on its way, and hides the warning unless warnings are errors
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")

RESNET = {"model": {"name": "resnet-cifar", "depth": 8}}
SEPARATE = {"block": "full-preact", "subsample": "separate-conv"}
TRACED = "aot_eager"  # torch.compile without its compiler: what it traces is run by torch's own operations


@pytest.fixture
def no_compiled_code() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize(
    ("precision", "design"),
    [("bf16", SEPARATE), pytest.param("fp32", {}, marks=pytest.mark.slow), ("fp32", {"bn_batch": 16})],
)
@pytest.mark.usefixtures("no_compiled_code")
def test_what_is_compiled_is_the_plain_step(precision: str, design: Any) -> None:
    """Bit for bit, where the same operations compute it; evaluation too."""
    images, labels = batch(32)
    traced, plain = network(depth=8, **design), network(depth=8, **design)
    step, other = CompiledStep(traced, precision, TRACED), PlainStep(plain, precision)
    for _ in range(2):
        assert all(map(torch.equal, step.gradients(images, labels), other.gradients(images, labels)))
    assert torch.equal(gradient(traced), gradient(plain))
    assert all(map(torch.equal, traced.state_dict().values(), plain.state_dict().values()))
    traced.eval(), plain.eval()
    assert torch.equal(step.logits(images), other.logits(images))


@pytest.mark.usefixtures("no_compiled_code")
def test_a_deeper_network_is_not_compiled_anew() -> None:
    images, labels = batch(8)
    compiled = []

    def compiler(graph: torch.fx.GraphModule, inputs: object) -> Any:
        compiled.append(graph)
        return graph.forward

    for depth in (14, 20):
        CompiledStep(network(depth=depth), "fp32", compiler).gradients(images, labels)  # type: ignore[arg-type]
        assert len(compiled) == 5, "two shapes of block per stage, but one in the first, and no graph breaks"


@pytest.mark.usefixtures("no_compiled_code")
def test_a_compiler_that_fails_is_told_in_a_line() -> None:
    def broken(*_: object) -> None:
        raise OSError("no compiler here")

    with pytest.raises(UserError, match=r"^--step compiled: torch.compile failed: .*no compiler here; allowed: .*$"):
        CompiledStep(network(), "fp32", broken).compile(*batch(8))  # type: ignore[arg-type]


def test_compiled_is_for_networks_with_blocks(resnet20: Run) -> None:
    vgg = spec.resolve(spec.load("vgg-depth", REPO), [0], arms=["a"])[0]
    with pytest.raises(UserError, match="only the blocks of ResNets are compiled, .* allowed .*: auto, plain, graph"):
        method.choose(vgg, CIFAR, CUDA, "fp32", "compiled")
    assert method.choose(resnet20, CIFAR, CUDA, "bf16", "compiled") == (method.Method("bf16", "compiled"), "")
    assert method.choose(resnet20, CIFAR, CUDA, "bf16") == (method.Method("bf16", "graph"), "")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_restoring_undoes_updates(optimizer: str) -> None:
    """Of updates, with dropout: before the first, when the optimizer has no state yet, and later."""
    run = small_run(optimizer={"name": optimizer, "lr": 0.01})
    learner, other = Learner(run, CPU), Learner(run, CPU)
    for iteration in (0, 3):
        with restoring(learner.tensors, learner.dropout):
            for _ in range(2):
                learner.update(learner.sampler.batch(iteration + 1))
        for _ in range(3):
            assert loss_of(learner) == loss_of(other)


def test_restoring_undoes_updates_after_an_error() -> None:
    learner, other = Learner(small_run(), CPU), Learner(small_run(), CPU)
    with pytest.raises(KeyError, match="the cause"), restoring(learner.tensors, learner.dropout):
        learner.update(learner.sampler.batch(1))
        raise KeyError("the cause")
    for _ in range(3):
        assert loss_of(learner) == loss_of(other)


def test_the_cause_is_raised_where_nothing_can_be_restored() -> None:
    """A recording that has failed may leave a device on which every call fails."""
    tensor, dropout = torch.ones(1), torch.Generator()
    broken = Mock(side_effect=[[tensor], RuntimeError("CUDA error: the device is lost")])
    with pytest.raises(ValueError, match="the cause"), restoring(broken, dropout):
        raise ValueError("the cause")
    assert broken.call_count == 2
    broken = Mock(side_effect=[[tensor], RuntimeError("the device is lost")])
    with pytest.raises(RuntimeError, match="the device is lost"), restoring(broken, dropout):
        pass


def test_dropout_resumes_only_on_the_same_type_of_device() -> None:
    """A GPU's generator has a state of another size. Networks without dropout do not mind."""
    for run, drawn in ((small_run(), True), (small_run(**RESNET), False)):
        learner = Learner(run, CPU)
        state = learner.state() | {"dropout": torch.zeros(16, dtype=torch.uint8)}
        if drawn:
            with pytest.raises(UserError, match=f"--device cpu: {run.name} was started on cuda.*; allowed: cuda"):
                learner.restore(state)
        else:
            learner.restore(state)


def test_nothing_is_collected_while_recording() -> None:
    with pytest.raises(KeyError), garbage_collection_paused():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


@pytest.mark.slow
@pytest.mark.usefixtures("no_compiled_code")
def test_compiling_before_the_first_iteration_changes_no_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    run = small_run(**RESNET)
    plain = Learner(run, CPU)
    compiled = method.Method("fp32", "compiled")
    monkeypatch.setattr(method, "choose", lambda *_: (compiled, ""))
    monkeypatch.setattr(learner, "CompiledStep", TracedStep)
    monkeypatch.setattr(learner, "Graph", Played)
    fast = Learner(run, CPU)
    assert fast.note.startswith("torch.compile took ")
    assert all(map(torch.equal, fast.model.state_dict().values(), plain.model.state_dict().values()))
    for _ in range(5):
        assert loss_of(fast) == pytest.approx(loss_of(plain), rel=1e-6)  # the optimizer is torch's fused one


class TracedStep(CompiledStep):
    def __init__(self, model: torch.nn.Module, precision: str) -> None:
        super().__init__(model, precision, TRACED)


@needs_gpu
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(
    ("step", "model"), [("graph", {}), ("triton", RESNET), ("compiled", RESNET)], ids=["graph", "triton", "compiled"]
)
def test_a_graph_computes_what_its_update_does(precision: str, optimizer: str, step: str, model: Any) -> None:
    """Bit for bit, over a drop of the learning rate; the first has dropout, so that its stream is in play."""
    run = small_run(optimizer={"name": optimizer, "lr": 0.01}, **model)
    graphed, eager = (Learner(run, CUDA, None, precision, step) for _ in range(2))
    eager.graph = None
    for _ in range(30):
        graphed.iterate(), eager.iterate()
    assert graphed.meters.read() == eager.meters.read()
    for ours, theirs in zip(graphed.model.state_dict().values(), eager.model.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    eager.restore(copy.deepcopy(graphed.state()))
    graphed.iterate(), eager.iterate()
    assert graphed.meters.read() == eager.meters.read()


@needs_gpu
def test_compiled_losses_are_the_plain_steps_to_1e_4(cifar10: Path, resnet20: Run) -> None:
    """Fifty, at a learning rate at which rounding is not amplified."""
    plain, fast = (Learner(gentle(resnet20), CUDA, cifar10, "fp32", step) for step in ("plain", "compiled"))
    for _ in range(50):
        ours, theirs = loss_of(fast), loss_of(plain)
        assert ours == pytest.approx(theirs, rel=1e-4)


@needs_gpu
def test_runs_side_by_side_on_a_gpu_end_with_the_bits_of_each_alone(tmp_path: Path) -> None:
    runs, settings = [small_run(seed=seed) for seed in range(3)], Settings(device="cuda")
    for run in runs:
        finish(run, tmp_path / f"alone-{run.seed}", settings)
    tasks = [launch.Task(run, tmp_path / f"beside-{run.seed}") for run in runs]
    for task in tasks:
        task.folder.mkdir()
    list(interleaved(tasks, settings, Stop(), jobs=3))
    for run in runs:
        assert_same_bits(tmp_path / f"alone-{run.seed}", tmp_path / f"beside-{run.seed}")
