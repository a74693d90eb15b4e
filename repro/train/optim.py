"""Optimizers by name, and the learning rate as a function of the iteration."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from repro.errors import UserError
from repro.spec import Recipe, Schedule, torch_optim
from repro.spec.optimization import TorchOptimizer


def learning_rate(schedule: Schedule, base: float, iteration: int) -> float:
    """The learning rate of update `iteration`, counted from 0: a drop at 32000 takes effect at the 32001st update."""
    warmup = schedule.warmup
    if not warmup or iteration >= warmup.iterations:
        return SHAPES[schedule.shape](schedule, base, iteration)
    if warmup.shape == "constant":
        return warmup.lr
    end = SHAPES[schedule.shape](schedule, base, warmup.iterations)
    return warmup.lr + (end - warmup.lr) * iteration / warmup.iterations


def _steps(schedule: Schedule, base: float, iteration: int) -> float:
    passed = sum(iteration >= drop for drop in schedule.drops)
    return float(base * schedule.factor**passed)


def _cosine(schedule: Schedule, base: float, iteration: int) -> float:
    return _along_cosine(base, schedule.last_lr, *_passed(schedule, iteration))


def _linear(schedule: Schedule, base: float, iteration: int) -> float:
    passed, pieces = _passed(schedule, iteration)
    return base + (schedule.last_lr - base) * passed / pieces


def _one_cycle(schedule: Schedule, base: float, iteration: int) -> float:
    """torch's OneCycleLR: the last update has the lowest rate, and the peak may lie between two updates."""
    first, last = base / 25, base / 25 / 1e4
    peak, end = schedule.rise * schedule.iterations - 1, schedule.iterations - 1
    if iteration < peak:
        return _along_cosine(first, base, iteration, peak)
    return _along_cosine(base, last, iteration - peak, end - peak)


def _passed(schedule: Schedule, iteration: int) -> tuple[int, int]:
    """How many of the schedule's pieces have passed, of how many."""
    pieces = schedule.pieces or schedule.iterations
    return iteration * pieces // schedule.iterations, pieces


def _along_cosine(start: float, end: float, passed: float, of: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * passed / of)) / 2


SHAPES = {"steps": _steps, "cosine": _cosine, "linear": _linear, "one-cycle": _one_cycle}


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


def build(recipe: Recipe, model: nn.Module, fused: bool = False) -> torch.optim.Optimizer:
    """The recipe's optimizer for `model`. Parameters with one dimension are taken to be biases and norm parameters.

    `fused`: one kernel for the whole update. On CUDA the learning rate is then a tensor, so that a CUDA graph reads its
    current value at every replay. UserError if torch refuses its options.
    """
    name = recipe.optimizer.name
    args = recipe.optimizer.model_dump(exclude={"name", "decay_norm_and_bias", "options"})
    args["fused" if fused else "foreach"] = True
    if fused and next(model.parameters()).is_cuda:
        args["lr"] = torch.tensor(args["lr"], device=next(model.parameters()).device)
        if name != "sgd":
            args["capturable"] = True
            warnings.filterwarnings("ignore", "This instance was constructed with capturable")  # also run uncaptured
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [{"params": parameters}]
    if not recipe.optimizer.decay_norm_and_bias:
        weights = [p for p in parameters if p.dim() > 1]
        rest = [p for p in parameters if p.dim() <= 1]
        groups = [{"params": weights}, {"params": rest, "weight_decay": 0.0}]
    if not isinstance(recipe.optimizer, TorchOptimizer):
        return OPTIMIZERS[name](groups, **args)
    kind: Callable[..., torch.optim.Optimizer] = getattr(torch.optim, name.removeprefix(torch_optim.PREFIX))
    try:
        return kind(groups, **args | recipe.optimizer.options)
    except (TypeError, ValueError) as error:
        raise UserError(f"optimizer: {name} refuses its options {recipe.optimizer.options}: {error}") from error


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
