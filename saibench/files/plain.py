"""Files from anywhere: regular ones alone, and no more of a text than a bound."""

from __future__ import annotations

import stat
from pathlib import Path


def refuse_irregular(path: Path) -> None:
    """Refuse a pipe, which may be waited for without end, and a device, which may have no end.

    Raises:
        ValueError: it is something else than a file, or a link to one.
        OSError: there is nothing, or it cannot be looked at.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no regular file")


def read_text(path: Path, largest: int) -> str:
    """The text of a regular file.

    Args:
        path: the file, in UTF-8.
        largest: bytes that it may have.

    Raises:
        ValueError: it is no regular file, is larger, or is not UTF-8.
        OSError: it cannot be read.
    """
    refuse_irregular(path)
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"it has more than {largest:,} bytes")
    return content.decode("utf-8")
