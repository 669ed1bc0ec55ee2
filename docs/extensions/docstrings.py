"""Docstrings are written in plain text with `code` between single backticks; Sphinx reads RST."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

CODE = re.compile(r"(?<![`:\w])`([^`]+)`(?![`_])")
BAR = re.compile(r"\|(?=(?:[^`]*``[^`]*``)*[^`]*$)")
"""A sign of an absolute value, outside code."""
NAMED = re.compile(r"^([a-z_]\w*(?:, \w+)*): (?=\S)")
"""Begins an attribute's line: `positions: (T, A, 3) float64, Å`."""


def setup(app: Any) -> dict[str, bool]:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _process, priority=100)
    return {"parallel_read_safe": True}


def _process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(lines)


def as_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring in RST, sections of Google's style as they were."""
    found: list[str] = []
    for block in _blocks(lines):
        if NAMED.match(block[0]) and all(NAMED.match(one) or one[:1] == " " for one in block):
            block = [NAMED.sub(r":\1: ", line) for line in block]
        found += [*_escaped(block), ""]
    return found


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Paragraphs: lines between empty ones."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def _escaped(block: list[str]) -> list[str]:
    """With code as RST writes it; a `code` may go over the end of a line."""
    text = CODE.sub(lambda code: f"``{' '.join(code[1].split())}``", "\n".join(block))
    if not any(markup in text for markup in ("::", ":math:", ">>>")):
        text = BAR.sub(r"\\|", text)
    return text.split("\n")
