"""Location of the cache."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """The folder of all caches: `SAIBENCH_CACHE_DIR`, else `~/.cache/saibench`."""
    return Path(os.environ.get("SAIBENCH_CACHE_DIR") or "~/.cache/saibench").expanduser()
