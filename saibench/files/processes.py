"""Who writes a file: machine and process."""

from __future__ import annotations

import os
import platform
from functools import cache
from hashlib import sha256


def host() -> str:
    """Name of this machine, without its domain."""
    return platform.node().partition(".")[0]


@cache
def process_space() -> str:
    """Where process numbers are unique: a boot of a machine and, in containers, a namespace.

    Machines may share a name, and a container may have the name of its machine.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # of Linux only
        return host()


@cache
def process_place() -> str:
    """Name of this machine and a digest of `process_space`, for names of files."""
    return f"{host()}-{sha256(process_space().encode()).hexdigest()[:8]}"


def is_alive(process: int) -> bool:
    """Whether a process of this machine has that number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's process
        return True
    return True
