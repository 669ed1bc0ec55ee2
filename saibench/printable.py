"""Text from other people without control characters."""

from __future__ import annotations

import re
from typing import Any

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters except tab and line feed, changes of the writing direction, and surrogates,
which cannot be encoded."""


def printable(content: Any) -> Any:
    """Replace each control character in the texts of JSON content by `\ufffd`."""
    if isinstance(content, str):
        return _UNSEEN.sub("\ufffd", content)
    if isinstance(content, dict):
        return {printable(key): printable(value) for key, value in content.items()}
    if isinstance(content, list):
        return [printable(value) for value in content]
    return content
