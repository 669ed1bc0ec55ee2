"""Locks between processes, on this machine's file systems and on shared ones.

A lock is the system's `flock`, which ends with its process, however that ends. Where a file system
has no `flock`, or one that other machines do not see, it is a claim file (`claims`).
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from contextlib import ExitStack
from pathlib import Path

from saibench.files.claims import MAX_SILENCE, InUse, claimed_by, take_claim

__all__ = ["InUse", "is_locked", "take_lock"]

log = logging.getLogger(__name__)

UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""`flock` of NFS without a lock service, of Lustre without `-o flock`, and of some of FUSE."""
LOCAL_OPTIONS = {"localflock", "local_lock=flock", "local_lock=all"}
"""Mount options of Lustre and NFS with which other machines do not see a `flock`."""
MOUNTS = Path("/proc/self/mounts")
MAX_PAUSE = 0.5
"""Seconds between two attempts of a process that waits."""

_held: set[int] = set()
"""File descriptors of the locks of this process."""
_named: set[int] = set()
"""File systems of which was said that they have no `flock`."""


def take_lock(path: Path, wait: float = 0.0) -> ExitStack:
    """Lock the file `path` for this process; closing the returned stack releases it.

    Args:
        path: the file of the lock, which is created and stays.
        wait: seconds to wait for another process; `math.inf` for as long as it takes.

    Raises:
        InUse: another process holds it.
        OSError: of the file system; `filename` is the file.
    """
    deadline, pause = time.monotonic() + wait, 0.01
    option = _local_option(path)
    while True:
        try:
            return _taken(path, option)
        except InUse:
            if time.monotonic() >= deadline:
                raise
        except OSError as error:
            error.filename = error.filename or str(path)  # flock and write do not name their file
            raise
        time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock `path`, or the lock cannot be read.

    The lock is not taken; beside a claim, a file that is removed at once tells the time.
    """
    try:
        if claimed_by(path) is not None:
            return True
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in UNSUPPORTED
    finally:
        os.close(descriptor)
    return False


def _taken(path: Path, option: str | None) -> ExitStack:
    if option is not None:
        reason = f"its mount option {option} hides locks from other machines"
    else:
        try:
            return _flock(path)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            reason = str(error.strerror)
    if (device := path.parent.stat().st_dev) not in _named:
        _named.add(device)
        log.warning(
            "%s cannot be locked by the system (%s): claim files beside it are used here, and that "
            "of a process without a sign of life for %g s is taken over.",
            *(path, reason, MAX_SILENCE),
        )
    return take_claim(path)


def _flock(path: Path) -> ExitStack:
    """The system's lock, unless a process that could not have it has a claim."""
    with ExitStack() as stack:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        stack.callback(_close, descriptor)
        _held.add(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # the latter on some file systems
            raise InUse("another process") from error
        stack.callback(fcntl.flock, descriptor, fcntl.LOCK_UN)  # also for a child that has it
        owner = claimed_by(path)
        if owner is not None:
            raise InUse(owner)
        return stack.pop_all()


def _close(descriptor: int) -> None:
    _held.discard(descriptor)
    os.close(descriptor)


def _close_in_child() -> None:
    """A forked worker that outlives its parent must not keep the parent's locks."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


def _local_option(path: Path) -> str | None:
    """The option of the path's mount that keeps locks from other machines, if it has one."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:  # of Linux only
        return None
    absolute = path.parent.resolve()
    found = [
        (point, options)
        for _, point, _, options, *_ in (line.split(" ") for line in lines)
        if absolute.is_relative_to(point.replace("\\040", " "))
    ]
    _, options = max(reversed(found), key=lambda one: len(one[0]), default=("", ""))
    return next((one for one in options.split(",") if one in LOCAL_OPTIONS), None)
