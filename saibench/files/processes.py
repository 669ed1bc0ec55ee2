"""Who writes a file: machine and process."""

from __future__ import annotations

import os
import platform


def host() -> str:
    """Name of this machine, without its domain."""
    return platform.node().partition(".")[0]


def is_alive(process: int) -> bool:
    """Whether a process of this machine has that number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's process
        return True
    return True
