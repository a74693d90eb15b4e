"""Runs that start from the weights of another run, or of a file: what is loaded, frozen, identified and refused."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result
from helpers import TINY, recipe, weights
from pydantic import ValidationError
from safetensors.torch import save_file

from repro import models, records, spec
from repro.data import catalog
from repro.errors import UserError
from repro.spec import FULL, Run
from repro.train.learner import Learner
from repro.train.weights import start_from

CPU = torch.device("cpu")
DIGITS = catalog.describe("digits").checksum
ARMS = """
[[arm]]
name = "pretrained"
dataset = "digits[0,1,2,3,4,5,6,7]"

[[arm]]
name = "head"
dataset = "digits[8,9]"
weights = { source = "tiny/pretrained", train = "head" }

[[arm]]
name = "tuned"
dataset = "digits[8,9]"
weights = { source = "tiny/pretrained/seed-0" }
"""


@pytest.fixture
def root(small_root: Path) -> Path:
    (small_root / "experiments" / "tiny.toml").write_text(TINY.replace("\n[demo]", f"{ARMS}\n[demo]"))
    return small_root


def runs(root: Path, arm: str, seeds: int = 2) -> list[Run]:
    return spec.resolve(spec.load("tiny", root), range(seeds), arms=[arm])


def trained(root: Path, arm: str, seed: int) -> dict[str, torch.Tensor]:
    return weights(records.folder_of(root, FULL, "tiny", arm, seed))


@pytest.mark.slow
def test_runs_start_from_the_run_of_their_seed_or_of_a_fixed_one(root: Path, cli: Callable[..., Result]) -> None:
    arms = ("--arm", "head", "--arm", "tuned", "--arm", "pretrained")  # in any order: the source is trained first
    done = cli("run", "tiny", *arms, "--seeds", "2", "--device", "cpu", "--wandb", "off", "--jobs", "1")
    assert done.exit_code == 0, done.output
    for seed in range(2):
        source, head = trained(root, "pretrained", seed), trained(root, "head", seed)
        assert source["linear.weight"].shape[0] == 8 and head["linear.weight"].shape[0] == 2
        for name, value in source.items():
            if not name.startswith("linear.") and not name.endswith("num_batches_tracked"):
                assert torch.equal(value, head[name]), f"{name} is frozen, batch norm's statistics included"
        run = runs(root, "head")[seed]
        start = models.build(**run.recipe.model.model_dump(), channels=1, size=8, classes=2, seed=seed)
        assert not torch.equal(head["linear.weight"], start.state_dict()["linear.weight"]), "the head is trained"
        tuned = Learner(spec.in_precision(runs(root, "tuned")[seed], "fp32"), CPU, root=root).model.state_dict()
        assert torch.equal(tuned["conv1.weight"], trained(root, "pretrained", 0)["conv1.weight"])
        assert torch.equal(tuned["linear.weight"], start.state_dict()["linear.weight"]), "a new head, of its own seed"
        assert not torch.equal(trained(root, "tuned", seed)["conv1.weight"], tuned["conv1.weight"])
    table = cli("table", "tiny", "--format", "json")
    assert "stale" not in table.output.replace('"stale": ""', ""), table.output


def test_without_its_source_nothing_is_trained(root: Path, cli: Callable[..., Result]) -> None:
    done = cli("run", "tiny", "--arm", "head", "--device", "cpu", "--wandb", "off")
    assert done.exit_code == 2
    assert "tiny/head/seed-0 starts from tiny/pretrained/seed-0, which is not trained" in done.stderr
    assert "repro run tiny --arm pretrained --seeds 1" in done.stderr
    assert not (root / "results" / "tiny").exists()


def test_a_source_without_its_checkpoint_is_named(root: Path, cli: Callable[..., Result]) -> None:
    options = ("--device", "cpu", "--wandb", "off")
    assert cli("run", "tiny", "--arm", "pretrained", *options).exit_code == 0
    (records.folder_of(root, FULL, "tiny", "pretrained", 0) / "checkpoint.pt").unlink()
    done = cli("run", "tiny", "--arm", "head", *options)
    assert done.exit_code == 2 and "whose record is here but not its weights" in done.stderr


def test_a_fingerprint_covers_the_source(root: Path) -> None:
    fixed = [spec.fingerprint(spec.in_precision(run, "fp32"), DIGITS) for run in runs(root, "tuned")]
    path = root / "experiments" / "tiny.toml"
    path.write_text(path.read_text().replace("batch_size = 16", "batch_size = 16\naugment = ['hflip']"))
    path.write_text(path.read_text().replace('name = "tuned"\n', 'name = "tuned"\naugment = []\n'))
    changed = runs(root, "tuned")
    assert changed[0].recipe.augment == () and changed[0].source and changed[0].source.recipe.augment == ("hflip",)
    assert spec.fingerprint(spec.in_precision(changed[0], "fp32"), DIGITS) != fixed[0]
    precisions = spec.fingerprints(changed[0], DIGITS)
    assert len(precisions) == 3, "a source has the precision of the run that starts from it"


def test_a_source_in_another_experiment(root: Path) -> None:
    other = TINY.replace('name = "tiny"', 'name = "other"').replace(
        '[[arm]]\nname = "bn-after-add"', '[[arm]]\nname = "bn-after-add"\nweights = { source = "tiny/pretrained" }'
    )
    (root / "experiments" / "other.toml").write_text(other)
    (run,) = spec.resolve(spec.load("other", root), [3], arms=["bn-after-add"])
    assert run.source and run.source.name == "tiny/pretrained/seed-3"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("tiny/nobody", "unknown arm; the arms of 'tiny' are: original, bn-after-add, pretrained"),
        ("nothing/original", "there is no experiment 'nothing'"),
        ("tiny/tuned", "itself starts from a run"),
        ("tiny/original/seed-x", "allowed: EXPERIMENT/ARM, EXPERIMENT/ARM/seed-N, a .safetensors or .pt file"),
        ("w.safetensors", "sha256 is required for a file of weights"),
    ],
)
def test_sources_that_cannot_be_are_named(source: str, message: str, root: Path) -> None:
    path = root / "experiments" / "tiny.toml"
    path.write_text(path.read_text().replace('source = "tiny/pretrained", ', f'source = "{source}", '))
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        spec.load("tiny", root)


def test_circles_of_experiments_are_named(root: Path) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        text = TINY.replace('name = "tiny"', f'name = "{name}"').replace(
            '[[arm]]\nname = "bn-after-add"',
            f'[[arm]]\nname = "bn-after-add"\nweights = {{ source = "{other}/original" }}',
        )
        (root / "experiments" / f"{name}.toml").write_text(text)
    with pytest.raises(UserError, match="one starts from two starts from one, which is a circle"):
        spec.load("one", root)


# --- files -----------------------------------------------------------------------------------------------------------


def start(root: Path, state: dict[str, torch.Tensor], name: str = "w.safetensors", **settings: str) -> torch.nn.Module:
    """A network of depth 8 that starts from a file with `state`."""
    (root / "experiments").mkdir(exist_ok=True)
    path = root / "experiments" / name
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    source = {"source": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} | settings
    run = Run(experiment="tests", arm="arm", seed=0, scale=FULL, recipe=recipe(weights=source, precision="fp32"))
    model = models.build(**run.recipe.model.model_dump(), channels=1, size=8)
    start_from(model, run, root)
    return model


def test_a_file_is_loaded_by_name_or_in_order(tmp_path: Path) -> None:
    other = models.build("resnet-cifar", depth=8, channels=1, size=8, seed=9).state_dict()
    by_name = start(tmp_path, other, head="loaded").state_dict()
    assert all(torch.equal(by_name[name], value) for name, value in other.items())
    numbered = {f"{number:03}": value for number, value in enumerate(other.values()) if value.dim()}
    in_order = start(tmp_path, numbered, "w.pt").state_dict()
    assert torch.equal(in_order["stage3.0.residual.0.weight"], other["stage3.0.residual.0.weight"])
    assert not torch.equal(in_order["linear.weight"], other["linear.weight"]), "the head is new"


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    deeper = models.build("resnet-cifar", depth=14, channels=1, size=8).state_dict()
    few = {"conv1.weight": deeper["conv1.weight"]}
    with pytest.raises(UserError, match="hold 1 tensors; the network needs"):
        start(tmp_path, few, "w.pt")
    with pytest.raises(UserError, match="lack 'bn1.weight' and"):
        start(tmp_path, few)
    wider = models.build("resnet-cifar", depth=8, width=32, channels=1, size=8).state_dict()
    with pytest.raises(UserError, match=r"conv1.weight has the shape \[32, 1, 3, 3\] instead of \[16, 1, 3, 3\]"):
        start(tmp_path, wider)
    with pytest.raises(UserError, match="have SHA-256 .* but the spec has 0000"):
        start(tmp_path, wider, sha256="0" * 64)
    with pytest.raises(UserError, match="torchvision has no network like this one"):
        start(tmp_path, wider, source="IMAGENET1K_V2", sha256="")
    with pytest.raises(ValidationError, match="sha256 is required for a file of weights, and only for that"):
        start(tmp_path, wider, source="IMAGENET1K_V2")
