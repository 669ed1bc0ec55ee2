"""Cells and tables of a Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def percent(interval: dict[str, Any] | None) -> str:
    """`91.2 % [89.8, 92.4]`; without an interval if it is unknown, and a dash without samples."""
    if interval is None:
        return "–"
    if interval["low"] is None or interval["high"] is None:
        return f"{100 * interval['estimate']:.1f} %"
    estimate, low, high = (100 * interval[key] for key in ("estimate", "low", "high"))
    return f"{estimate:.1f} % [{low:.1f}, {high:.1f}]".replace("-", "−")


def names_of(features: Sequence[str], count: int) -> str:
    """Names of some of `count` features; `all 8` if they are."""
    return f"all {count}" if len(features) == count > 3 else ", ".join(features)


def whole(share: float) -> str:
    """`90 %`."""
    return f"{100 * share:.0f} %"


def number(interval: dict[str, Any] | None) -> str:
    """`0.86 [0.85, 0.87]`, `1.12` without an interval; a dash without samples."""
    if interval is None:
        return "–"
    if interval["low"] is None or interval["low"] == interval["high"]:
        return f"{interval['estimate']:.2f}"
    return f"{interval['estimate']:.2f} [{interval['low']:.2f}, {interval['high']:.2f}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table and an empty line."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def folded(summary: str, lines: Iterator[str]) -> Iterator[str]:
    """Lines that show on a click."""
    yield f"<details><summary>{summary}</summary>"
    yield ""
    yield from lines
    yield "</details>"
    yield ""
