"""Something that happens to a process at its n-th change of files in a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}
"""Audit events of Python: https://docs.python.org/3/library/audit_events.html"""


def at_change(number: int, folder: Path, happens: Callable[[], None]) -> Callable[[], None]:
    """Call `happens` in a process before its `number`-th change, counted from 0.

    A change is a file opened for writing, renamed or removed, or a folder made or removed.
    """
    return lambda: _listen(folder, lambda count: happens() if count == number else None)


def counting(folder: Path, file: Path) -> Callable[[], None]:
    """Write as many bytes as a process makes changes to a file outside the folder."""

    def count(number: int) -> None:
        with open(file, "a", encoding="utf-8") as opened:
            opened.write(".")

    return lambda: _listen(folder, count)


def _listen(folder: Path, happens: Callable[[int], None]) -> None:
    count = 0
    inside = str(folder)
    working = os.getcwd()

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event != "open" and event not in CHANGES:
            return
        path = arguments[0]
        if not isinstance(path, str | bytes | os.PathLike):
            return
        if event == "open" and not _writes(arguments[1], arguments[2]):
            return
        if os.path.join(working, os.fsdecode(path)).startswith(inside):
            number, count = count, count + 1
            happens(number)

    sys.addaudithook(heard)


def _writes(mode: str | None, flags: int) -> bool:
    if mode is not None:
        return not set(mode).isdisjoint("wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
