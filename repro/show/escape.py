"""Text as it stands -> Markdown and LaTeX that show it. Line ends become spaces."""

import re

MARKDOWN = re.compile(r"[\\*`~]|<(?=[A-Za-z/!?])|\[(?=[^\]]*\]\()")
LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "^": r"\textasciicircum{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "±": r"$\pm$",
    "<": "$<$",
    ">": "$>$",
    "~": r"\textasciitilde{}",
}


def markdown(text: str) -> str:
    return MARKDOWN.sub(lambda match: "&lt;" if match[0] == "<" else "\\" + match[0], re.sub(r"\s+", " ", text))


def markdown_cell(text: str) -> str:
    """In a cell of a table."""
    return markdown(text).replace("|", r"\|")


def latex(text: str) -> str:
    return "".join(LATEX.get(char, char) for char in " ".join(text.split()))
