"""Gives a network the weights its recipe starts from: another run's, a file's or torchvision's. Trains nothing."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from repro import records, spec
from repro.data import catalog
from repro.errors import UserError
from repro.spec import Run
from repro.train import checkpoint

State = dict[str, Tensor]


def start_from(model: nn.Module, run: Run, root: Path | None, specs: Mapping[str, Path] | None = None) -> None:
    """Load the weights that `run` starts from into `model`, on the CPU, and freeze what its recipe does not train.

    `run`: with its precision set. `root`: the project folder, which holds the results of other runs; None loads
    nothing, which suffices to measure speed. `specs`: experiment -> the folder of its file, from which the path of a
    file of weights starts; by default experiments/ in `root`. UserError if the weights are missing or do not fit.
    """
    weights = run.recipe.weights
    if weights is None:
        return
    head = head_of(model)
    if root:
        folder = (specs or {}).get(run.experiment, root / "experiments")
        state = _of_run(run.source, root) if run.source else _of_file(folder, run)
        _load(model, state, run, {head} if weights.head == "new" else set())
    if weights.train == "head":
        for name, module in model.named_modules():
            if name != head:
                module.training = False  # batch norm keeps its statistics, and dropout is off
        for name, parameter in model.named_parameters():
            parameter.requires_grad = name.startswith(f"{head}.")


def head_of(model: nn.Module) -> str:
    """The name of the network's last linear layer."""
    names: list[str] = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return names[-1]


def check_source(run: Run, root: Path) -> None:
    """UserError if the weights of the run that `run` starts from are not on this machine."""
    source = run.source
    if not source:
        return
    fingerprints = spec.fingerprints(source, catalog.describe(source.recipe.dataset).checksum)
    folder = records.run_folder(root, source)
    record = records.read_run(folder)
    if not (record and record.is_finished and record.fingerprint in fingerprints):
        raise UserError(f"{run.name} starts from {source.name}, which is not trained. {_train_first(source)}")
    if not (folder / checkpoint.CURRENT).exists():
        raise UserError(
            f"{run.name} starts from {source.name}, whose record is here but not its weights, "
            f"{folder / checkpoint.CURRENT}: copy them here, or move the record away. {_train_first(source)}"
        )


def _train_first(source: Run) -> str:
    precision = f" --precision {source.recipe.precision}" if source.recipe.precision else ""
    seeds = f"--seeds {source.seed + 1}{source.scale.flag}{precision}"
    return f"To train it: repro run {source.experiment} --arm {source.arm} {seeds}"


def _of_run(source: Run, root: Path) -> State:
    """The kept network of a finished run."""
    folder, damaged = records.run_folder(root, source), list[str]()
    fingerprint = spec.fingerprint(source, catalog.describe(source.recipe.dataset).checksum)
    saved, record = checkpoint.load(folder, [fingerprint], damaged.append), records.read_run(folder)
    if saved is None or record is None or not record.is_finished:
        why = damaged[0] if damaged else f"they are not in {folder}"
        raise UserError(f"no weights of {source.name} in {source.recipe.precision}: {why}. {_train_first(source)}")
    return kept_network(saved["learner"])


def kept_network(learner: dict[str, Any]) -> State:
    """The weights that a finished run keeps, of its learner's state: of its best evaluation, averaged, or the last."""
    return cast(State, learner.get("kept") or learner.get("average") or learner["model"])


def _of_file(folder: Path, run: Run) -> State:
    """A file's tensors, or torchvision's weights. A relative path starts at `folder`, that of the spec."""
    assert run.recipe.weights
    if not run.recipe.weights.is_file:
        return _of_torchvision(run)
    path = folder / run.recipe.weights.source
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{run.name}: cannot read the weights {path}: {error.strerror}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != run.recipe.weights.sha256:
        raise UserError(
            f"{run.name}: the weights {path} have SHA-256 {found}, but the spec has {run.recipe.weights.sha256}"
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            return load(content)
        state: State = torch.load(path, map_location="cpu", weights_only=True)
        return state
    except Exception as error:  # a damaged file raises many kinds of errors
        raise UserError(f"{run.name}: {path} does not hold weights: {error}") from error


def _of_torchvision(run: Run) -> State:
    """torchvision's weights for the run's network, downloaded into torch's cache and checked there."""
    import torchvision

    assert run.recipe.weights
    network, name = run.recipe.model.torchvision_name, run.recipe.weights.source
    if not network:
        raise UserError(f"{run.name}: torchvision has no network like this one, so no weights {name!r} for it")
    known = torchvision.models.get_model_weights(network)
    if name not in known.__members__:
        raise UserError(
            f"{run.name}: torchvision has no weights {name!r} of {network}; it has: {', '.join(known.__members__)}"
        )
    try:
        state: State = known[name].get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise UserError(f"{run.name}: cannot download {known[name].url}: {error}") from error
    return state


def _load(model: nn.Module, state: State, run: Run, new: set[str]) -> None:
    """Copy `state` into `model`, by name or, if the names are another implementation's, in order.

    A .safetensors file has no order, so its names must be ours. `new`: the layers left as they are. UserError if the
    tensors differ in number or shape.
    """

    assert run.recipe.weights
    source = run.recipe.weights.source
    what = f"{run.name}: weights {source!r}"

    def kept(name: str) -> bool:
        return not name.endswith("num_batches_tracked") and name.rpartition(".")[0] not in new

    ours = {name: tensor for name, tensor in model.state_dict().items() if kept(name)}
    theirs = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    if ours.keys() <= theirs.keys():
        pairs = [(name, theirs[name]) for name in ours]
    elif source.endswith(".safetensors"):
        missing = [name for name in ours if name not in theirs]
        raise UserError(f"{what} lack {missing[0]!r} and {len(missing) - 1} more of the network's {len(ours)} tensors")
    else:  # the head comes last
        pairs = list(zip(ours, theirs.values(), strict=False))
    if len(pairs) < len(ours):
        raise UserError(f"{what} hold {len(theirs)} tensors; the network needs {len(ours)}")
    for name, tensor in pairs:
        if tensor.shape != ours[name].shape:
            shapes = f"{list(tensor.shape)} instead of {list(ours[name].shape)}"
            raise UserError(f"{what} do not fit the network: {name} has the shape {shapes}")
    model.load_state_dict(dict(pairs), strict=False)
