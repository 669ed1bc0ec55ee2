"""Values as text on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from saibench.files.bounded_json import finite
from saibench.formatting import NOTHING, duration, number

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z(])")


def as_json(content: Mapping[str, Any]) -> str:
    """JSON that is safe inside a script element; numbers that are not finite become null."""
    text = json.dumps(finite(content), ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def trained_on(count: int | None) -> str:
    """The number of training samples, or "not trained here"."""
    return "not trained here" if count == 0 else number(count)


def measured(recorded: Any) -> str:
    """The value of a recorded metric, or the lower bound of an infinite one."""
    if recorded.above is not None:
        return f"> {number(recorded.above)}"
    return number(recorded.value)


def first_sentence(text: str) -> str:
    """The first sentence of the first line.

    >>> first_sentence("MAE 3.5 meV (fig. 5). It grows.")
    'MAE 3.5 meV (fig. 5).'
    """
    return _SENTENCE_END.split(text.split("\n")[0], maxsplit=1)[0]


def setting(value: Any) -> str:
    """A setting as in its config; a dash for null."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def web_address(address: Any) -> str:
    """The address if it starts with http(s), else "": no other scheme becomes a link."""
    text = str(address or "")
    return text if text.startswith(("https://", "http://")) else ""


FILTERS = {
    "number": number,
    "trained_on": trained_on,
    "measured": measured,
    "setting": setting,
    "duration": duration,
    "web_address": web_address,
}
