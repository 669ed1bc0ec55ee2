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
    if (lacking := _lacking()) is not None:
        folder = Path(tempfile.gettempdir(), f"saibench-home-{os.getuid()}")
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            status = folder.lstat()
        except OSError as error:
            raise UserError(
                f"{lacking}, and {folder} cannot be made ({error.strerror}). Set HOME to a "
                "folder that can be written."
            ) from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise UserError(
                f"{lacking}, and {folder} is another user's. Set HOME to a folder that can be "
                "written."
            )
        os.environ["HOME"] = str(folder)
        print(f"{lacking}: caches are kept in {folder}.", file=sys.stderr)
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        os.environ["USER"] = str(os.getuid())


def _lacking() -> str | None:
    """What is wrong with the home folder; None if it can be written, or made."""
    try:
        home = Path(os.environ.get("HOME") or Path.home())
    except RuntimeError:
        return "HOME is not set"
    there = next(one for one in (home.absolute(), *home.absolute().parents) if one.exists())
    # `/` is what container engines set for a user id that they do not know
    return None if os.access(there, os.W_OK) else f"HOME={home} cannot be written"
