"""`repro doctor`: what it finds, and that each lack has its fix."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from repro.step.kernels import build

Cli = Callable[..., Result]


def test_what_is_missing_has_its_fix(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setattr(build, "compiler", lambda: None)
    result = cli("doctor", "--json")
    assert result.exit_code == 0
    found = {each["name"]: each for each in json.loads(result.stdout)}
    assert found["data: digits"] == {"name": "data: digits", "found": "ready", "fix": ""}
    assert found["data: cifar10"]["fix"] == "repro data fetch cifar10"
    assert found["W&B"]["fix"].startswith("wandb login")
    if "avx512f" in build.processor().split():
        assert found["fast CPU step"]["fix"].startswith("install g++")
    assert found["results"]["fix"] == ""

    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    text = cli("doctor").stdout
    assert "fix: repro data fetch mnist" in text and "wandb login" not in text and "0" * 40 not in text
