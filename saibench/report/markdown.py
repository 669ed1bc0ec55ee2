"""Escaping of texts from records, which may be hostile, in Markdown."""

from __future__ import annotations

import re
from typing import Any

_TAG = re.compile(r"<(?=[A-Za-z/!?])")


class _Code(str):
    """A line of a code block, which is not escaped again."""

    __slots__ = ()


def code(text: str) -> str:
    """The text as one line of a code block, without the end of a block."""
    return _Code(" ".join(text.split("\n")).replace("```", "'''"))


def plain(value: Any) -> Any:
    """A value as one line of text, without HTML, links or column separators."""
    if not isinstance(value, str) or isinstance(value, _Code):
        return value
    line = " ".join(value.split("\n"))
    return _TAG.sub("&lt;", line).replace("](", "]\\(").replace("|", "\\|")
