"""Freed memory is kept for the next arrays."""

from __future__ import annotations

import ctypes
import os
import platform

KEPT = 512 << 20
"""Bytes of freed memory that are not returned to the system."""
LARGEST = 32 << 20
"""Bytes of the largest array that is kept; the C library allows no more."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h


def keep_freed_memory() -> bool:
    """Let the C library keep freed arrays of up to 32 MiB, 512 MiB in all.

    It would otherwise return the memory of an array of a million samples, which the system then
    clears for the next one. pyarrow uses the same memory, if it is not loaded yet and
    ARROW_DEFAULT_MEMORY_POOL is not set: its own default, mimalloc, takes a second of system time
    to read a table of a million rows.

    Returns:
        whether it is kept; only glibc has this option.

    Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_THRESHOLD, LARGEST) and mallopt(_TRIM_THRESHOLD, KEPT))
