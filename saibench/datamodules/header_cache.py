"""What the headers of files state, read again only if a file has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

from saibench.datamodules.hash_cache import States, file_states, is_settled

Header = TypeVar("Header")

_known: dict[tuple[Path, Hashable, States], Any] = {}


def cached_header(path: Path, options: Hashable, read: Callable[[], Header]) -> Header:
    """What `read` returns, called once in this process as long as the file does not change.

    Args:
        path: a file, or a folder of files.
        options: of the reading, with what distinguishes this kind of header from others.
        read: reads the header.
    """
    began = time.time_ns()
    try:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        states = file_states([path, *files])
    except OSError:  # which `read` reports
        return read()
    key = path, options, states
    if key in _known:
        return _known[key]
    found = read()
    if is_settled(states, began):
        _known[key] = found
    return found
