"""Optimizers by name, and the learning rate as a function of the iteration. The loop is in `train`."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from repro.spec import Recipe, Schedule


def learning_rate(schedule: Schedule, base: float, iteration: int) -> float:
    """The rate of update `iteration`, counted from 0: a drop at 32000 holds from the 32001st update on."""
    if schedule.warmup and iteration < schedule.warmup.iterations:
        return schedule.warmup.lr
    passed = sum(iteration >= drop for drop in schedule.drops)
    return float(base * schedule.factor**passed)


def _sgd(groups: list[dict[str, Any]], args: dict[str, Any]) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, foreach=True, **args)


def _adam(groups: list[dict[str, Any]], args: dict[str, Any]) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, foreach=True, **args)


OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]], dict[str, Any]], torch.optim.Optimizer]] = {
    "sgd": _sgd,
    "adam": _adam,
}


def build(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimizer over `model`; biases and norm parameters are the ones with a single dimension."""
    args = recipe.optimizer.model_dump(exclude={"name", "decay_norm_and_bias"})
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if not recipe.optimizer.decay_norm_and_bias:
        weights = [p for p in model.parameters() if p.dim() > 1]
        rest = [p for p in model.parameters() if p.dim() <= 1]
        groups = [{"params": weights}, {"params": rest, "weight_decay": 0.0}]
    return OPTIMIZERS[recipe.optimizer.name](groups, args)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
