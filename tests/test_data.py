"""The data a network sees: the official bytes, each image once an epoch, torchvision's own augmentation."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from helpers import CPU, recipe, small_run
from PIL import Image
from torchvision import transforms
from torchvision.transforms import v2 as transforms_v2

from repro import random_streams
from repro.data import catalog
from repro.data.batches import Draws, Sampler, Transform, crop, draw_epoch
from repro.data.dataset import Part
from repro.data.load import Images, Splits, load
from repro.data.sets.digits import Digits
from repro.errors import UserError
from repro.train.learner import Learner


def random_images(count: int, size: int = 32) -> Images:
    pixels = torch.randint(0, 256, (count, 3, size, size), generator=torch.manual_seed(0), dtype=torch.uint8)
    return Images(pixels, torch.arange(count) % 10)


@pytest.mark.parametrize("padding", ["before-normalise", "after-normalise"])
@pytest.mark.parametrize("normalise", ["mean-std", "half"])
def test_augmentation_is_torchvisions_for_the_same_draws(
    padding: str, normalise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit RandomCrop and RandomHorizontalFlip, before ToTensor and Normalize, or after them as in the paper."""
    images = random_images(64)
    settings = recipe(padding=padding, normalise=normalise, augment=["pad-crop-4", "hflip"], image_size=32)
    pixels = Transform.fit(settings, images)
    draws = draw_epoch(seed=3, epoch=0, images=64, padding=4)
    ours = pixels.augment(images.pixels[draws.index], draws)

    to_tensor = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(pixels.mean.flatten().tolist(), pixels.std.flatten().tolist())]
    )
    for i in range(64):
        top, left = draws.corner[i].tolist()
        at = staticmethod(lambda image, size, corner=(top, left): (*corner, *size))
        monkeypatch.setattr(transforms.RandomCrop, "get_params", at)
        both = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(p=float(draws.flip[i]))]
        steps = [*both, to_tensor] if padding == "before-normalise" else [to_tensor, *both]
        theirs = transforms.Compose(steps)(Image.fromarray(images.pixels[draws.index[i]].permute(1, 2, 0).numpy()))
        assert torch.equal(ours[i], theirs)


def test_padding_before_and_after_normalising_differ_only_in_the_border() -> None:
    images = random_images(8)
    centre = Draws(torch.arange(8), torch.full((8, 2), 4), torch.zeros(8, dtype=torch.bool))
    corner = Draws(torch.arange(8), torch.zeros((8, 2), dtype=torch.int64), torch.zeros(8, dtype=torch.bool))
    after, before = (
        Transform.fit(recipe(padding=p, normalise="mean-std", augment=["pad-crop-4"], image_size=32), images)
        for p in ("after-normalise", "before-normalise")
    )
    assert torch.equal(after.augment(images.pixels, centre), before.augment(images.pixels, centre))
    paper, black = after.augment(images.pixels, corner), before.augment(images.pixels, corner)
    assert (paper[:, :, :4] == 0).all() and (black[:, :, :4] < 0).all()
    assert torch.equal(paper[:, :, 4:, 4:], black[:, :, 4:, 4:])


def test_normalisations_against_numpy() -> None:
    images = random_images(50, size=6)
    scaled = images.pixels.numpy().astype(np.float64) / 255
    settings = {
        name: Transform.fit(recipe(normalise=name), images) for name in ("per-pixel-mean", "mean-std", "half", "none")
    }
    expected = {
        "per-pixel-mean": scaled - scaled.mean(0),
        "mean-std": (scaled - scaled.mean((0, 2, 3), keepdims=True)) / scaled.std((0, 2, 3), keepdims=True),
        "half": (scaled - 0.5) / 0.5,
        "none": scaled,
    }
    for name, pixels in settings.items():
        np.testing.assert_allclose(pixels.normalise(images.pixels), expected[name], atol=2e-6, err_msg=name)


def test_crop_takes_each_image_at_its_own_corner() -> None:
    images = torch.arange(2 * 9, dtype=torch.float32).reshape(2, 1, 3, 3) + 1
    moved = crop(images, 1, torch.tensor([[0, 0], [2, 1]]))
    assert moved[0, 0].tolist() == [[0, 0, 0], [0, 1, 2], [0, 4, 5]]
    assert moved[1, 0].tolist() == [[13, 14, 15], [16, 17, 18], [0, 0, 0]]


@pytest.mark.parametrize("last_batch,sizes", [("wrap", {30}), ("keep", {30, 10}), ("drop", {30})])
def test_each_epoch_visits_each_image_at_most_once(last_batch: str, sizes: set[int]) -> None:
    order = Sampler(recipe(batch_size=30, last_batch=last_batch), 100, seed=1, device=CPU)
    batches = [order.batch(i).index for i in range(20)]
    assert {len(batch) for batch in batches} == sizes
    stream = torch.cat(batches)
    per_epoch = {"wrap": 100, "keep": 100, "drop": 90}[last_batch]
    for epoch in range(len(stream) // per_epoch):
        seen = stream[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert len(seen.unique()) == per_epoch


def test_a_batch_larger_than_the_data_set_wraps_over_several_epochs() -> None:
    batch = Sampler(recipe(batch_size=250), 100, seed=1, device=CPU).batch(0)
    assert len(batch) == 250 and torch.equal(batch.index.bincount(), batch.index.bincount().clamp(2, 3))


def test_a_batch_depends_on_seed_and_iteration_alone() -> None:
    """What resume stands on: batch 7 is the same whether or not batches 0 to 6 were drawn in this process."""
    straight, later = (Sampler(recipe(batch_size=30), 100, seed=5, device=CPU) for _ in range(2))
    for i in range(7):
        straight.batch(i)
    a, b = straight.batch(7), later.batch(7)
    assert torch.equal(a.index, b.index) and torch.equal(a.corner, b.corner) and torch.equal(a.flip, b.flip)
    other = Sampler(recipe(batch_size=30), 100, seed=6, device=CPU).batch(7)
    assert not torch.equal(a.index, other.index) and not torch.equal(a.corner, other.corner)


def test_draws_are_uniform_and_their_streams_independent() -> None:
    draws = draw_epoch(seed=0, epoch=0, images=20_000, padding=4)
    assert sorted(draws.index.tolist()) == list(range(20_000))
    counts = (draws.corner[:, 0] * 9 + draws.corner[:, 1]).bincount(minlength=81).double()
    expected = 20_000 / 81
    assert float(((counts - expected) ** 2 / expected).sum()) < 130  # chi-square, 80 degrees of freedom: p > 0.0003
    assert abs(draws.flip.double().mean() - 0.5) < 4 * 0.5 / math.sqrt(20_000)
    assert abs(torch.corrcoef(torch.stack([draws.flip.double(), draws.corner[:, 0].double()]))[0, 1]) < 0.03


def test_streams_differ_by_seed_purpose_and_index() -> None:
    keys = [(0, "order", 0), (1, "order", 0), (0, "crop", 0), (0, "order", 1)]
    firsts = {float(torch.rand((), generator=random_streams.generator(*key), dtype=torch.float64)) for key in keys}
    assert len(firsts) == 4
    assert torch.equal(*(torch.rand(5, generator=random_streams.generator(0, "order", 0)) for _ in range(2)))


def test_cifar10_is_held_as_uint8_with_the_official_counts(cifar10: Path) -> None:
    splits = load(recipe(dataset="cifar10", image_size=32), CPU, cifar10)
    assert splits.train.pixels.shape == (50_000, 3, 32, 32) and splits.train.pixels.dtype == torch.uint8
    assert splits.train.labels.bincount().tolist() == [5000] * 10
    assert splits.test.labels.bincount().tolist() == [1000] * 10 and splits.validation is None
    mean = Transform.fit(recipe(dataset="cifar10", normalise="mean-std"), splits.train).mean.flatten()
    assert mean.tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=1e-4)  # as the literature gives it


@pytest.mark.slow
def test_train45k_holds_out_the_same_5000_images_for_every_seed(cifar10: Path) -> None:
    settings = recipe(dataset="cifar10", image_size=32, train_split="train45k")
    splits = load(settings, CPU, cifar10)
    assert splits.validation is not None and len(splits.train) == 45_000 and len(splits.validation) == 5_000
    whole = load(recipe(dataset="cifar10", image_size=32), CPU, cifar10).train

    def keys(images: Images) -> set[bytes]:
        return {image.numpy().tobytes() for image in images.pixels}

    assert keys(splits.train) | keys(splits.validation) == keys(whole)
    assert splits.validation.labels.bincount().min() > 400  # shuffled, not one end of the file
    assert torch.equal(splits.validation.pixels, load(settings, CPU, cifar10).validation.pixels)  # type: ignore[union-attr]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders from which digits are read."""
    folders, read = [], Digits.read

    def counted(dataset: Digits, folder: Path, part: Part) -> tuple[np.ndarray, np.ndarray]:
        folders.extend([folder] * (part == "train"))
        return read(dataset, folder, part)

    monkeypatch.setattr(Digits, "read", counted)
    return folders


def tensors(splits: Splits) -> list[torch.Tensor]:
    parts = [part for part in (splits.train, splits.validation, splits.test) if part]
    return [tensor for part in parts for tensor in (part.pixels, part.labels)]


def test_the_runs_of_a_process_share_one_copy(reads: list[Path], tmp_path: Path) -> None:
    one, other = (Learner(small_run(seed=seed), CPU, tmp_path) for seed in range(2))
    for ours, theirs in zip(tensors(one.splits), tensors(other.splits), strict=True):
        assert ours.data_ptr() == theirs.data_ptr()
    assert reads == [tmp_path] and one.splits.train.sums is other.splits.train.sums


def test_what_differs_is_another_copy_and_few_are_kept(reads: list[Path], tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    copies = [load(recipe(**what), CPU, at) for what, at in (({}, a), ({"train_split": "train1k"}, a), ({}, b))]
    assert [len(splits.train) for splits in copies] == [1437, 1000, 1437]
    assert len({splits.train.pixels.data_ptr() for splits in copies}) == 3
    assert load(recipe(image_size=16), CPU, b).train.pixels.shape[2:] == (16, 16)
    assert reads == [a, a, b, b]
    load(recipe(), CPU, b)
    assert reads[4:] == [], "the last two are kept"
    load(recipe(), CPU, a)
    assert reads[4:] == [a], "the oldest has been let go"


@pytest.mark.parametrize("step", ["plain", "auto"])
def test_training_does_not_write_into_the_shared_copy(step: str, tmp_path: Path) -> None:
    run = small_run(train_split="train1200", iterations=200, model={"name": "resnet-cifar", "depth": 8})
    learner = Learner(run, CPU, step=step)
    for _ in range(3):
        learner.iterate()
    learner.test(), learner.validate()
    fresh = load(run.recipe, CPU, tmp_path)  # from a folder of its own, so it is read anew
    assert all(map(torch.equal, tensors(learner.splits), tensors(fresh)))


def test_digits_need_no_download() -> None:
    splits = load(recipe(), CPU, Path("/nowhere"))
    assert splits.train.pixels.shape == (1437, 1, 8, 8) and len(splits.test) == 360
    assert int(splits.train.pixels.max()) == 240
    assert load(recipe(image_size=32), CPU).train.pixels.shape == (1437, 1, 32, 32)


def test_a_folder_of_photographs(tmp_path: Path) -> None:
    """ImageFolder layout: classes by name, shorter side resized, centre square, in colour."""
    for part, count in (("train", 3), ("test", 2)):
        for label, colour in (("cat", (255, 0, 0)), ("dog", (0, 0, 255))):
            folder = tmp_path / "pets" / part / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (40 + 10 * i, 30), colour).save(folder / f"{i}.png")
    settings = recipe(dataset="folder:pets", image_size=16, batch_size=2)
    splits = load(settings, CPU, tmp_path)
    assert splits.classes == ("cat", "dog") and splits.train.pixels.shape == (6, 3, 16, 16) and len(splits.test) == 4
    assert splits.train.pixels[splits.train.labels == 1].float().mean((0, 2, 3)).tolist() == [0, 0, 255]
    checksum = catalog.describe("folder:pets", tmp_path).checksum
    Image.new("RGB", (30, 30), (9, 9, 9)).save(tmp_path / "pets" / "test" / "dog" / "0.png")
    assert catalog.describe("folder:pets", tmp_path).checksum != checksum
    (tmp_path / "pets" / "train" / "cat" / "1.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="folder:pets"):
        load(settings, CPU, tmp_path)


def test_photographs_are_torchvisions(tmp_path: Path) -> None:
    """Bit for bit its ImageFolder, in its order; what lies in no class's folder is counted nowhere."""
    noise = np.random.default_rng(0)
    for part in ("train", "test"):
        for place in ("cat/b", "cat/a/z", "dog/x", "cat/a/y", "stray"):
            path = tmp_path / "pets" / part / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(0, 256, (50, 37, 3), np.uint8)).save(path)
    usual = transforms_v2.Compose([transforms_v2.PILToTensor(), transforms_v2.Resize(16), transforms_v2.CenterCrop(16)])
    theirs = torchvision.datasets.ImageFolder(tmp_path / "pets" / "train", usual)
    ours = load(recipe(dataset="folder:pets", image_size=16, batch_size=2), CPU, tmp_path).train
    assert len(theirs) == len(ours) == catalog.describe("folder:pets", tmp_path).train_images == 4
    for i, (pixels, label) in enumerate(theirs):
        assert torch.equal(ours.pixels[i], pixels) and ours.labels[i] == label


def test_classes_must_be_those_of_the_training_images(tmp_path: Path) -> None:
    for place in ("train/cat", "train/dog", "test/cat"):
        (tmp_path / "pets" / place).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "pets" / place / "0.png")
    with pytest.raises(UserError, match=r"test has the classes \['cat'\], the training images \['cat', 'dog'\]"):
        catalog.describe("folder:pets", tmp_path)
    (tmp_path / "pets" / "test" / "dog").mkdir()
    with pytest.raises(UserError, match="test/dog holds no images"):
        catalog.describe("folder:pets", tmp_path)


CHECKSUMS = {  # of pixels and labels: training images, then test images
    "cifar10": ("9d5c2eddadb0", "f5cfe00b0f00", "177777c33ba7", "cbb7365de8ed"),
    "mnist": ("741c988805d0", "e474323ac02f", "6d87418db22c", "2fd8de6bdb8d"),
    "fashion-mnist": ("2e487a6c8912", "e3245b63f7c4", "c867c93ff953", "d51d859896c5"),
    "digits": ("38fc53a1fd05", "cb6863cc760a", "1d537b00e1e8", "58c508427633"),
}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_the_tensors_of_every_data_set_are_pinned(name: str, data_dir: Path) -> None:
    """As torchvision's own classes gave them; recorded numbers rest on them."""
    if catalog.problems(catalog.BUILT_IN[name], data_dir):
        pytest.skip(f"{name} is not in {data_dir}")
    splits = load(recipe(dataset=name, image_size=None), CPU, data_dir)
    assert list(CHECKSUMS) == list(catalog.BUILT_IN)
    assert tuple(hashlib.sha256(t.numpy().tobytes()).hexdigest()[:12] for t in tensors(splits)) == CHECKSUMS[name]


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_sets(name: str, data_dir: Path) -> None:
    if catalog.problems(catalog.BUILT_IN[name], data_dir):
        pytest.skip(f"{name} is not in {data_dir}")
    splits = load(recipe(dataset=name, image_size=28), CPU, data_dir)
    assert splits.train.pixels.shape == (60_000, 1, 28, 28) and len(splits.test) == 10_000
