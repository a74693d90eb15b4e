"""A data set is one file: what a stranger's file brings is listed, trained, tabulated and drawn."""

import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from repro.data import catalog
from repro.data.dataset import DataSet, Part, select

Cli = Callable[..., Result]


class Stripes(DataSet):
    """Stripes that lie or stand, in noise."""

    def read(self, directory: Path, part: Part, places: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        noise = np.random.default_rng({"train": 0, "test": 1}[part])
        labels = np.arange({"train": self.train_images, "test": self.test_images}[part]) % 2
        pixels = noise.integers(0, 240, (len(labels), 8, 8, 3), np.uint8)
        pixels[labels == 0, ::2] += 15
        pixels[labels == 1, :, ::2] += 15
        return select(pixels, labels, places)


STRIPES = Stripes("stripes", "Stripes", 3, 8, ("lying", "standing"), 64, 20, checksum="noise 0 and 1")


@pytest.mark.slow
def test_a_data_set_of_one_file_is_listed_trained_tabulated_and_drawn(
    cli: Cli, edit: Callable[..., Path], small_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalog.BUILT_IN, "stripes", STRIPES)  # the line in the dict
    edit({'"digits"': '"stripes"'})
    assert "64 +    20 images   Stripes" in cli("data", "list").stdout
    assert cli("data", "check", "stripes").stdout == "stripes: ready\n"
    done = cli("run", "tiny", "--seeds", "1", "--device", "cpu", "--threads", "1", "--wandb", "off")
    assert done.exit_code == 0, done.stderr
    (table,) = json.loads(cli("table", "tiny", "--per-class", "--format", "json").stdout)
    assert {row["class"] for row in table["sheets"]["errors by class"]} == {"lying", "standing"}
    assert cli("plot", "tiny", "--out", str(small_root / "figures")).exit_code == 0
    figures = {path.stem for path in (small_root / "figures" / "tiny").glob("*.svg")}
    assert {"curves", "confusion", "hardest"} <= figures


def test_a_name_that_the_dict_lacks_is_none(cli: Cli, edit: Callable[..., Path]) -> None:
    edit({'"digits"': '"stripes"'})
    assert "allowed: cifar10, mnist, fashion-mnist, digits, folder:NAME" in cli("show", "tiny").stderr


@pytest.mark.slow
def test_records_are_shown_where_the_images_are_not(
    cli: Cli, edit: Callable[..., Path], small_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained on an image folder, counted in epochs, and read on a machine without it."""
    pets = small_root / "data" / "pets"
    for part, title, shade in product(("train", "test"), ("cat", "dog"), range(12)):
        path = pets / part / title / f"{shade}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 8), (20 * shade, 100 * (title == "cat"), 0)).save(path)
    monkeypatch.setenv("REPRO_DATA_DIR", str(small_root / "data"))
    edit({'"digits"': '"folder:pets"\nimage_size = 8', "iterations = 12, drops = [6, 9]": "epochs = 6, drops = [3]"})
    done = cli("run", "tiny", "--arm", "original", "--device", "cpu", "--threads", "1", "--wandb", "off")
    assert done.exit_code == 0, done.stderr

    def shown() -> list[str]:
        commands = ("list", "status", "table tiny", "table tiny --per-class", "table tiny --curves")
        return [cli(*command.split()).stdout for command in commands]

    here = shown()
    assert "1 done" in here[1]
    pets.rename(small_root / "away")
    away = shown()
    assert away[:2] == here[:2], "no record is stale"
    assert away[3] == here[3].replace("cat", "0  ").replace("dog", "1  ")
    assert away[4] == here[4]
    assert cli("plot", "tiny", "--out", str(small_root / "figures")).exit_code == 0
    assert (small_root / "figures" / "tiny" / "curves.svg").exists()
    assert cli("report").exit_code == 0 and cli("report", "--check").exit_code == 0
    absent = cli("run", "tiny", "--seeds", "2", "--device", "cpu", "--threads", "1", "--wandb", "off")
    assert absent.exit_code == 2 and "'folder:pets': no folder" in absent.stderr
