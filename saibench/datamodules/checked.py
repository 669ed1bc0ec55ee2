"""Checks of what a source gives, made once for each content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from saibench.datamodules.cache import cached_arrays

VERSION = 3
"""Of the checks: a higher one makes them again on data that passed the lower."""


def checked_once(cache: Path, name: str, data_hash: str, check: Callable[[], None]) -> None:
    """Call `check` unless data of this hash have passed it; the cache keeps that they did.

    Args:
        cache: root folder of the caches.
        name: of the source.
        data_hash: of the data.
        check: raises UserError where the data cannot be used.
    """

    def passed(folder: Path) -> dict[str, np.ndarray]:
        check()
        return {"passed": np.array([True])}

    cached_arrays(cache, f"checked-{name}", {"data": data_hash, "checks": VERSION}, passed)
