"""Which images a recipe trains on, in which order and size, and which network it keeps."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import StopAfter, assert_same_bits, finish, recipe, small_run
from PIL import Image
from pydantic import ValidationError

from repro import records
from repro.data import catalog
from repro.data.batches import Sampler, Transform
from repro.data.load import load
from repro.errors import UserError

CPU = torch.device("cpu")


@pytest.mark.parametrize(("split", "train"), [("train80%", 1149), ("train1k", 1000), ("train20-per-class", 200)])
def test_a_split_leaves_the_rest_for_validation(split: str, train: int) -> None:
    splits = load(recipe(train_split=split), CPU)
    assert splits.validation and len(splits.train) == train and len(splits.validation) == 1437 - train
    both = torch.cat([splits.train.pixels, splits.validation.pixels])
    whole = load(recipe(), CPU).train.pixels
    assert sorted(image.numpy().tobytes() for image in both) == sorted(image.numpy().tobytes() for image in whole)


def test_per_class_takes_equally_many_of_each() -> None:
    assert load(recipe(train_split="train20-per-class"), CPU).train.labels.bincount().tolist() == [20] * 10
    smaller = load(recipe(train_split="train5-per-class", batch_size=50), CPU).train.pixels
    larger = {image.numpy().tobytes() for image in load(recipe(train_split="train20-per-class"), CPU).train.pixels}
    assert all(image.numpy().tobytes() in larger for image in smaller), "a smaller split is part of a larger one"
    with pytest.raises(UserError, match="train_split = 'train141-per-class' is not allowed"):
        load(recipe(train_split="train141-per-class"), CPU)  # one class has 141 images in all


@pytest.mark.parametrize("name", ["digits", "mnist", "fashion-mnist", "cifar10"])
def test_the_counts_of_the_classes_are_those_of_the_data(name: str, data_dir: Path) -> None:
    dataset = catalog.describe(name)
    if wrong := catalog.problems(dataset, data_dir):
        pytest.skip(f"needs {name}: {wrong[0]}")
    for part in ("train", "test"):
        _, labels = dataset.read(data_dir, part)
        assert dataset.class_counts(part) == tuple(np.bincount(labels))


def test_some_classes_of_a_data_set() -> None:
    """In the order given, numbered from 0, as many as there are."""
    whole, some = catalog.describe("digits"), catalog.describe("digits[7,1]")
    assert some.classes == ("7", "1") and some.checksum == whole.checksum
    assert (some.train_images, some.test_images) == (143 + 146, 36 + 36)
    pixels, labels = whole.read(Path(), "test")
    splits = load(recipe(dataset="digits[7,1]"), CPU)
    assert splits.classes == ("7", "1") and len(splits.train) == some.train_images
    kept = np.isin(labels, [7, 1])
    assert np.array_equal(splits.test.pixels[:, 0].numpy(), pixels[kept, :, :, 0])
    assert splits.test.labels.tolist() == [{7: 0, 1: 1}[label] for label in labels[kept]]
    images, chosen = some.read(Path(), "test", [3])
    assert np.array_equal(np.array(list(images))[0], pixels[kept][3]) and chosen == splits.test.labels[3]


def test_some_classes_of_an_image_folder(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("test", 2)):
        for level, label in enumerate(("bird", "cat", "dog")):
            folder = tmp_path / "pets" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (8, 8), (80 * level,) * 3).save(folder / f"{number}.png")
    splits = load(recipe(dataset="folder:pets[dog,bird]", image_size=8, batch_size=2), CPU, tmp_path)
    assert splits.train.labels.bincount().tolist() == [3, 3]
    assert splits.train.pixels[splits.train.labels == 0].unique().tolist() == [160]


def test_photographs_are_cropped_or_stretched(tmp_path: Path) -> None:
    """Of an image that is black on its left and white on its right half, 8 pixels high and 16 wide, with red ends."""
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, 8:] = 255
    image[:, :4, 0] = image[:, 12:, 0] = 200
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            (tmp_path / "wide" / part / label).mkdir(parents=True)
            Image.fromarray(image).save(tmp_path / "wide" / part / label / "one.png")
    settings = {"dataset": "folder:wide", "image_size": 8, "batch_size": 2}
    cropped, stretched = (
        load(recipe(**settings, resize=how), CPU, tmp_path).train.pixels for how in ("once", "stretched")
    )
    assert cropped.shape == stretched.shape == (2, 3, 8, 8)
    assert (cropped[:, 0] == 200).sum() == 0 and (stretched[:, 0, :, 0] == 200).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits[7,x]", "no class 'x'.*different classes of digits: 0, 1, 2"),
        ("digits[7,7]", "no class '7', or lists it twice"),
        ("digits[7]", "only one class"),
        ("nonsense[1,2]", "unknown data set .*allowed: cifar10, mnist, fashion-mnist, digits, folder:NAME"),
    ],
)
def test_wrong_classes_are_named(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        catalog.describe(name)
    with pytest.raises(ValidationError, match=message):
        recipe(dataset=name)


def test_file_order_is_the_same_in_every_epoch() -> None:
    sampler = Sampler(recipe(order="file", batch_size=8, last_batch="wrap"), 20, seed=3, device=CPU)
    seen = torch.cat([sampler.batch(i).index for i in range(5)])
    assert seen.tolist() == [*range(20), *range(20)]


def test_images_are_resized_batch_by_batch_as_pillow_does() -> None:
    """To one grey level, since Pillow computes with integers of fewer bits."""
    settings = recipe(image_size=20, resize="per-batch", normalise="none")
    splits = load(settings, CPU)
    assert splits.train.pixels.shape[2:] == (8, 8), "stored at their own size"
    transform = Transform.fit(settings, splits.train)
    assert transform.image(splits.train.pixels) == (1, 20, 20)
    ours = 255 * transform.normalise(splits.train.pixels[:50])
    for image, resized in zip(splits.train.pixels[:50], ours, strict=True):
        pillow = np.asarray(Image.fromarray(image[0].numpy()).resize((20, 20), Image.Resampling.BILINEAR))
        assert np.abs(pillow - resized[0].numpy()).max() <= 1.001
    assert torch.equal(ours, ours.round())


def test_constants_normalise_each_channel() -> None:
    constants = {"mean": [0.5], "std": [0.25]}
    splits = load(recipe(), CPU)
    found = Transform.fit(recipe(normalise=constants), splits.train).normalise(splits.train.pixels[:4])
    assert torch.allclose(found, (splits.train.pixels[:4] / 255 - 0.5) / 0.25)
    with pytest.raises(ValidationError, match="must have one number per channel: 1 of digits"):
        recipe(normalise={"mean": [0.5, 0.5], "std": [1.0, 1.0]})
    with pytest.raises(ValidationError, match="must be equally long"):
        recipe(normalise={"mean": [0.5], "std": [1.0, 1.0]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keep": "lowest-validation-loss"}, "needs validation images: train_split, such as train80%"),
        ({"resize": "per-batch", "normalise": "per-pixel-mean"}, "resize = 'per-batch' allows normalise ="),
    ],
)
def test_what_does_not_go_together_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        recipe(**changes)


def test_the_kept_network_is_that_of_the_lowest_validation_loss(tmp_path: Path) -> None:
    """Its predictions are recorded, and a resume keeps it, although later networks validate worse."""
    settings: dict[str, object] = {"train_split": "train200", "keep": "lowest-validation-loss", "evaluate_every": 8}
    mlp = {"name": "mlp", "hidden": [64], "dropout": 0.2}
    settings |= {"optimizer": {"name": "sgd", "lr": 0.4, "momentum": 0.9}, "schedule": {"iterations": 80}}
    run = small_run(model=mlp, **settings)
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    finish(run, whole)
    metrics, record = records.read_metrics(whole), records.read_run(whole)
    lowest = metrics.loc[metrics.validation_loss.idxmin()]
    assert record and record.best_on_validation and record.best_on_validation.iteration == lowest.iteration < 80
    top1, label = records.read_predictions(whole)
    assert 100 * (top1 != label).mean() == pytest.approx(lowest.test_error)
    assert record.final and record.final.test_error == metrics.test_error.iloc[-1] != lowest.test_error

    finish(run, halves, stop=StopAfter(iterations=int(lowest.iteration) + 3))
    finish(run, halves)
    assert_same_bits(whole, halves)
