"""A family of networks is one file: what a stranger's file brings is trained, tabulated, drawn and reported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REPO, TINY

PERCEPTRON = '''
from typing import Literal

from repro.fields import Positive
from repro.models import FAMILIES
from repro.models.family import Network


class Perceptron(Network):
    """One hidden layer."""

    name: Literal["perceptron"]
    hidden: Positive = 8

    def misfit(self, size, bn_batch):
        return "a perceptron has no batch norm" if bn_batch else ""

    def build(self, *, channels, size, classes, bn_batch, generator, masks):
        from torch import nn

        from repro.models.init import initialise

        wide = nn.Linear(channels * size * size, self.hidden)
        model = nn.Sequential(nn.Flatten(), wide, nn.ReLU(), nn.Linear(self.hidden, classes))
        initialise(model, "he-fan-in", generator)
        return model


FAMILIES["perceptron"] = Perceptron  # the line in the dict
'''
MAIN = "import sys, perceptron, repro.cli; repro.cli.main(sys.argv[1:])"
SPEC = TINY.replace('name = "resnet-cifar", depth = 8, width = 4', 'name = "perceptron"').replace(
    'model = { block = "bn-after-add" }', "model = { hidden = 16 }"
)

DEEP = "".join(
    f'\n[[arm]]\nname = "resnet{depth}"\nmodel = {{ name = "resnet-cifar", depth = {depth}, width = 4 }}\n'
    for depth in (8, 14)
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "perceptron.py").write_text(PERCEPTRON)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "tiny.toml").write_text(SPEC + DEEP)
    return tmp_path


def repro(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, "--root", str(root), *words]
    environment = os.environ | {"PYTHONPATH": f"{root}:{REPO}", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


def test_a_family_of_one_file_is_trained_tabulated_drawn_and_reported(root: Path) -> None:
    done = repro(root, "run", "tiny", "--seeds", "2", "--device", "cpu", "--wandb", "off")
    assert done.returncode == 0, done.stderr
    table = json.loads(repro(root, "table", "tiny", "--format", "json").stdout)[0]
    assert [row["n"] for row in table["sheets"]["arms"]] == [2, 2, 2, 2]
    drawn = repro(root, "plot", "tiny")
    assert drawn.returncode == 0, drawn.stderr
    figures = {path.stem: path.read_text() for path in (root / "figures" / "tiny").glob("*.svg")}
    assert "test:original" in figures["curves"]
    assert "mean:resnet8" in figures["depth"] and "mean:original" not in figures["depth"], "it says no depth"
    reported = repro(root, "report")
    assert reported.returncode == 0, reported.stderr
    assert "model.hidden 16" in (root / "REPORT.md").read_text()


def test_its_settings_are_validated_as_those_of_every_family(root: Path) -> None:
    spec = root / "experiments" / "tiny.toml"
    for wrong, told in (
        ("hiden = 16", ["[[arm]] 'bn-after-add': unknown key 'model.hiden'; did you mean 'hidden'?"]),
        ("hidden = 0", ["model.hidden = 0 is not allowed"]),
        ('name = "mlp"', ["'resnet-cifar', 'vgg', 'perceptron'"]),
        ("hidden = 16 }\nbn_batch = 8 #", ["a perceptron has no batch norm"]),
    ):
        spec.write_text(SPEC.replace("hidden = 16", wrong))
        done = repro(root, "show", "tiny")
        assert done.returncode == 2
        assert all(text in done.stderr for text in told), done.stderr
