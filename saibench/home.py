"""A home folder for a user who has none, as any user id in a container may be."""

from __future__ import annotations

import getpass
import os
import stat
import sys
import tempfile
from pathlib import Path

from saibench.errors import UserError


def ensure_home() -> None:
    """Give this process and its children a HOME, and a USER, where the system knows of none.

    Caches of saibench, matplotlib, numba, PyTorch and Weights & Biases lie below it. A folder for
    temporary files is taken, which is the user's alone, and that is told.

    Raises:
        UserError: that folder is another user's, or cannot be made.
    """
    if not _has_home():
        folder = Path(tempfile.gettempdir(), f"saibench-home-{os.getuid()}")
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            status = folder.lstat()
        except OSError as error:
            raise UserError(
                f"HOME is not set, and {folder} cannot be made ({error.strerror}). Set HOME to a "
                "folder that can be written."
            ) from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise UserError(
                f"HOME is not set, and {folder} is another user's. Set HOME to a folder that can "
                "be written."
            )
        os.environ["HOME"] = str(folder)
        print(f"HOME is not set: caches are kept in {folder}.", file=sys.stderr)
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        os.environ["USER"] = str(os.getuid())


def _has_home() -> bool:
    if "HOME" in os.environ:
        return os.environ["HOME"] != ""
    try:
        Path.home()
    except RuntimeError:
        return False
    return True
