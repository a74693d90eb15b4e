"""README, the documents and the code say the same."""

import re
from pathlib import Path

from repro import spec
from repro.cli import main

REPO = Path(__file__).resolve().parent.parent


def test_every_command_is_in_readmes_table() -> None:
    table = re.findall(r"^\| `repro ([a-z]+)` \|", (REPO / "README.md").read_text(), re.MULTILINE)
    assert table == list(main.commands)


def test_every_experiment_is_in_readmes_table() -> None:
    table = re.findall(r"^\| `([a-z0-9-]+)` \|", (REPO / "README.md").read_text(), re.MULTILINE)
    assert sorted(table) == spec.names(REPO)


def test_every_room_is_in_the_tree() -> None:
    told = set(re.findall(r"^      (\S+?)/?  ", (REPO / "docs/architecture.md").read_text(), re.MULTILINE))
    rooms = {path.name for path in (REPO / "repro").iterdir() if not path.name.startswith("__")}
    small = {
        "errors.py",
        "fields.py",
        "files.py",
        "interrupts.py",
        "durations.py",
        "wording.py",
    }  # a function or two each
    assert rooms - small == told


def test_the_example_of_an_experiment_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (REPO / "docs/experiments.md").read_text(), re.DOTALL)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments/weight-decay.toml").write_text(example)
    experiment = spec.load("weight-decay", tmp_path)
    assert len(spec.resolve(experiment, [0, 1])) == len(spec.resolve(experiment, [0, 1], scale=spec.DEMO)) == 4
    assert [each.deviation.id for each in spec.other_readings(experiment, "decay", spec.FULL)] == ["all-images"]


def test_links_between_documents_lead_somewhere() -> None:
    """Relative links of README and docs/; anchors are not looked up."""
    broken = []
    for page in [REPO / "README.md", REPO / "CONTRIBUTING.md", *(REPO / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]*)(?:#[^)]*)?\)", page.read_text()):
            if target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []
