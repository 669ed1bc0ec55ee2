"""Room on a disk: taken before it is written to, and missed in one sentence."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saibench.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def take_space(path: Path) -> None:
    """Give a sparse file all of its blocks, or raise OSError(ENOSPC).

    A write to a mapped file whose blocks the disk doesn't have kills the process with SIGBUS.
    """
    size = path.stat().st_size
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    elif shutil.disk_usage(path).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


@contextmanager
def writable(folder: Path, size: int | None = None) -> Iterator[None]:
    """Within it, a full disk and a forbidden folder are UserErrors; `size` is the bytes needed."""
    elsewhere = "or name another folder with SAIBENCH_CACHE_DIR"
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            needed = "more bytes" if size is None else f"{size:,} bytes"
            raise UserError(
                f"the disk of {folder} is full: {needed} are needed; free some, {elsewhere}."
            ) from error
        if error.errno in FORBIDDEN:
            raise UserError(
                f"{folder} can't be written ({error.strerror}): make it writable, {elsewhere}."
            ) from error
        raise
