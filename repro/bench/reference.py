"""The loops that `repro bench` compares with: the one of public repositories, and the least that torch needs.

Both have the same network, optimizer, batch size, order of images and threads as our loop, in eager fp32. The
reference has torchvision transforms in a DataLoader, with its best number of workers, and `.item()` every step. The
minimal loop takes its batches from normalised images in memory.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms

from repro.spec import Run
from repro.train import optim
from repro.train.learner import Learner

WORKERS = (0, 2, 4)  # of the DataLoader; the best is used


def reference_loop(run: Run, learner: Learner, workers: int) -> Iterator[None]:
    """One update per item, as in public repositories; trains a network of its own."""
    device, recipe = learner.device, run.recipe
    loader: DataLoader[Any] = DataLoader(
        _InMemory(learner, transforms.Compose(_transforms(learner))),
        recipe.batch_size,
        shuffle=recipe.order == "shuffled",
        num_workers=workers,
        pin_memory=device.type == "cuda",
        drop_last=recipe.last_batch != "keep",
    )
    warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than cores
    model, optimizer = _network(run, learner)
    total = 0.0
    while True:
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()
            yield


def minimal_loop(run: Run, learner: Learner) -> Iterator[None]:
    """One update per item, of a network of its own, in the fewest operations of torch.

    Images that the recipe crops, mirrors or resizes are transformed batch by batch, as our plain step does.
    """
    recipe, train, transform = run.recipe, learner.splits.train, learner.transform
    per_batch = bool(recipe.augment) or transform.size is not None
    images = train.pixels if per_batch else transform.normalise(train.pixels)
    model, optimizer = _network(run, learner)
    iteration = 0
    while True:
        draws = learner.sampler.batch(iteration)
        batch, labels = images[draws.index], train.labels[draws.index]
        if per_batch:
            batch = transform.augment(batch, draws)
        optimizer.zero_grad()
        F.cross_entropy(model(batch), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        iteration += 1
        yield


def _network(run: Run, learner: Learner) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = Learner.build_model(run, learner.image, len(learner.splits.classes), learner.dropout).to(learner.device)
    return model, optim.build(run.recipe, model)


def _transforms(learner: Learner) -> list[Callable[[Any], Any]]:
    """The recipe's, in torchvision. A mean image is replaced by its mean per channel, as public repositories do."""
    recipe, transform = learner.run.recipe, learner.transform
    _, height, width = learner.image
    steps: list[Callable[[Any], Any]] = []
    if transform.size:
        steps.append(transforms.Resize((height, width)))
    if recipe.crop_padding:
        steps.append(transforms.RandomCrop((height, width), padding=recipe.crop_padding))
    if recipe.hflip:
        steps.append(transforms.RandomHorizontalFlip())
    steps.append(transforms.ToTensor())
    if recipe.normalise != "none":
        steps.append(transforms.Normalize(transform.mean.mean((1, 2)).tolist(), transform.std.flatten().tolist()))
    return steps


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Use torch's defaults, as public repositories do: TF32 in cuDNN, nondeterministic algorithms allowed."""
    deterministic, tf32 = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.allow_tf32
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.allow_tf32 = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.allow_tf32 = tf32


class _InMemory(torchvision.datasets.VisionDataset):  # type: ignore[misc]
    """A data set as torchvision's own, but from the tensors in memory instead of files."""

    def __init__(self, learner: Learner, transform: Callable[[Any], torch.Tensor]) -> None:
        super().__init__(root="", transform=transform)
        self.pixels = learner.splits.train.pixels.permute(0, 2, 3, 1).cpu().numpy()
        self.labels = learner.splits.train.labels.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        assert self.transform is not None
        image = transforms.functional.to_pil_image(self.pixels[index])
        return self.transform(image), self.labels[index]
