"""A home folder for a user without one, such as an unknown user id in a container."""

from __future__ import annotations

import getpass
import os
import stat
import sys
import tempfile
from pathlib import Path

from saibench.errors import UserError


def ensure_home() -> None:
    """Set HOME and USER for this process and its children if the system has none.

    saibench, matplotlib, numba, PyTorch and Weights & Biases keep their caches below HOME. The
    folder is a private one for temporary files; a message on standard error names it.

    Raises:
        UserError: the folder belongs to another user, or cannot be created.
    """
    if (problem := _problem()) is not None:
        folder = Path(tempfile.gettempdir(), f"saibench-home-{os.getuid()}")
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            status = folder.lstat()
        except OSError as error:
            raise UserError(
                f"{problem}, and {folder} cannot be created ({error.strerror}). Set HOME to a "
                "writable folder."
            ) from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise UserError(
                f"{problem}, and {folder} belongs to another user. Set HOME to a writable folder."
            )
        os.environ["HOME"] = str(folder)
        print(f"{problem}: caches are kept in {folder}.", file=sys.stderr)
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        os.environ["USER"] = str(os.getuid())


def _problem() -> str | None:
    """Return what is wrong with the home folder; None if it is writable or can be created."""
    try:
        home = Path(os.environ.get("HOME") or Path.home())
    except RuntimeError:
        return "HOME is not set"
    existing = next(one for one in (home.absolute(), *home.absolute().parents) if one.exists())
    # container engines set `/` for an unknown user id
    return None if os.access(existing, os.W_OK) else f"HOME={home} is not writable"
