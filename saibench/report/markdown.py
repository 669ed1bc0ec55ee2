"""Markdown whose texts come from records, which anybody may have written."""

from __future__ import annotations

import re
from typing import Any

_TAG = re.compile(r"<(?=[A-Za-z/!?])")


class _Code(str):
    """A line of a block of code, in which nothing is markup but its end."""

    __slots__ = ()


def code(text: str) -> str:
    """The text as one line of a block of code, which it cannot end."""
    return _Code(" ".join(text.split("\n")).replace("```", "'''"))


def plain(value: Any) -> Any:
    """A value as text of one line: no HTML, no link, no further column of a table."""
    if not isinstance(value, str) or isinstance(value, _Code):
        return value
    line = " ".join(value.split("\n"))
    return _TAG.sub("&lt;", line).replace("](", "]\\(").replace("|", "\\|")
