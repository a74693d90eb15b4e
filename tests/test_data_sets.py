"""A data set is one file: what a stranger's file brings is listed, trained, tabulated and drawn."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from repro.data import catalog
from repro.data.dataset import DataSet, Part, chosen

Cli = Callable[..., Result]


class Stripes(DataSet):
    """Stripes that lie or stand, in noise."""

    def read(self, directory: Path, part: Part, places: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        noise = np.random.default_rng({"train": 0, "test": 1}[part])
        labels = np.arange({"train": self.train_images, "test": self.test_images}[part]) % 2
        pixels = noise.integers(0, 240, (len(labels), 8, 8, 3), np.uint8)
        pixels[labels == 0, ::2] += 15
        pixels[labels == 1, :, ::2] += 15
        return chosen(pixels, labels, places)


STRIPES = Stripes("stripes", "Stripes", 3, 8, ("lying", "standing"), 64, 20, checksum="noise 0 and 1")


def test_a_data_set_of_one_file_is_listed_trained_tabulated_and_drawn(
    cli: Cli, edit: Callable[..., Path], small_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalog.BUILT_IN, "stripes", STRIPES)  # the line in the dict
    edit({'"digits"': '"stripes"'})
    assert "64 +    20 images   Stripes" in cli("data", "list").stdout
    assert cli("data", "check", "stripes").stdout == "stripes: ready\n"
    done = cli("run", "tiny", "--seeds", "1", "--device", "cpu", "--wandb", "off")
    assert done.exit_code == 0, done.stderr
    (table,) = json.loads(cli("table", "tiny", "--per-class", "--format", "json").stdout)
    assert {row["class"] for row in table["sheets"]["errors by class"]} == {"lying", "standing"}
    assert cli("plot", "tiny", "--out", str(small_root / "figures")).exit_code == 0
    figures = {path.stem for path in (small_root / "figures" / "tiny").glob("*.svg")}
    assert {"curves", "confusion", "hardest"} <= figures


def test_a_name_that_the_dict_lacks_is_none(cli: Cli, edit: Callable[..., Path]) -> None:
    edit({'"digits"': '"stripes"'})
    assert "allowed: cifar10, mnist, fashion-mnist, digits, folder:NAME" in cli("show", "tiny").stderr
