"""The moving average of a network's weights, which a recipe with `ema` evaluates and keeps."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """An average of `model`'s weights and batch-norm statistics: a copy after the first update, then as `Ema` says.

    Counters, which are whole numbers, are the model's own.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.values: dict[str, Tensor] = {}  # as the model's state_dict; empty before the first update

    @torch.no_grad()
    def update(self) -> None:
        """Follow the model's present weights."""
        present = self.model.state_dict()
        if not self.values:
            self.values = {name: value.clone() for name, value in present.items()}
            return
        floats = [name for name, value in present.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.values[n] for n in floats], [present[n] for n in floats], 1 - self.decay)
        for name in present.keys() - {*floats}:
            self.values[name].copy_(present[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the average inside, and afterwards its own weights again."""
        raw = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.values or raw)
        try:
            yield
        finally:
            self.model.load_state_dict(raw)
