"""How values read on the page."""

from __future__ import annotations

import math
from typing import Any

NOTHING = "–"


def number(value: float | int | None) -> str:
    """Three significant digits, thousands separated: `30.6`, `0.391`, `1,230`."""
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "undefined" if math.isnan(value) else "infinite"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4:
        return f"{value:.2e}".replace("-", "−")
    return f"{value:,.{max(0, 2 - magnitude)}f}".replace("-", "−")


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


def duration(seconds: float | None) -> str:
    """`11 s`, `30 min`, `2.5 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


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
