"""The site's hook for MkDocs: pages that stand outside docs/, the pages that are generated, and the links between them.

The documents link to each other by their paths in the repository, so that GitHub shows them too. Here docs/ is the
site's root and README.md its first page; a file that a page links to, such as an experiment's, is copied into the site.
"""

import re
from inspect import cleandoc
from pathlib import Path
from posixpath import dirname, normpath, relpath

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from repro.cli import main

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = ("README.md", "REPORT.md", "CHANGELOG.md", "CONTRIBUTING.md")
VERBATIM = "\b"  # click's mark of a paragraph whose lines stay as they are
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
COMMANDS = (
    "# Commands\n\n::: mkdocs-click\n    :module: repro.cli\n    :command: main\n    :prog_name: repro\n    :depth: 1\n"
)


def on_startup(command: str, dirty: bool) -> None:
    """Show what a command's help sets in lines of its own, its examples, as code."""
    _with_code(main)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents of the repository's root, the commands' reference and the gallery."""
    pages = {_uri(name): (ROOT / name).read_text(encoding="utf-8") for name in OUTSIDE}
    for uri, text in {**pages, "commands.md": COMMANDS, "gallery.md": _gallery()}.items():
        files.append(File.generated(config, uri, content=text))
    for uri, text in {f.src_uri: f.content_string for f in files if f.is_documentation_page()}.items():
        for _, _, target, _ in LINK.findall(text):
            path = _path(uri, target)
            if path and (ROOT / path).is_file() and files.get_file_from_path(_uri(path)) is None:
                files.append(File.generated(config, _uri(path), content=(ROOT / path).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links between files of the site."""

    def turned(match: re.Match[str]) -> str:
        mark, label, target, anchor = match.groups(default="")
        path = _path(page.file.src_uri, target)
        if path is None:
            return match[0]
        if (ROOT / path).is_dir():
            return label  # the site has no page for a folder
        return f"{mark}[{label}]({relpath(_uri(path), dirname(page.file.src_uri) or '.')}{anchor})"

    return LINK.sub(turned, markdown)


def _with_code(command: click.Command) -> None:
    parts = cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(
        f"```{part.removeprefix(VERBATIM)}\n```" if part[:1] == VERBATIM else part for part in parts
    )
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        _with_code(each)


def _uri(path: str) -> str:
    return "index.md" if path == "README.md" else path.removeprefix("docs/")


def _path(uri: str, target: str) -> str | None:
    """The file of the repository that a page's link means; None for an address or a place on the page itself."""
    if not target or ":" in target:
        return None
    outside = uri in map(_uri, OUTSIDE) or uri == "gallery.md" or (ROOT / uri).is_file()
    source = "README.md" if uri == "index.md" else uri if outside else f"docs/{uri}"
    return normpath(f"{dirname(source)}/{target}".lstrip("/"))


def _gallery() -> str:
    """REPORT.md's figures, each under what it shows."""
    intro = "The committed figures, in [the report](REPORT.md)'s order; the numbers behind them stand there."
    lines = ["# Gallery", "", intro, ""]
    for mark, label, target, _ in LINK.findall((ROOT / "REPORT.md").read_text(encoding="utf-8")):
        if mark:
            lines += [f"**{label}**", "", f"![{label}]({target})", ""]
    return "\n".join(lines)
