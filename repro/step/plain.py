"""The plain step (eager torch and autograd), the meters of training, and the evaluation of a set of images.

Does not know schedules, paths or records.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import nn

from repro.data.batches import Transform
from repro.data.load import Images


class Meters:
    """Running sums of training loss and hits, kept on the device so that no iteration waits for the host."""

    def __init__(self, device: torch.device) -> None:
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self.worst_loss = torch.zeros((), device=device)  # the largest batch loss; NaN if any was NaN
        self.hits = torch.zeros((), dtype=torch.int64, device=device)
        self.images = 0

    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add one batch; the caller counts its `images`, on the host."""
        self.loss_sum.add_(loss, alpha=len(labels))  # in float64, where the product is exact
        torch.maximum(self.worst_loss, loss, out=self.worst_loss)  # propagates NaN
        self.hits += (logits.argmax(1) == labels).sum()

    def read(self) -> tuple[float, float]:
        """Mean loss (nats) and accuracy (%) over the images seen; waits for the device."""
        return self.loss_sum.item() / self.images, 100 * self.hits.item() / self.images

    def state(self) -> dict[str, torch.Tensor | int]:
        return {
            "loss_sum": self.loss_sum,
            "worst_loss": self.worst_loss,
            "hits": self.hits,
            "images": self.images,
        }

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        for name in ("loss_sum", "worst_loss", "hits"):
            getattr(self, name).copy_(state[name])
        self.images = int(state["images"])

    def reset(self) -> None:
        for meter in (self.loss_sum, self.worst_loss, self.hits):
            meter.zero_()
        self.images = 0


class Step(Protocol):
    """A way to compute one batch: training and evaluation."""

    def gradients(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Set every parameter's gradient; returns loss (nats) and logits (N, classes).

        Takes float32 images (N, C, H, W) and int64 labels (N,); the plain step also shares of the classes (N, classes).
        """

    def update(
        self, images: torch.Tensor, labels: torch.Tensor, optimizer: torch.optim.Optimizer
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One update of the weights; returns the loss (nats) and logits (N, classes) before it."""
        result = self.gradients(images, labels)
        optimizer.step()
        return result

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of float32 images (N, C, H, W), by the running statistics."""


class PlainStep(Step):
    """Eager torch and autograd: the reference that every other step must equal.

    `precision`: "fp32"; "tf32", where CUDA rounds the factors of products to 10 bits; or "bf16", torch's autocast:
    products and activations in bfloat16; weights, statistics, loss and updates in float32. `label_smoothing` and
    `clip_norm` as in a recipe.
    """

    def __init__(
        self, model: nn.Module, precision: str, label_smoothing: float = 0.0, clip_norm: float | None = None
    ) -> None:
        self.model, self.precision = model, precision
        self.label_smoothing, self.clip_norm = label_smoothing, clip_norm

    def gradients(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self._logits(images)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        self.model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        return loss.detach(), logits.detach()

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """The caller has put the model into evaluation mode."""
        return self._logits(images)

    def set_tf32(self) -> None:
        """Before each use, because the setting is global and other runs may share this process."""
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.precision == "tf32"

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        self.set_tf32()
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            logits: torch.Tensor = self.model(images.contiguous(memory_format=torch.channels_last))
        return logits.float()


@dataclass(frozen=True)
class Evaluation:
    """Mean loss (nats), error (%), and the predicted class of each image (uint8 (N,), on the CPU)."""

    loss: float
    error: float
    predictions: torch.Tensor


def evaluation_batch(device: torch.device, height: int, width: int) -> int:
    """Images per evaluation batch; affects results only through rounding.

    On CUDA 2,500 images of 32x32 pixels, for few kernel launches; on the CPU 500 of up to 64x64; fewer of larger ones,
    which take more memory.
    """
    most, side = (500, 64) if device.type == "cpu" else (2500, 32)
    return max(1, min(most, most * side * side // (height * width)))


@torch.no_grad()
def evaluate(model: nn.Module, step: Step, images: Images, transform: Transform) -> Evaluation:
    """Evaluate `model` once on every image, without crop or flip. Leaves every module in the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    loss = torch.zeros((), dtype=torch.float64, device=images.labels.device)
    predictions = []
    size = evaluation_batch(images.pixels.device, *transform.image(images.pixels)[1:])
    for start in range(0, len(images), size):
        part, labels = (t[start : start + size] for t in (images.pixels, images.labels))
        logits = step.logits(transform.normalise(part))
        loss += F.cross_entropy(logits, labels, reduction="sum").double()
        predictions.append(logits.argmax(1))
    for module in training:
        module.training = True
    top1 = torch.cat(predictions)
    wrong = int((top1 != images.labels).sum())
    return Evaluation(float(loss) / len(images), 100 * wrong / len(images), top1.to(torch.uint8).cpu())
