"""The documents as a site: it builds without a warning, with every command and figure, and no link in it is dead."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from repro.cli import main

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_site_builds_strictly_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    commands = (tmp_path / "commands/index.html").read_text(encoding="utf-8")
    assert [name for name in main.commands if f'id="repro-{name}"' not in commands] == []
    links, dead, fetched = 0, [], []
    for page in tmp_path.rglob("index.html"):
        html = page.read_text(encoding="utf-8")
        for target in re.findall(r'<(?:a|img)[^>]* (?:href|src)="([^"#:?]+)["#?]', html):
            links += 1
            if not (page.parent / unquote(target)).exists():
                dead.append((page.parent.name, target))
        fetched += re.findall(r'<(?:script|img|link)[^>]* (?:src|href)="(https?://[^"]+)', html)
    assert links > 300 and not dead  # some 420 in all
    assert not fetched  # the site is read without a network
