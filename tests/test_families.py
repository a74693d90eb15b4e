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
from repro.models.family import Init, Network


class Perceptron(Network):
    """One hidden layer."""

    name: Literal["perceptron"]
    hidden: Positive = 8
    init: Init = "he-fan-in"

    def misfit(self, size, bn_batch):
        return "a perceptron has no batch norm" if bn_batch else ""

    def modules(self, shape, masks):
        from torch import nn

        wide = nn.Linear(shape.channels * shape.size * shape.size, self.hidden)
        return nn.Sequential(nn.Flatten(), wide, nn.ReLU(), nn.Linear(self.hidden, shape.classes))


FAMILIES["perceptron"] = Perceptron  # the line in the dict
'''
COMMANDS = """
import json, sys, perceptron
from click.testing import CliRunner
from repro.cli import main
done = [CliRunner().invoke(main, words) for words in json.loads(sys.argv[1])]
print(json.dumps([[one.exit_code, one.stdout, one.stderr] for one in done]))
"""
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


def repro(root: Path, *commands: str) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each command, in one process: the family must be there before any spec is."""
    asked = json.dumps([["--root", str(root), *command.split()] for command in commands])
    environment = os.environ | {"PYTHONPATH": f"{root}:{REPO}", "OMP_NUM_THREADS": "1"}
    process = [sys.executable, "-c", COMMANDS, asked]
    done = subprocess.run(process, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [tuple(one) for one in json.loads(done.stdout)]


@pytest.mark.slow
def test_a_family_of_one_file_is_trained_tabulated_drawn_and_reported(root: Path) -> None:
    run, table, *others = repro(
        root,
        "run tiny --seeds 1 --device cpu --threads 1 --wandb off",
        "table tiny --format json",
        "plot tiny --kind curves --kind depth",
        "report",
        "show tiny --arm bn-after-add",
    )
    for code, _, errors in (run, table, *others):
        assert code == 0, errors
    assert [row["n"] for row in json.loads(table[1])[0]["sheets"]["arms"]] == [1, 1, 1, 1]
    figures = {path.stem: path.read_text() for path in (root / "figures" / "tiny").glob("*.svg")}
    assert "test:original" in figures["curves"]
    assert "mean:resnet8" in figures["depth"] and "mean:original" not in figures["depth"], "it says no depth"
    assert "recipe.model.hidden = 16" in others[-1][1] and (root / "REPORT.md").exists()


def test_its_settings_are_validated_as_those_of_every_family(root: Path) -> None:
    wrong = {
        "hiden = 16": "[[arm]] 'bn-after-add': unknown key 'model.hiden'; did you mean 'hidden'?",
        "hidden = 0": "model.hidden = 0 is not allowed",
        'name = "mpl"': "'resnet-cifar', 'vgg', 'mlp', 'cnn', 'lenet', ",
        "hidden = 16 }\nbn_batch = 8 #": "a perceptron has no batch norm",
    }
    names = [f"wrong-{number}" for number in range(len(wrong))]
    for name, setting in zip(names, wrong, strict=True):
        spec = SPEC.replace('name = "tiny"', f'name = "{name}"').replace("hidden = 16", setting)
        (root / "experiments" / f"{name}.toml").write_text(spec)
    done = repro(root, *(f"show {name}" for name in names))
    for (code, _, errors), told in zip(done, wrong.values(), strict=True):
        assert code == 2 and told in errors, errors
