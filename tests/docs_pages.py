"""Code blocks of the documentation, for tests that run them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from command_line import REPOSITORY

DOCS = REPOSITORY / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# my_project/(\S+)\n")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """Return the words of each command of a bash block."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def commands(page: Path) -> list[list[str]]:
    """Return the words of each bash command of a page."""
    return [words for block in blocks(page) if block.language == "bash" for words in block.commands]


def files_of_my_project(page: Path) -> dict[str, str]:
    """Return the files of a page by their path in `my_project`."""
    found = {}
    for block in blocks(page):
        if name := FILE.match(block.text):
            found[name[1]] = block.text[name.end() :]
    return found


def write_my_project(page: Path, folder: Path) -> Path:
    """Write the files of a page; return `my_project`."""
    project = folder / "my_project"
    for name, text in files_of_my_project(page).items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return project
