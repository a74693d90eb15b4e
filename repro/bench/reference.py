"""The reference of `repro bench`: the training loop that public repositories use.

torchvision transforms in a DataLoader, eager fp32, `.item()` every step. It has the same network, optimizer, batch size
and threads as our loop, and its best number of workers.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch.utils.data import DataLoader
from torchvision import transforms

from repro.spec import Run
from repro.train import optim
from repro.train.learner import Learner

WORKERS = (0, 2, 4)  # of the DataLoader; the best is used


def reference_loop(run: Run, learner: Learner, workers: int) -> Iterator[None]:
    """One update per item, as in public CIFAR repositories; trains a network of its own."""
    device, recipe = learner.device, run.recipe
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    steps = [transforms.RandomCrop(32, padding=recipe.crop_padding)] * bool(recipe.crop_padding)
    steps += [transforms.RandomHorizontalFlip()] * recipe.hflip
    transform = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(mean, std)])
    dataset = _InMemory(learner, transform)
    loader: DataLoader[Any] = DataLoader(
        dataset, recipe.batch_size, shuffle=True, num_workers=workers, pin_memory=device.type == "cuda", drop_last=True
    )
    warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than cores
    model = Learner.build_model(run, learner.image, len(learner.splits.classes), learner.dropout).to(device)
    optimizer = optim.build(recipe, model)
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
    """torchvision's CIFAR10, but from the tensors in memory instead of files."""

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
