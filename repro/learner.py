"""Everything that training moves: model, optimizer, streams and meters of one run, and one iteration of it.

What is done between iterations (evaluate, checkpoint, record) is the loop's, in `train`.
"""

from pathlib import Path
from typing import Any

import torch

from repro import models, optim, streams
from repro.data.batches import Order, Pixels
from repro.data.load import Splits, load
from repro.spec import Run
from repro.step import Evaluation, Meters, evaluate, plain_step


class Learner:
    """A run's moving parts on one device; what they are after i iterations depends on the run alone."""

    def __init__(self, run: Run, device: torch.device, data_dir: Path | None = None) -> None:
        recipe = run.recipe
        self.run, self.device = run, device
        self.splits = load(recipe, device, data_dir)
        self.pixels = Pixels.fit(recipe, self.splits.train)
        self.order = Order(recipe, len(self.splits.train), run.seed, device)
        self.dropout = streams.generator(run.seed, "dropout", device=device)
        model = self.build_model(run, self.splits, self.dropout)
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = optim.build(recipe, self.model)
        self.meters = Meters(device)
        self.iteration = 0  # updates made
        self.rate = 0.0  # learning rate of the last of them

    @staticmethod
    def build_model(run: Run, splits: Splits, dropout: torch.Generator) -> torch.nn.Module:
        """The run's network for the images of `splits`, on the CPU, as the seed initialises it."""
        channels, size = splits.train.pixels.shape[1:3]
        return models.build(
            **run.recipe.model.model_dump(),
            channels=channels,
            size=size,
            classes=len(splits.classes),
            bn_batch=run.recipe.bn_batch,
            seed=run.seed,
            masks=dropout,
        )

    def iterate(self) -> None:
        """One update: the next batch, drawn, augmented, and stepped on at its learning rate."""
        self.rate = optim.learning_rate(self.run.recipe.schedule, self.run.recipe.optimizer.lr, self.iteration)
        optim.set_learning_rate(self.optimizer, self.rate)
        draws = self.order.batch(self.iteration)
        images = self.pixels.augment(self.splits.train.pixels[draws.index], draws)
        labels = self.splits.train.labels[draws.index]
        plain_step(
            self.model, self.optimizer, images.contiguous(memory_format=torch.channels_last), labels, self.meters
        )
        self.iteration += 1

    def diverged(self) -> bool:
        """Whether any loss since the meters were reset was above the recipe's bound, or NaN; waits for the device."""
        return not self.meters.worst_loss.item() <= self.run.recipe.diverge_above

    def test(self) -> Evaluation:
        return evaluate(self.model, self.splits.test, self.pixels)

    def validate(self) -> Evaluation | None:
        return evaluate(self.model, self.splits.validation, self.pixels) if self.splits.validation else None

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to go on with the same bits; the other streams follow from `iteration`."""
        return {
            "iteration": self.iteration,
            "rate": self.rate,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "dropout": self.dropout.get_state(),
            "meters": self.meters.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.iteration, self.rate = state["iteration"], state["rate"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.dropout.set_state(state["dropout"])
        self.meters.restore(state["meters"])
