"""Untrusted files: regular ones of limited size."""

from __future__ import annotations

import stat
from pathlib import Path


def refuse_irregular(path: Path) -> None:
    """Refuse pipes and devices, which may never end.

    Raises:
        ValueError: it is not a file or a link to one.
        OSError: it does not exist, or is not accessible.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a regular file")


def read_text(path: Path, largest: int) -> str:
    """Return the text of a regular file.

    Args:
        path: the file, in UTF-8.
        largest: maximum size in bytes.

    Raises:
        ValueError: it is not a regular file, is too large, or is not UTF-8.
        OSError: it cannot be read.
    """
    refuse_irregular(path)
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"it has more than {largest:,} bytes")
    return content.decode("utf-8")
