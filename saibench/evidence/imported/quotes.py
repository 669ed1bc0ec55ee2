"""Where the quotes of delimited text are wrong, for a message."""

from __future__ import annotations

import re
from collections.abc import Iterable

_INSIDE = r'(?:[^"]|"")*'


def fault_of_quotes(lines: Iterable[tuple[int, str]], separator: str) -> str | None:
    """What is wrong with the quotes of a text, with the line; None if nothing is.

    A value in quotes begins and ends with one, may have several lines, and has two for each within
    (RFC 4180, 2.5 to 2.7).

    Args:
        lines: number and text of each.
        separator: between values.
    """
    sign = re.escape(separator)
    value = rf'(?:"{_INSIDE}"|[^"{sign}]*)'
    whole = re.compile(rf"{value}(?:{sign}{value})*")
    begun = re.compile(rf'(?:{value}{sign})*"{_INSIDE}')
    opened = None
    for number, line in lines:
        text = line.rstrip("\r\n")
        if opened is not None:
            if (ended := re.match(rf'{_INSIDE}"(?!")', text)) is None:
                continue
            text = '""' + text[ended.end() :]
        if whole.fullmatch(text):
            opened = None
        elif begun.fullmatch(text):
            opened = number
        else:
            return f"line {number if opened is None else opened} has a quote within a value"
    return None if opened is None else f"line {opened} has a quote that is not closed"
