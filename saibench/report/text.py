"""How values read on the page."""

from __future__ import annotations

from typing import Any

from saibench.formatting import NOTHING, duration, number


def trained_on(count: int | None) -> str:
    """How many samples a run trained on, or that it trained nothing."""
    return "not trained here" if count == 0 else number(count)


def measured(recorded: Any) -> str:
    """The value of a recorded metric, or the bound that an infinite one is known to exceed."""
    if recorded.above is not None:
        return f"> {number(recorded.above)}"
    return number(recorded.value)


def setting(value: Any) -> str:
    """A setting as its config has it; nothing where it is null."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def web_address(address: Any) -> str:
    """The address if it is one of the web, else nothing: no other scheme becomes a link."""
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
