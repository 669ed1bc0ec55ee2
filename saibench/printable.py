"""Texts that somebody else wrote, without what a terminal would obey."""

from __future__ import annotations

import re
from typing import Any

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tab and line feed, those that turn the direction of writing,
and halves of characters, which cannot be written."""


def printable(content: Any) -> Any:
    """JSON in which each control character of a text is the replacement character `\ufffd`."""
    if isinstance(content, str):
        return _UNSEEN.sub("\ufffd", content)
    if isinstance(content, dict):
        return {printable(key): printable(value) for key, value in content.items()}
    if isinstance(content, list):
        return [printable(value) for value in content]
    return content
