"""Claim files: a lock for file systems without `flock`, from exclusive creation of files alone.

The claims of `<lock>` are the files 1, 2, 3, … in `<lock>.claims`; the last one counts. Its owner
renews the file's time of change until it releases it. A claim that was released, whose process has
ended, or that was not renewed, is succeeded by the next number: of several processes that see it
so, the system lets one create that file, and as none that counted is removed, a process with an
outdated view fails to create it. Times are those of the file system: clocks of machines may differ.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from saibench.files.links import refuse_link
from saibench.files.processes import host, is_alive, process_place, process_space

log = logging.getLogger(__name__)

RENEWAL = 10.0
"""Seconds between two renewals of a claim."""
MAX_SILENCE = 120.0
"""Seconds without renewal after which a claim is taken over; NFS shows a change after up to 60."""
RELEASED = "released"


class InUse(Exception):
    """Another process holds a lock; the text says which one, if that is known."""


@dataclass(frozen=True)
class Owner:
    """The process that made a claim; `space` says where its number is unique."""

    user: str
    host: str
    process: int
    space: str

    @classmethod
    def current(cls) -> Owner:
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # a user without an entry, as in containers
            user = str(os.getuid())
        return cls(user, host(), os.getpid(), process_space())

    def __str__(self) -> str:
        return f"process {self.process} of {self.user} on {self.host}"


@dataclass(frozen=True)
class _Claim:
    """What a claim file says.

    Args:
        owner: None if it was released, or is being written.
        is_released: by its owner.
        silence: seconds since its renewal.
    """

    owner: Owner | None
    is_released: bool
    silence: float

    @property
    def has_ended(self) -> bool:
        owner = self.owner
        if owner is None or owner.space != process_space():
            return False
        return not is_alive(owner.process)

    @property
    def is_live(self) -> bool:
        return not (self.is_released or self.has_ended or self.silence > MAX_SILENCE)

    def __str__(self) -> str:
        return (
            f"{self.owner or 'another process'}, whose claim was renewed {self.silence:.0f} s ago"
        )


def take_claim(lock: Path) -> ExitStack:
    """Claim `lock` for this process; closing the returned stack releases it.

    Raises:
        InUse: another process has a claim.
        OSError: the claim cannot be written.
        UserError: the folder of the claims is a link.
    """
    folder = _folder(lock)
    refuse_link(folder)
    folder.mkdir(exist_ok=True)
    number = _last(folder)
    while True:
        before = _read(folder, number) if number else None
        if before is not None and before.is_live:
            raise InUse(str(before))
        number += 1
        try:
            descriptor = os.open(folder / str(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            break
        except FileExistsError:  # another process was faster, or the list of the folder is old
            continue
    own = json.dumps(asdict(Owner.current()))
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(own)
    except OSError:
        (folder / str(number)).unlink()  # it is still the last one
        raise
    if before is not None and not before.is_released:
        how = "has ended" if before.has_ended else f"shows no sign of life for {MAX_SILENCE:g} s"
        log.warning("%s was in use by %s, and %s: it is taken over.", lock, before, how)
    return _renewed(folder, number, own)


def claimed_by(lock: Path) -> str | None:
    """The process that has a claim of `lock`, in words; None if there is none."""
    folder = _folder(lock)
    if not folder.is_dir():
        return None
    number = _last(folder)
    claim = _read(folder, number) if number else None
    return str(claim) if claim is not None and claim.is_live else None


def _renewed(folder: Path, number: int, own: str) -> ExitStack:
    """A stack in which a thread renews the claim, and whose end releases it."""
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(folder, number, ended), daemon=True)
    thread.start()
    stack = ExitStack()
    stack.callback(_release, folder / str(number), own)
    stack.callback(thread.join)
    stack.callback(ended.set)
    return stack


def _renew(folder: Path, number: int, ended: threading.Event) -> None:
    while not ended.wait(RENEWAL):
        try:
            os.utime(folder / str(number))  # to the time of the file system's server
            successor = folder / str(number + 1)
            if successor.exists():
                log.error(
                    "%s: this process was taken for dead, and %s began: end one of the two, which "
                    "write to the same files.",
                    *(folder, successor),
                )
                return
        except OSError as error:
            log.warning("%s was not renewed (%s).", folder / str(number), error.strerror)


def _release(path: Path, own: str) -> None:
    """Release a claim that says `own`.

    Its owner may have removed the folder, as of a run that was refused, and another process may
    have made it anew with a claim of its own: only the file that was read is written.
    """
    try:
        with path.open("r+", encoding="utf-8") as file:  # creates none
            if file.read() == own:
                file.seek(0)
                file.truncate()
                file.write(RELEASED)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning(
            "%s was not released (%s): it is taken over after %g s.",
            *(path, error.strerror, MAX_SILENCE),
        )


def _folder(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.claims")


def _last(folder: Path) -> int:
    return max((int(path.name) for path in folder.iterdir() if path.name.isdecimal()), default=0)


def _read(folder: Path, number: int) -> _Claim:
    with (folder / str(number)).open(encoding="utf-8") as file:  # opening it asks the server
        text, renewed = file.read(), os.fstat(file.fileno()).st_mtime
    try:
        owner = Owner(**json.loads(text))
    except (TypeError, ValueError):  # released, or its owner is about to write it
        owner = None
    is_released = text == RELEASED
    return _Claim(owner, is_released, 0.0 if is_released else _now(folder) - renewed)


def _now(folder: Path) -> float:
    """The time of the file system; of this machine if the folder cannot be written."""
    path = folder / f".now-{process_place()}-{os.getpid()}-{threading.get_ident()}"
    try:
        path.touch()
        now = path.stat().st_mtime
        path.unlink()
    except OSError:
        return time.time()
    return now
