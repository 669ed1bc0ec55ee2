"""Disk space: allocated before a file is written, and reported in one sentence when it is short."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saibench.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST),
    *(errno.ESTALE, errno.EIO),
)


def allocate(path: Path) -> None:
    """Give a sparse file all of its blocks, or raise OSError(ENOSPC).

    A write to a memory-mapped file without blocks kills the process with SIGBUS on a full disk.
    """
    size = path.stat().st_size
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    elif shutil.disk_usage(path).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def check_room(name: str, size: int, folder: Path) -> None:
    """Refuse a file that is larger than the free space. Raises UserError."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{name} needs {size:,} bytes, but {folder} has only {free:,} bytes free. Free some "
            "space, or use another folder."
        )


@contextmanager
def writable(folder: Path, size: int | None = None) -> Iterator[None]:
    """Convert a full disk and missing permission to UserError; `size` is the bytes needed."""
    elsewhere = "or set SAIBENCH_CACHE_DIR to another folder"
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            needed = "more space is" if size is None else f"{size:,} bytes are"
            raise UserError(
                f"the disk of {folder} is full: {needed} needed. Free some space, {elsewhere}."
            ) from error
        if error.errno in FORBIDDEN:
            raise UserError(
                f"{folder} is not writable ({error.strerror}). Make it writable, {elsewhere}."
            ) from error
        raise
